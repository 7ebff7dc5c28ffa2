"""The shop as an MCP tool server, on one SQLite file.

`python shop_server.py` serves MCP on stdin and stdout; `python shop_server.py --list [--json]` prints orders and
returns. The file is `shop.sqlite` in `OPUSAGENT_DATA`, else in the user's data directory.

`call` is the call's id: what was shown on it may be changed on it. Every writing tool takes `idempotency_key` (or the
same in `_meta`, see `META_KEY`).
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, TypedDict, cast

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from shop import Refused, Shop

META_KEY = "opusagent/idempotency_key"
"""Where a caller of a tool puts the idempotency key in the request's `_meta`."""

AnyContext = Context[Any, Any]


class Order(TypedDict, total=False):
    """An order. `day` (YYYY-MM-DD): when it arrived or will arrive. `tries_left`: of number and ZIP code."""

    found: bool
    tries_left: int
    item: str
    address: str
    status: str
    day: str
    returned: bool


class Return(TypedDict, total=False):
    """A return. `refused` says why there is none: too_late, not_delivered, returned_already or unknown."""

    created: bool
    refused: str
    return_number: str


class FoundReturn(TypedDict, total=False):
    """A return that was announced; then `created` is true as in the answer of `create_return`."""

    found: bool
    created: bool
    return_number: str


class Changed(TypedDict):
    """Whether the address is changed, and the order's status."""

    changed: bool
    status: str


def database_path() -> Path:
    """Return the shop's file; its directory is made when missing."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "opusagent"
    path = Path(os.environ.get("OPUSAGENT_DATA") or home) / "shop.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _key(argument: str, context: AnyContext) -> str:
    """Return the call's idempotency key: the argument, else what `_meta` holds."""
    key = argument or str((context.request_context.meta or {}).get(META_KEY) or "")
    if not key:
        raise ToolError("idempotency_key is missing")
    return key


def build_server(shop: Shop) -> MCPServer:
    """Return the MCP server over a shop."""
    server = MCPServer("shop", version="1.0")

    @server.tool()
    def find_order(call: str, order_number: str, zip_code: str) -> Order:
        """Find an order by its number and the ZIP code it goes to."""
        return cast(Order, shop.find(call, order_number, zip_code))

    @server.tool()
    def create_return(
        ctx: AnyContext, *, call: str, order_number: str, reason: str, idempotency_key: str = ""
    ) -> Return:
        """Announce the return of a parcel, which gives a label."""
        return cast(Return, shop.create_return(_key(idempotency_key, ctx), call, order_number, reason))

    @server.tool()
    def find_return(order_number: str) -> FoundReturn:
        """Tell whether a return of an order is announced."""
        return cast(FoundReturn, shop.find_return(order_number))

    @server.tool()
    def change_address(
        ctx: AnyContext, *, call: str, order_number: str, address: str, idempotency_key: str = ""
    ) -> Changed:
        """Send an order that has not left yet to another address."""
        try:
            return cast(Changed, shop.change_address(_key(idempotency_key, ctx), call, order_number, address))
        except Refused as refused:
            raise ToolError(str(refused)) from refused

    return server


def main(arguments: list[str]) -> int:
    """Serve, or list orders and returns."""
    parser = argparse.ArgumentParser(prog="shop_server.py", description="The demonstration shop (MCP, stdio).")
    parser.add_argument("--list", action="store_true", help="print orders and returns instead of serving")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")
    options = parser.parse_args(arguments)
    shop = Shop(database_path())
    if not options.list:
        build_server(shop).run("stdio")
        return 0
    listed = {"orders": shop.orders(), "returns": shop.returns()}
    if options.json:
        print(json.dumps(listed, indent=2))
        return 0
    for row in listed["orders"]:
        print("{order_number}  {status:<10}  {day}  {item:<18}  {zip}  {address}".format(**row))
    for row in listed["returns"]:
        print("{return_number}  of {order_number}  {day}  {reason}".format(**row))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
