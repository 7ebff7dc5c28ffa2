"""A bank in one SQLite file: customers, cards, accounts, payees, and who has signed in on which call.

The bank trusts no caller of its tools. Whoever wants anything has to be signed in on the same call, by a number and a
secret, and a sign-in holds for `SIGN_IN_SECONDS`; a call has `TRIES` wrong secrets. Every limit is looked at again in
the transaction that moves the money. Amounts are whole cents here and numbers such as 12.5 outside.

Every writing method takes a `key`: a second call with the key of a first one changes nothing and answers what the first
one answered. Several processes may share the file, since each method is one immediate transaction.
"""

import datetime as dt
import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from bank_data import seed

TRIES = 3
SIGN_IN_SECONDS = 15 * 60
PIN_ROUNDS = 1000
CARD_DIGITS = 16

T = TypeVar("T")
Answer = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS customers (
    customer TEXT PRIMARY KEY, name TEXT NOT NULL, birth_date TEXT NOT NULL, pin_hash TEXT NOT NULL,
    address TEXT NOT NULL, balance INTEGER NOT NULL CHECK (balance >= 0), transfer_limit INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS cards (
    card TEXT PRIMARY KEY, customer TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('debit', 'credit')),
    status TEXT NOT NULL CHECK (status IN ('active', 'blocked')));
CREATE TABLE IF NOT EXISTS payees (payee TEXT PRIMARY KEY, customer TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS payments (
    payment TEXT PRIMARY KEY, card TEXT NOT NULL, merchant TEXT NOT NULL, amount INTEGER NOT NULL, day TEXT NOT NULL,
    review TEXT NOT NULL CHECK (review IN ('none', 'suspicious', 'recognised', 'disputed')));
CREATE TABLE IF NOT EXISTS sign_ins (
    call TEXT PRIMARY KEY, customer TEXT NOT NULL, wrong INTEGER NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    number TEXT PRIMARY KEY, kind TEXT NOT NULL, customer TEXT NOT NULL, details TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS statements (
    number TEXT PRIMARY KEY, card_in_hand INTEGER NOT NULL, secret_told INTEGER NOT NULL, last_used TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL);
"""


class Refused(Exception):
    """The request makes no sense; the text says why, without repeating what was sent."""


class Bank:
    """All that the bank's tools can do. `clock`: seconds since the epoch."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        with self._transaction() as db:
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            seed(db, self._today(), hashed)

    def who(self, call: str) -> Answer:
        """Tell whether somebody is signed in on a call."""
        with self._transaction() as db:
            row = self._customer(db, call)
        return {"signed_in": True, "name": row["name"]} if row else {"signed_in": False}

    def sign_in(self, key: str, call: str, number: str, birth_date: str = "", pin: str = "") -> Answer:
        """Sign a caller in by a card or customer number and a birth date or PIN; count wrong ones."""

        def act(db: sqlite3.Connection) -> Answer:
            row = db.execute("SELECT * FROM sign_ins WHERE call = ?", (call,)).fetchone()
            wrong = row["wrong"] if row else 0
            customer = _by_number(db, number) if wrong < TRIES else None
            if customer is None or not _knows(customer, birth_date, pin):
                wrong = min(TRIES, wrong + 1)
                db.execute("REPLACE INTO sign_ins VALUES (?, '', ?, 0)", (call, wrong))
                return {"signed_in": False, "tries_left": TRIES - wrong}
            until = self._clock() + SIGN_IN_SECONDS
            db.execute("REPLACE INTO sign_ins VALUES (?, ?, 0, ?)", (call, customer["customer"], until))
            return {"signed_in": True, "name": customer["name"], "tries_left": TRIES}

        return self._once(key, act)

    def balance(self, call: str) -> Answer:
        """Return balance and transfer limit of who is signed in."""
        with self._transaction() as db:
            row = self._customer(db, call)
        if row is None:
            return {"signed_in": False}
        return {"signed_in": True, "balance": money(row["balance"]), "transfer_limit": money(row["transfer_limit"])}

    def card(self, call: str, kind: str) -> Answer:
        """Find the card of a kind (`debit` or `credit`), and where a new one would be sent."""
        with self._transaction() as db:
            customer = self._customer(db, call)
            if customer is None:
                return {"signed_in": False}
            row = _card(db, customer, kind)
        if row is None:
            return {"signed_in": True, "found": False}
        shown = {"last_four": row["card"][-4:], "blocked": row["status"] == "blocked", "address": customer["address"]}
        return {"signed_in": True, "found": True, **shown}

    def block(self, key: str, call: str, kind: str) -> Answer:
        """Block the card of a kind; one that is blocked stays so."""

        def act(db: sqlite3.Connection, customer: sqlite3.Row) -> Answer:
            row = _card(db, customer, kind)
            if row is None:
                return {"signed_in": True, "blocked": False}
            db.execute("UPDATE cards SET status = 'blocked' WHERE card = ?", (row["card"],))
            return {"signed_in": True, "blocked": True}

        return self._once_signed_in(key, call, act)

    def replace(self, key: str, call: str, kind: str) -> Answer:
        """Order a new card of a kind to the address on file, in place of a blocked one."""

        def act(db: sqlite3.Connection, customer: sqlite3.Row) -> Answer:
            row = _card(db, customer, kind)
            if row is None or row["status"] != "blocked":
                return {"signed_in": True, "ordered": False}
            reference = _order(db, "replacement", customer, f"{kind} card ending in {row['card'][-4:]}")
            return {"signed_in": True, "ordered": True, "reference": reference}

        return self._once_signed_in(key, call, act)

    def payee(self, call: str, name: str) -> Answer:
        """Find a saved payee by a name or a part of one that fits no other."""
        with self._transaction() as db:
            customer = self._customer(db, call)
            if customer is None:
                return {"signed_in": False}
            rows = db.execute("SELECT * FROM payees WHERE customer = ?", (customer["customer"],)).fetchall()
        said = set(name.lower().split())
        fitting = [row for row in rows if said & set(row["name"].lower().split())]
        exact = [row for row in rows if set(row["name"].lower().split()) <= said]
        for found in (exact, fitting):
            if len(found) == 1:
                return {"signed_in": True, "found": True, "payee": found[0]["payee"], "name": found[0]["name"]}
        return {"signed_in": True, "found": False, "payees": [row["name"] for row in rows]}

    def transfer(self, key: str, call: str, payee: str, amount: float) -> Answer:
        """Move money to a saved payee, within the limit and the balance."""
        sum_ = cents(amount)

        def act(db: sqlite3.Connection, customer: sqlite3.Row) -> Answer:
            known = db.execute(
                "SELECT * FROM payees WHERE payee = ? AND customer = ?", (payee, customer["customer"])
            ).fetchone()
            refusal = _refusal(customer, sum_) if known else "unknown_payee"
            if refusal:
                return {"signed_in": True, "done": False, "refused": refusal}
            moved = (sum_, customer["customer"])
            db.execute("UPDATE customers SET balance = balance - ? WHERE customer = ?", moved)
            reference = _order(db, "transfer", customer, f"{money(sum_):.2f} to {payee}")
            return {
                "signed_in": True,
                "done": True,
                "reference": reference,
                "balance": money(customer["balance"] - sum_),
            }

        return self._once_signed_in(key, call, act)

    def suspicious(self, call: str) -> Answer:
        """Return the newest payment that looks like fraud and was not reviewed."""
        query = """SELECT payments.*, kind FROM payments JOIN cards USING (card)
                   WHERE customer = ? AND review = 'suspicious' ORDER BY day DESC LIMIT 1"""
        with self._transaction() as db:
            customer = self._customer(db, call)
            if customer is None:
                return {"signed_in": False}
            row = db.execute(query, (customer["customer"],)).fetchone()
        if row is None:
            return {"signed_in": True, "found": False}
        shown = {name: row[name] for name in ("payment", "merchant", "day", "kind")}
        return {"signed_in": True, "found": True, **shown, "amount": money(row["amount"])}

    def review(self, key: str, call: str, payment: str, recognised: bool) -> Answer:
        """Note whether the customer made a payment; one that he did not make blocks its card."""

        def act(db: sqlite3.Connection, customer: sqlite3.Row) -> Answer:
            query = "SELECT payments.* FROM payments JOIN cards USING (card) WHERE payment = ? AND customer = ?"
            row = db.execute(query, (payment, customer["customer"])).fetchone()
            if row is None:
                return {"signed_in": True, "noted": False}
            review = "recognised" if recognised else "disputed"
            db.execute("UPDATE payments SET review = ? WHERE payment = ?", (review, payment))
            if recognised:
                return {"signed_in": True, "noted": True}
            db.execute("UPDATE cards SET status = 'blocked' WHERE card = ?", (row["card"],))
            return {"signed_in": True, "noted": True, "case": _order(db, "dispute", customer, payment)}

        return self._once_signed_in(key, call, act)

    def add_statement(self, key: str, call: str, case: str, answers: tuple[bool, bool, str]) -> Answer:
        """Add to a dispute of the customer's own: card in hand, PIN or code told to somebody, day of the last use."""

        def act(db: sqlite3.Connection, customer: sqlite3.Row) -> Answer:
            query = "SELECT * FROM orders WHERE number = ? AND kind = 'dispute' AND customer = ?"
            if db.execute(query, (case, customer["customer"])).fetchone() is None:
                return {"signed_in": True, "added": False}
            db.execute("REPLACE INTO statements VALUES (?, ?, ?, ?)", (case, *answers))
            return {"signed_in": True, "added": True}

        return self._once_signed_in(key, call, act)

    def statements(self) -> list[dict[str, Any]]:
        """Return what customers stated on their disputes."""
        with self._transaction() as db:
            return [dict(row) for row in db.execute("SELECT * FROM statements ORDER BY number")]

    def orders(self) -> list[dict[str, str]]:
        """Return what was done: transfers, replacements and disputes, in order."""
        with self._transaction() as db:
            return [dict(row) for row in db.execute("SELECT * FROM orders ORDER BY rowid")]

    def cards(self) -> list[dict[str, str]]:
        """Return all cards, by their last four digits."""
        query = "SELECT substr(card, -4) AS last_four, customer, kind, status FROM cards ORDER BY card"
        with self._transaction() as db:
            return [dict(row) for row in db.execute(query)]

    def _today(self) -> dt.date:
        return dt.datetime.fromtimestamp(self._clock(), dt.UTC).date()

    def _customer(self, db: sqlite3.Connection, call: str) -> sqlite3.Row | None:
        query = "SELECT customers.* FROM sign_ins JOIN customers USING (customer) WHERE call = ? AND until > ?"
        row: sqlite3.Row | None = db.execute(query, (call, self._clock())).fetchone() if call else None
        return row

    def _once_signed_in(self, key: str, call: str, act: Callable[[sqlite3.Connection, sqlite3.Row], Answer]) -> Answer:
        """Do something once for who is signed in on a call."""

        def known(db: sqlite3.Connection) -> Answer:
            customer = self._customer(db, call)
            return {"signed_in": False} if customer is None else act(db, customer)

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


def hashed(customer: str, pin: str) -> str:
    """Return what is kept of a PIN."""
    return hashlib.pbkdf2_hmac("sha256", pin.encode(), customer.encode(), PIN_ROUNDS).hex()


def cents(amount: float) -> int:
    """Take 12.5 as 1250. Raises Refused for what is no amount above zero of at most a million."""
    value = round(amount * 100) if 0 < amount <= 1_000_000 else 0
    if value == 0:
        raise Refused("amount must be above 0 and at most 1000000")
    return value


def money(amount: int) -> float:
    """Give 1250 as 12.5."""
    return amount / 100


def _by_number(db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
    query = "SELECT * FROM customers WHERE customer = ?"
    if len(number) == CARD_DIGITS:
        query = "SELECT customers.* FROM cards JOIN customers USING (customer) WHERE card = ?"
    row: sqlite3.Row | None = db.execute(query, (number,)).fetchone()
    return row


def _knows(customer: sqlite3.Row, birth_date: str, pin: str) -> bool:
    if pin:
        return hmac.compare_digest(hashed(customer["customer"], pin), str(customer["pin_hash"]))
    return bool(birth_date) and birth_date == str(customer["birth_date"])


def _card(db: sqlite3.Connection, customer: sqlite3.Row, kind: str) -> sqlite3.Row | None:
    query = "SELECT * FROM cards WHERE customer = ? AND kind = ?"
    row: sqlite3.Row | None = db.execute(query, (customer["customer"], kind)).fetchone()
    return row


def _refusal(customer: sqlite3.Row, amount: int) -> str:
    if amount > customer["transfer_limit"]:
        return "above_limit"
    return "above_balance" if amount > customer["balance"] else ""


def _order(db: sqlite3.Connection, kind: str, customer: sqlite3.Row, details: str) -> str:
    count = db.execute("SELECT COUNT(*) FROM orders").fetchone()[0]
    number = f"{kind[0].upper()}{count + 1:05d}"
    db.execute("INSERT INTO orders VALUES (?, ?, ?, ?)", (number, kind, customer["customer"], details))
    return number
