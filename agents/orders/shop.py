"""A shop in one SQLite file: orders, returns, and which order was shown to whom on which call.

An order is shown to a caller who knows its number and the ZIP code it goes to; a call has `TRIES` wrong pairs. Only an
order that was shown on a call can be changed on it, and what the shop's rules forbid is refused here whatever the agent
says: no return after `RETURN_DAYS` days, no other address once a parcel has left.

Every writing method takes a `key`: a second call with the key of a first one changes nothing and answers what the first
one answered. Several processes may share the file, since each method is one immediate transaction.
"""

import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TRIES = 3
RETURN_DAYS = 30
LONGEST_ADDRESS = 200

Answer = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    order_number TEXT PRIMARY KEY, zip TEXT NOT NULL, item TEXT NOT NULL, address TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('processing', 'shipped', 'delivered')), day TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS returns (
    return_number TEXT PRIMARY KEY, order_number TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, day TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shown (call TEXT, order_number TEXT, PRIMARY KEY (call, order_number));
CREATE TABLE IF NOT EXISTS misses (call TEXT, order_number TEXT, zip TEXT, PRIMARY KEY (call, order_number, zip));
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL);
"""

DEMO_ORDERS = (
    # number, ZIP code, item, address, status, days from today: of arrival
    ("100101", "62701", "espresso machine", "12 Harbor Street, Springfield", "shipped", 1),
    ("100102", "62701", "hiking boots", "12 Harbor Street, Springfield", "delivered", -10),
    ("100103", "62701", "desk lamp", "12 Harbor Street, Springfield", "delivered", -45),
    ("100104", "10001", "bookshelf", "7 Mill Lane, New York", "processing", 5),
    ("100105", "10001", "kettle", "7 Mill Lane, New York", "delivered", -5),
)
DEMO_RETURNS = (("R00001", "100105", "damaged", -2),)


class Refused(Exception):
    """The request makes no sense; the text says why, without repeating what was sent."""


class Shop:
    """All that the shop's tools can do. `today`: the day in the shop's time zone."""

    def __init__(self, path: Path, today: Callable[[], dt.date] = dt.date.today) -> None:
        self._path = path
        self._today = today
        with self._transaction() as db:
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            _seed(db, today())

    def find(self, call: str, order_number: str, zip_code: str) -> Answer:
        """Show an order to who knows its number and ZIP code."""
        with self._transaction() as db:
            misses = db.execute("SELECT COUNT(*) FROM misses WHERE call = ?", (call,)).fetchone()[0]
            query = "SELECT * FROM orders WHERE order_number = ? AND zip = ?"
            row = db.execute(query, (order_number, zip_code)).fetchone() if misses < TRIES else None
            if row is None:
                db.execute("INSERT OR IGNORE INTO misses VALUES (?, ?, ?)", (call, order_number, zip_code))
                misses = db.execute("SELECT COUNT(*) FROM misses WHERE call = ?", (call,)).fetchone()[0]
                return {"found": False, "tries_left": max(0, TRIES - misses)}
            db.execute("INSERT OR IGNORE INTO shown VALUES (?, ?)", (call, order_number))
            returned = _return_of(db, order_number)
        shown = {name: row[name] for name in ("item", "address", "status", "day")}
        return {"found": True, "tries_left": TRIES - misses, "returned": returned is not None, **shown}

    def create_return(self, key: str, call: str, order_number: str, reason: str) -> Answer:
        """Announce a return: of a parcel delivered at most `RETURN_DAYS` days ago, once."""

        def act(db: sqlite3.Connection) -> Answer:
            order = _shown(db, call, order_number)
            refusal = self._no_return(db, order)
            if refusal:
                return {"created": False, "refused": refusal}
            number = f"R{db.execute('SELECT COUNT(*) FROM returns').fetchone()[0] + 1:05d}"
            row = (number, order_number, reason, self._today().isoformat())
            db.execute("INSERT INTO returns VALUES (?, ?, ?, ?)", row)
            return {"created": True, "return_number": number}

        return self._once(key, act)

    def find_return(self, order_number: str) -> Answer:
        """Tell whether a return of an order is announced."""
        with self._transaction() as db:
            row = _return_of(db, order_number)
        if row is None:
            return {"found": False}
        return {"found": True, "created": True, "return_number": row["return_number"]}

    def change_address(self, key: str, call: str, order_number: str, address: str) -> Answer:
        """Send an order that has not left yet to another address."""
        address = " ".join(address.split())
        if not address or len(address) > LONGEST_ADDRESS:
            raise Refused(f"address must have 1 to {LONGEST_ADDRESS} characters")

        def act(db: sqlite3.Connection) -> Answer:
            order = _shown(db, call, order_number)
            if order is None or order["status"] != "processing":
                return {"changed": False, "status": order["status"] if order else "unknown"}
            db.execute("UPDATE orders SET address = ? WHERE order_number = ?", (address, order_number))
            return {"changed": True, "status": "processing"}

        return self._once(key, act)

    def orders(self) -> list[dict[str, str]]:
        """Return all orders."""
        with self._transaction() as db:
            return [dict(row) for row in db.execute("SELECT * FROM orders ORDER BY order_number")]

    def returns(self) -> list[dict[str, str]]:
        """Return all announced returns."""
        with self._transaction() as db:
            return [dict(row) for row in db.execute("SELECT * FROM returns ORDER BY return_number")]

    def _no_return(self, db: sqlite3.Connection, order: sqlite3.Row | None) -> str:
        if order is None:
            return "unknown"
        if _return_of(db, order["order_number"]):
            return "returned_already"
        if order["status"] != "delivered":
            return "not_delivered"
        age = self._today() - dt.date.fromisoformat(order["day"])
        return "too_late" if age.days > RETURN_DAYS else ""

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


def _return_of(db: sqlite3.Connection, order_number: str) -> sqlite3.Row | None:
    query = "SELECT * FROM returns WHERE order_number = ?"
    row: sqlite3.Row | None = db.execute(query, (order_number,)).fetchone()
    return row


def _shown(db: sqlite3.Connection, call: str, order_number: str) -> sqlite3.Row | None:
    query = "SELECT orders.* FROM orders JOIN shown USING (order_number) WHERE call = ? AND order_number = ?"
    row: sqlite3.Row | None = db.execute(query, (call, order_number)).fetchone()
    return row


def _seed(db: sqlite3.Connection, today: dt.date) -> None:
    """Fill an empty shop."""
    if db.execute("SELECT COUNT(*) FROM orders").fetchone()[0]:
        return
    for *order, days in DEMO_ORDERS:
        day = (today + dt.timedelta(days=days)).isoformat()
        db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", (*order, day))
    for *announced, days in DEMO_RETURNS:
        day = (today + dt.timedelta(days=days)).isoformat()
        db.execute("INSERT INTO returns VALUES (?, ?, ?, ?)", (*announced, day))
