"""The calendar of a clinic as an MCP tool server, on one SQLite file.

`python calendar_server.py` serves MCP on stdin and stdout; `python calendar_server.py --list [--json]` prints what is
booked. The file is `CALENDAR_DB`, else `calendar.sqlite` in `OPUSAGENT_DATA`, else in the user's data directory.

Every writing tool takes `idempotency_key` (or the same in `_meta`, see `META_KEY`): a second call with the key of a
first one changes nothing and answers what the first one answered. Several servers may share one file: each write is
one immediate transaction, and a unique index keeps two callers from the same time.
"""

import argparse
import datetime as dt
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

META_KEY = "opusagent/idempotency_key"
"""Where a caller of a tool puts the idempotency key in the request's `_meta`."""

OPENS = dt.time(8, 0)
CLOSES = dt.time(18, 0)
SLOT_MINUTES = 30
ALTERNATIVES = 3

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS bookings (
    appointment_id TEXT PRIMARY KEY,
    date TEXT NOT NULL,
    time TEXT NOT NULL,
    caller TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('booked', 'cancelled'))
);
CREATE INDEX IF NOT EXISTS bookings_by_slot ON bookings (date, time) WHERE status = 'booked';
CREATE TABLE IF NOT EXISTS messages (
    message_id TEXT PRIMARY KEY,
    caller TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (
    idempotency_key TEXT PRIMARY KEY,
    answer TEXT NOT NULL
);
"""


class Availability(TypedDict):
    """Whether a time can be had; if not, up to three free times of the same day (`HH:MM`), nearest first."""

    available: bool
    alternatives: list[str]


class Booked(TypedDict, total=False):
    """`appointment_id`, or `taken` when the time could not be had any more."""

    appointment_id: str
    taken: bool


class Found(TypedDict, total=False):
    """The caller's next appointment; nothing but `found` when there is none."""

    found: bool
    appointment_id: str
    date: str
    time: str


class Cancelled(TypedDict):
    """Whether there was such an appointment to cancel."""

    cancelled: bool


class Moved(TypedDict, total=False):
    """Whether the appointment is at the new time now; `taken` when that time could not be had any more."""

    moved: bool
    taken: bool


class MessageLeft(TypedDict):
    """A message that the nurse will read."""

    message_id: str


def database_path() -> Path:
    """Return the calendar's file; its directory is made when missing."""
    explicit = os.environ.get("CALENDAR_DB")
    data = os.environ.get("OPUSAGENT_DATA")
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "opusagent"
    path = Path(explicit) if explicit else Path(data or home) / "calendar.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


class Calendar:
    """Bookings and messages. Safe for several processes on the same file."""

    def __init__(self, path: Path, today: Callable[[], dt.date] = dt.date.today) -> None:
        self._path = path
        self._today = today
        with self._transaction() as db:
            for statement in SCHEMA.split(";"):
                db.execute(statement)

    def check(self, date: str, time: str) -> Availability:
        """Say whether a time can be booked."""
        day, at = _date(date), _time(time)
        with self._transaction() as db:
            free = _free(db, day)
        if at in free:
            return {"available": True, "alternatives": []}
        nearest = sorted(free, key=lambda slot: (abs(_minutes(slot) - _minutes(at)), slot))
        return {"available": False, "alternatives": [_clock(slot) for slot in nearest[:ALTERNATIVES]]}

    def book(self, key: str, date: str, time: str, caller: str) -> Booked:
        """Book a time, once per key."""
        day, at = _date(date), _time(time)

        def act(db: sqlite3.Connection) -> Booked:
            if at not in _free(db, day):
                return {"taken": True}
            appointment_id = _next_id(db, "bookings", "A")
            row = (appointment_id, day.isoformat(), _clock(at), caller)
            db.execute("INSERT INTO bookings VALUES (?, ?, ?, ?, 'booked')", row)
            return {"appointment_id": appointment_id}

        return self._once(key, act)

    def find(self, caller: str) -> Found:
        """Find the next appointment of a telephone number; a withheld number has none."""
        since = self._today() - dt.timedelta(days=1)
        query = "SELECT * FROM bookings WHERE caller = ? AND status = 'booked' AND date >= ? ORDER BY date, time"
        with self._transaction() as db:
            row = db.execute(query, (caller, since.isoformat())).fetchone() if caller else None
        if row is None:
            return {"found": False}
        return {"found": True, "appointment_id": row["appointment_id"], "date": row["date"], "time": row["time"]}

    def cancel(self, key: str, appointment_id: str) -> Cancelled:
        """Cancel an appointment, once per key."""

        def act(db: sqlite3.Connection) -> Cancelled:
            query = "UPDATE bookings SET status = 'cancelled' WHERE appointment_id = ? AND status = 'booked'"
            return {"cancelled": db.execute(query, (appointment_id,)).rowcount == 1}

        return self._once(key, act)

    def move(self, key: str, appointment_id: str, date: str, time: str) -> Moved:
        """Put an appointment at another time, once per key."""
        day, at = _date(date), _time(time)

        def act(db: sqlite3.Connection) -> Moved:
            if at not in _free(db, day, besides=appointment_id):
                return {"taken": True}
            query = "UPDATE bookings SET date = ?, time = ? WHERE appointment_id = ? AND status = 'booked'"
            return {"moved": db.execute(query, (day.isoformat(), _clock(at), appointment_id)).rowcount == 1}

        return self._once(key, act)

    def leave_message(self, key: str, caller: str, text: str) -> MessageLeft:
        """Keep a message for the nurse, once per key."""

        def act(db: sqlite3.Connection) -> MessageLeft:
            message_id = _next_id(db, "messages", "M")
            db.execute("INSERT INTO messages VALUES (?, ?, ?)", (message_id, caller, text))
            return {"message_id": message_id}

        return self._once(key, act)

    def bookings(self) -> list[dict[str, str]]:
        """Return every booking, cancelled ones too, in order of date and time."""
        with self._transaction() as db:
            return [dict(row) for row in db.execute("SELECT * FROM bookings ORDER BY date, time, appointment_id")]

    def messages(self) -> list[dict[str, str]]:
        """Return every message left."""
        with self._transaction() as db:
            return [dict(row) for row in db.execute("SELECT * FROM messages ORDER BY message_id")]

    def _once(self, key: str, act: Callable[[sqlite3.Connection], T]) -> T:
        with self._transaction() as db:
            row = db.execute("SELECT answer FROM answers WHERE idempotency_key = ?", (key,)).fetchone()
            if row is not None:
                first: T = json.loads(row["answer"])
                return first
            answer = act(db)
            db.execute("INSERT INTO answers VALUES (?, ?)", (key, json.dumps(answer)))
            return answer

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One immediate transaction on a connection of its own: tools run on several threads."""
        db = sqlite3.connect(self._path, timeout=5, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        finally:
            db.close()


def _grid() -> list[dt.time]:
    return [dt.time(m // 60, m % 60) for m in range(_minutes(OPENS), _minutes(CLOSES), SLOT_MINUTES)]


def _free(db: sqlite3.Connection, day: dt.date, besides: str = "") -> list[dt.time]:
    """Return the free times of a day; `besides`: the appointment that does not count."""
    query = """SELECT time FROM bookings WHERE date = ? AND status = 'booked' AND appointment_id != ?
               GROUP BY time HAVING count(*) >= ?"""
    taken = {row["time"] for row in db.execute(query, (day.isoformat(), besides, _doctors()))}
    return [slot for slot in _grid() if _clock(slot) not in taken]


def _doctors() -> int:
    """Return how many patients can be seen at the same time (`CALENDAR_DOCTORS`)."""
    return int(os.environ.get("CALENDAR_DOCTORS", "1"))


def _minutes(at: dt.time) -> int:
    return at.hour * 60 + at.minute


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ToolError(f"date must be YYYY-MM-DD, not {text!r}") from None


def _time(text: str) -> dt.time:
    try:
        return dt.time.fromisoformat(text).replace(second=0, microsecond=0)
    except ValueError:
        raise ToolError(f"time must be HH:MM, not {text!r}") from None


def _clock(at: dt.time) -> str:
    return at.strftime("%H:%M")


def _next_id(db: sqlite3.Connection, table: str, letter: str) -> str:
    return f"{letter}{db.execute(f'SELECT COUNT(*) FROM {table}').fetchone()[0] + 1:05d}"


def _key(argument: str, context: Context[Any, Any]) -> str:
    """Return the call's idempotency key: the argument, else what `_meta` holds."""
    key = argument or str((context.request_context.meta or {}).get(META_KEY) or "")
    if not key:
        raise ToolError("idempotency_key is missing")
    return key


def build_server(calendar: Calendar) -> MCPServer:
    """Return the MCP server over a calendar."""
    server = MCPServer("calendar", version="1.0")

    @server.tool()
    def check_availability(date: str, time: str) -> Availability:
        """Say whether an appointment can be had at a date (YYYY-MM-DD) and time (HH:MM)."""
        return calendar.check(date, time)

    @server.tool()
    def book_appointment(
        date: str, time: str, ctx: Context[Any, Any], caller: str = "", idempotency_key: str = ""
    ) -> Booked:
        """Book an appointment at a date (YYYY-MM-DD) and time (HH:MM) for a telephone number."""
        return calendar.book(_key(idempotency_key, ctx), date, time, caller)

    @server.tool()
    def find_appointment(caller: str = "") -> Found:
        """Find the next appointment of a telephone number."""
        return calendar.find(caller)

    @server.tool()
    def cancel_appointment(appointment_id: str, ctx: Context[Any, Any], idempotency_key: str = "") -> Cancelled:
        """Cancel an appointment."""
        return calendar.cancel(_key(idempotency_key, ctx), appointment_id)

    @server.tool()
    def move_appointment(
        appointment_id: str, date: str, time: str, ctx: Context[Any, Any], idempotency_key: str = ""
    ) -> Moved:
        """Move an appointment to a date (YYYY-MM-DD) and time (HH:MM)."""
        return calendar.move(_key(idempotency_key, ctx), appointment_id, date, time)

    @server.tool()
    def leave_message(text: str, ctx: Context[Any, Any], caller: str = "", idempotency_key: str = "") -> MessageLeft:
        """Leave a message for the nurse, who calls back."""
        return calendar.leave_message(_key(idempotency_key, ctx), caller, text)

    return server


def main(arguments: list[str]) -> int:
    """Serve, or list what is booked."""
    parser = argparse.ArgumentParser(prog="calendar_server.py", description="The appointment calendar (MCP, stdio).")
    parser.add_argument("--list", action="store_true", help="print the bookings instead of serving")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")
    options = parser.parse_args(arguments)
    calendar = Calendar(database_path())
    if not options.list:
        build_server(calendar).run("stdio")
        return 0
    bookings = calendar.bookings()
    if options.json:
        print(json.dumps(bookings, indent=2))
    for booking in [] if options.json else bookings:
        print("{appointment_id}  {date} {time}  {status:<9}  {caller}".format(**booking))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
