"""A company's help desk in one SQLite file: employees, tickets, devices, and who proved on which call who he is.

A caller proves himself by a code that is sent to the telephone on file. That holds on the call for `VERIFIED_SECONDS`;
a code is good for `CODE_SECONDS`, and a call has `TRIES` wrong employee numbers and as many wrong codes. What is sent
to telephones stands in `outbox`, in place of an SMS provider.

Every writing method but `wipe` takes a `key`: a second call with the key of a first one changes nothing and answers
what the first one answered. Several processes may share the file, since each method is one immediate transaction.
"""

import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TRIES = 3
CODE_SECONDS = 10 * 60
VERIFIED_SECONDS = 15 * 60
LONGEST_SUMMARY = 1000

Answer = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS employees (employee TEXT PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS devices (
    device TEXT PRIMARY KEY, employee TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('laptop', 'phone')),
    status TEXT NOT NULL CHECK (status IN ('in_use', 'wiped')));
CREATE TABLE IF NOT EXISTS tickets (
    ticket TEXT PRIMARY KEY, employee TEXT NOT NULL, summary TEXT NOT NULL, urgency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'in_progress', 'solved')), key TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS checks (
    call TEXT PRIMARY KEY, employee TEXT NOT NULL, code TEXT NOT NULL, code_until REAL NOT NULL,
    unknown INTEGER NOT NULL, wrong INTEGER NOT NULL, verified_until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    message INTEGER PRIMARY KEY, employee TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL);
"""

DEMO_EMPLOYEES = (("30117", "Priya Raman", "+15550142"), ("30125", "Daniel Weiss", "+15550177"))
DEMO_DEVICES = (
    ("L-2041", "30117", "laptop", "in_use"),
    ("F-2042", "30117", "phone", "in_use"),
    ("L-2077", "30125", "laptop", "in_use"),
)
DEMO_TICKETS = (
    ("50001", "30117", "the second screen stays dark", "normal", "in_progress", "demo-1"),
    ("50002", "30125", "no access to the travel portal", "normal", "solved", "demo-2"),
)


class Refused(Exception):
    """The request makes no sense; the text says why, without repeating what was sent."""


def six_digits() -> str:
    """Return a code that nobody can guess."""
    return f"{secrets.randbelow(1_000_000):06d}"


class Desk:
    """All that the help desk's tools can do. `clock`: seconds since the epoch."""

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.time, new_code: Callable[[], str] = six_digits
    ) -> None:
        self._path = path
        self._clock = clock
        self._new_code = new_code
        with self._transaction() as db:
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            _seed(db)

    def who(self, call: str) -> Answer:
        """Tell whether the caller has proved who he is."""
        with self._transaction() as db:
            row = self._verified(db, call)
        return {"verified": True, "name": row["name"]} if row else {"verified": False}

    def send_code(self, key: str, call: str, employee: str) -> Answer:
        """Send a code to an employee's telephone; count unknown employee numbers."""

        def act(db: sqlite3.Connection) -> Answer:
            check = _check(db, call)
            row = db.execute("SELECT * FROM employees WHERE employee = ?", (employee,)).fetchone()
            if row is None or check["unknown"] >= TRIES or check["wrong"] >= TRIES:
                _note(db, call, unknown=min(TRIES, check["unknown"] + 1))
                return {"sent": False, "tries_left": max(0, TRIES - check["unknown"] - 1)}
            code = self._new_code()
            _note(db, call, employee=employee, code=code, code_until=self._clock() + CODE_SECONDS)
            _send(db, employee, "code", f"Your help desk code is {code}.")
            return {"sent": True, "phone_ending": row["phone"][-2:]}

        return self._once(key, act)

    def check_code(self, key: str, call: str, code: str) -> Answer:
        """Take a code; count wrong ones."""

        def act(db: sqlite3.Connection) -> Answer:
            check = _check(db, call)
            good = check["wrong"] < TRIES and self._clock() < check["code_until"]
            if not (good and hmac.compare_digest(check["code"].encode(), code.encode())):
                _note(db, call, wrong=min(TRIES, check["wrong"] + 1))
                return {"verified": False, "tries_left": max(0, TRIES - check["wrong"] - 1)}
            _note(db, call, code="", code_until=0.0, verified_until=self._clock() + VERIFIED_SECONDS)
            row = self._verified(db, call)
            return {"verified": True, "name": row["name"] if row else ""}

        return self._once(key, act)

    def reset_password(self, key: str, call: str) -> Answer:
        """Send a new first password to the caller's telephone."""

        def act(db: sqlite3.Connection, employee: str) -> Answer:
            _send(db, employee, "password", f"Your new first password is {secrets.token_urlsafe(9)}.")
            return {"verified": True, "reset": True}

        return self._once_verified(key, call, act)

    def wipe(self, call: str, kind: str) -> Answer:
        """Wipe the caller's lost laptop or phone. This cannot be taken back, and takes no key."""
        query = "UPDATE devices SET status = 'wiped' WHERE employee = ? AND kind = ? AND status = 'in_use'"
        with self._transaction() as db:
            row = self._verified(db, call)
            if row is None:
                return {"verified": False}
            return {"verified": True, "wiped": db.execute(query, (row["employee"], kind)).rowcount == 1}

    def open_ticket(self, key: str, call: str, summary: str, urgency: str) -> Answer:
        """Open a ticket."""
        if not 0 < len(summary) <= LONGEST_SUMMARY:
            raise Refused(f"summary must have 1 to {LONGEST_SUMMARY} characters")

        def act(db: sqlite3.Connection, employee: str) -> Answer:
            number = str(50_001 + db.execute("SELECT COUNT(*) FROM tickets").fetchone()[0])
            row = (number, employee, summary, urgency, "open", key)
            db.execute("INSERT INTO tickets VALUES (?, ?, ?, ?, ?, ?)", row)
            return {"verified": True, "ticket": number}

        return self._once_verified(key, call, act)

    def opened(self, key: str) -> Answer:
        """Tell whether a ticket was opened under a key."""
        with self._transaction() as db:
            row = db.execute("SELECT * FROM tickets WHERE key = ?", (key,)).fetchone()
        return {"found": True, "verified": True, "ticket": row["ticket"]} if row else {"found": False}

    def ticket(self, call: str, ticket: str) -> Answer:
        """Show a ticket of the caller's own."""
        with self._transaction() as db:
            employee = self._verified(db, call)
            if employee is None:
                return {"verified": False}
            query = "SELECT * FROM tickets WHERE ticket = ? AND employee = ?"
            row = db.execute(query, (ticket, employee["employee"])).fetchone()
        if row is None:
            return {"verified": True, "found": False}
        return {"verified": True, "found": True, "summary": row["summary"], "status": row["status"]}

    def listed(self) -> dict[str, list[dict[str, Any]]]:
        """Return tickets, devices, and what was sent."""
        tables = {"tickets": "ticket", "devices": "device", "outbox": "message"}
        with self._transaction() as db:
            return {
                table: [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY {order}")]
                for table, order in tables.items()
            }

    def _verified(self, db: sqlite3.Connection, call: str) -> sqlite3.Row | None:
        query = "SELECT employees.* FROM checks JOIN employees USING (employee) WHERE call = ? AND verified_until > ?"
        row: sqlite3.Row | None = db.execute(query, (call, self._clock())).fetchone() if call else None
        return row

    def _once_verified(self, key: str, call: str, act: Callable[[sqlite3.Connection, str], Answer]) -> Answer:
        """Do something once for who proved himself on a call."""

        def known(db: sqlite3.Connection) -> Answer:
            row = self._verified(db, call)
            return {"verified": False} if row is None else act(db, row["employee"])

        return self._once(key, known)

    def _once(self, key: str, act: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with self._transaction() as db:
            row = db.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
            if row is not None:
                first: Answer = json.loads(row["answer"])
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


def _check(db: sqlite3.Connection, call: str) -> sqlite3.Row:
    db.execute("INSERT OR IGNORE INTO checks VALUES (?, '', '', 0, 0, 0, 0)", (call,))
    row: sqlite3.Row = db.execute("SELECT * FROM checks WHERE call = ?", (call,)).fetchone()
    return row


def _note(db: sqlite3.Connection, call: str, **values: str | float) -> None:
    assignments = ", ".join(f"{name} = ?" for name in values)
    db.execute(f"UPDATE checks SET {assignments} WHERE call = ?", (*values.values(), call))


def _send(db: sqlite3.Connection, employee: str, kind: str, text: str) -> None:
    db.execute("INSERT INTO outbox (employee, kind, text) VALUES (?, ?, ?)", (employee, kind, text))


def _seed(db: sqlite3.Connection) -> None:
    """Fill an empty help desk."""
    if db.execute("SELECT COUNT(*) FROM employees").fetchone()[0]:
        return
    db.executemany("INSERT INTO employees VALUES (?, ?, ?)", DEMO_EMPLOYEES)
    db.executemany("INSERT INTO devices VALUES (?, ?, ?, ?)", DEMO_DEVICES)
    db.executemany("INSERT INTO tickets VALUES (?, ?, ?, ?, ?, ?)", DEMO_TICKETS)
