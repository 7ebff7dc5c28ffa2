"""The help desk as an MCP tool server, on one SQLite file.

`python desk_server.py` serves MCP on stdin and stdout; `python desk_server.py --list [--json]` prints tickets, devices
and what was sent to telephones (codes too: a demonstration has no SMS provider). The file is `helpdesk.sqlite` in
`OPUSAGENT_DATA`, else in the user's data directory.

`call` is the call's id: whoever proved who he is on it may do things on it, for a while. Every writing tool but
`wipe_device` takes `idempotency_key` (or the same in `_meta`, see `META_KEY`).
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, TypedDict, cast

from desk import Desk, Refused
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

META_KEY = "opusagent/idempotency_key"
"""Where a caller of a tool puts the idempotency key in the request's `_meta`."""

AnyContext = Context[Any, Any]


class Verified(TypedDict, total=False):
    """Who the caller is; `tries_left` when he could not prove it."""

    verified: bool
    name: str
    tries_left: int


class Sent(TypedDict, total=False):
    """`phone_ending`: the last two digits of the telephone the code went to."""

    sent: bool
    phone_ending: str
    tries_left: int


class Reset(TypedDict, total=False):
    """Whether a new password is on its way."""

    verified: bool
    reset: bool


class Wiped(TypedDict, total=False):
    """Whether the device is wiped."""

    verified: bool
    wiped: bool


class Opened(TypedDict, total=False):
    """The number of the ticket."""

    verified: bool
    found: bool
    ticket: str


class Ticket(TypedDict, total=False):
    """`status`: open, in_progress or solved."""

    verified: bool
    found: bool
    summary: str
    status: str


def database_path() -> Path:
    """Return the help desk's file; its directory is made when missing."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "opusagent"
    path = Path(os.environ.get("OPUSAGENT_DATA") or home) / "helpdesk.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _key(argument: str, context: AnyContext) -> str:
    """Return the call's idempotency key: the argument, else what `_meta` holds."""
    key = argument or str((context.request_context.meta or {}).get(META_KEY) or "")
    if not key:
        raise ToolError("idempotency_key is missing")
    return key


def build_server(desk: Desk) -> MCPServer:
    """Return the MCP server over a help desk."""
    server = MCPServer("desk", version="1.0")
    _add_proving(server, desk)
    _add_work(server, desk)
    _add_tickets(server, desk)
    return server


def _add_proving(server: MCPServer, desk: Desk) -> None:
    @server.tool()
    def who_is_calling(call: str) -> Verified:
        """Tell whether the caller has proved who he is on this call."""
        return cast(Verified, desk.who(call))

    @server.tool()
    def send_code(ctx: AnyContext, *, call: str, employee: str, idempotency_key: str = "") -> Sent:
        """Send a six-digit code to the telephone of an employee."""
        return cast(Sent, desk.send_code(_key(idempotency_key, ctx), call, employee))

    @server.tool()
    def check_code(ctx: AnyContext, *, call: str, code: str, idempotency_key: str = "") -> Verified:
        """Take the code that the caller got."""
        return cast(Verified, desk.check_code(_key(idempotency_key, ctx), call, code))


def _add_work(server: MCPServer, desk: Desk) -> None:
    @server.tool()
    def reset_password(ctx: AnyContext, *, call: str, idempotency_key: str = "") -> Reset:
        """Send a new first password to the caller's telephone."""
        return cast(Reset, desk.reset_password(_key(idempotency_key, ctx), call))

    @server.tool()
    def wipe_device(call: str, kind: str) -> Wiped:
        """Wipe the caller's lost laptop or phone. This cannot be taken back."""
        return cast(Wiped, desk.wipe(call, kind))


def _add_tickets(server: MCPServer, desk: Desk) -> None:
    @server.tool()
    def open_ticket(
        ctx: AnyContext, *, call: str, summary: str, urgency: str = "normal", idempotency_key: str = ""
    ) -> Opened:
        """Open a ticket."""
        try:
            return cast(Opened, desk.open_ticket(_key(idempotency_key, ctx), call, summary, urgency))
        except Refused as refused:
            raise ToolError(str(refused)) from refused

    @server.tool()
    def find_opened_ticket(idempotency_key: str) -> Opened:
        """Tell whether a ticket was opened under a key."""
        return cast(Opened, desk.opened(idempotency_key))

    @server.tool()
    def find_ticket(call: str, ticket: str) -> Ticket:
        """Show one of the caller's own tickets."""
        return cast(Ticket, desk.ticket(call, ticket))


def main(arguments: list[str]) -> int:
    """Serve, or list tickets, devices and what was sent."""
    parser = argparse.ArgumentParser(prog="desk_server.py", description="The demonstration help desk (MCP, stdio).")
    parser.add_argument("--list", action="store_true", help="print tickets, devices and what was sent")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")
    options = parser.parse_args(arguments)
    desk = Desk(database_path())
    if not options.list:
        build_server(desk).run("stdio")
        return 0
    listed = desk.listed()
    if options.json:
        print(json.dumps(listed, indent=2))
        return 0
    for row in listed["tickets"]:
        print("{ticket}  {status:<11}  {urgency:<6}  {employee}  {summary}".format(**row))
    for row in listed["devices"]:
        print("{device}  {kind:<6}  {status:<6}  {employee}".format(**row))
    for row in listed["outbox"]:
        print("to {employee}: {text}".format(**row))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
