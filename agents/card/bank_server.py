"""The bank as an MCP tool server, on one SQLite file.

`python bank_server.py` serves MCP on stdin and stdout; `python bank_server.py --list [--json]` prints the cards and
what was done. The file is `bank.sqlite` in `OPUSAGENT_DATA`, else in the user's data directory.

`call` is the call's id: whoever signed in on it may do things on it, for a while. Every writing tool takes
`idempotency_key` (or the same in `_meta`, see `META_KEY`).
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar, cast

from bank import Bank, Refused
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

META_KEY = "opusagent/idempotency_key"
"""Where a caller of a tool puts the idempotency key in the request's `_meta`."""

T = TypeVar("T")
AnyContext = Context[Any, Any]


class _SignedIn(TypedDict, total=False):
    signed_in: bool


class SignedIn(_SignedIn, total=False):
    """Who is signed in; `tries_left` when nobody is."""

    name: str
    tries_left: int


class Balance(_SignedIn, total=False):
    """What there is, and how much may be moved at once."""

    balance: float
    transfer_limit: float


class Card(_SignedIn, total=False):
    """A card, and where a new one would be sent."""

    found: bool
    last_four: str
    blocked: bool
    address: str


class Blocked(_SignedIn, total=False):
    """Whether the card is blocked now."""

    blocked: bool


class Replaced(_SignedIn, total=False):
    """Whether a new card is on its way."""

    ordered: bool
    reference: str


class Payee(_SignedIn, total=False):
    """The payee that fits, else the names of all."""

    found: bool
    payee: str
    name: str
    payees: list[str]


class Transferred(_SignedIn, total=False):
    """`refused` says why nothing moved: above_limit, above_balance or unknown_payee."""

    done: bool
    refused: str
    reference: str
    balance: float


class Payment(_SignedIn, total=False):
    """A payment that looks like fraud."""

    found: bool
    payment: str
    merchant: str
    amount: float
    day: str
    kind: str


class Reviewed(_SignedIn, total=False):
    """`case`: the number of the dispute."""

    noted: bool
    case: str


class Stated(_SignedIn, total=False):
    """Whether the statement was added to the case."""

    added: bool


def database_path() -> Path:
    """Return the bank's file; its directory is made when missing."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "opusagent"
    path = Path(os.environ.get("OPUSAGENT_DATA") or home) / "bank.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _key(argument: str, context: AnyContext) -> str:
    """Return the call's idempotency key: the argument, else what `_meta` holds."""
    key = argument or str((context.request_context.meta or {}).get(META_KEY) or "")
    if not key:
        raise ToolError("idempotency_key is missing")
    return key


def build_server(bank: Bank) -> MCPServer:
    """Return the MCP server over a bank."""
    server = MCPServer("bank", version="1.0")
    _add_signing_in(server, bank)
    _add_cards(server, bank)
    _add_money(server, bank)
    return server


def _add_signing_in(server: MCPServer, bank: Bank) -> None:
    @server.tool()
    def who_is_calling(call: str) -> SignedIn:
        """Tell whether somebody is signed in on a call."""
        return cast(SignedIn, bank.who(call))

    @server.tool()
    def sign_in(
        ctx: AnyContext, *, call: str, number: str, birth_date: str = "", pin: str = "", idempotency_key: str = ""
    ) -> SignedIn:
        """Sign in by a card or customer number and a birth date (YYYY-MM-DD) or PIN."""
        return cast(SignedIn, bank.sign_in(_key(idempotency_key, ctx), call, number, birth_date, pin))


def _add_cards(server: MCPServer, bank: Bank) -> None:
    @server.tool()
    def find_card(call: str, kind: str) -> Card:
        """Find the debit or credit card of who is signed in."""
        return cast(Card, bank.card(call, kind))

    @server.tool()
    def block_card(call: str, kind: str, ctx: AnyContext, idempotency_key: str = "") -> Blocked:
        """Block a card for good."""
        return cast(Blocked, bank.block(_key(idempotency_key, ctx), call, kind))

    @server.tool()
    def replace_card(call: str, kind: str, ctx: AnyContext, idempotency_key: str = "") -> Replaced:
        """Send a new card for a blocked one to the address on file."""
        return cast(Replaced, bank.replace(_key(idempotency_key, ctx), call, kind))

    @server.tool()
    def find_suspicious_payment(call: str) -> Payment:
        """Find the newest payment that looks like fraud."""
        return cast(Payment, bank.suspicious(call))

    @server.tool()
    def review_payment(
        call: str, payment: str, recognised: bool, ctx: AnyContext, idempotency_key: str = ""
    ) -> Reviewed:
        """Note whether the customer made a payment; one that he did not make blocks its card."""
        return cast(Reviewed, bank.review(_key(idempotency_key, ctx), call, payment, recognised))

    @server.tool()
    def add_statement(
        ctx: AnyContext,
        *,
        call: str,
        case: str,
        card_in_hand: bool,
        secret_told: bool,
        last_used: str,
        idempotency_key: str = "",
    ) -> Stated:
        """Add to a dispute: card in hand, PIN or code told to somebody, day of the last own use (YYYY-MM-DD)."""
        key = _key(idempotency_key, ctx)
        return cast(Stated, bank.add_statement(key, call, case, (card_in_hand, secret_told, last_used)))


def _add_money(server: MCPServer, bank: Bank) -> None:
    @server.tool()
    def get_balance(call: str) -> Balance:
        """Return the balance and the transfer limit."""
        return cast(Balance, bank.balance(call))

    @server.tool()
    def find_payee(call: str, name: str) -> Payee:
        """Find a saved payee by name."""
        return cast(Payee, bank.payee(call, name))

    @server.tool()
    def transfer(ctx: AnyContext, *, call: str, payee: str, amount: float, idempotency_key: str = "") -> Transferred:
        """Transfer an amount to a saved payee."""
        key = _key(idempotency_key, ctx)
        return cast(Transferred, _asked(lambda: bank.transfer(key, call, payee, amount)))


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Refused as refused:
        raise ToolError(str(refused)) from refused


def main(arguments: list[str]) -> int:
    """Serve, or list the cards and what was done."""
    parser = argparse.ArgumentParser(prog="bank_server.py", description="The demonstration bank (MCP, stdio).")
    parser.add_argument("--list", action="store_true", help="print the cards and what was done instead of serving")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")
    options = parser.parse_args(arguments)
    bank = Bank(database_path())
    if not options.list:
        build_server(bank).run("stdio")
        return 0
    listed: dict[str, list[dict[str, Any]]] = {
        "cards": bank.cards(),
        "orders": bank.orders(),
        "statements": bank.statements(),
    }
    if options.json:
        print(json.dumps(listed, indent=2))
        return 0
    for row in listed["cards"]:
        print("card ending in {last_four}  {kind:<6}  {status:<8}  {customer}".format(**row))
    for row in listed["orders"]:
        print("{number}  {kind:<12}  {customer}  {details}".format(**row))
    for row in listed["statements"]:
        print("{number}  card in hand: {card_in_hand}, secret told: {secret_told}, last used {last_used}".format(**row))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
