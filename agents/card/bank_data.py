"""The customers of the demonstration bank. Card numbers are the ones that card schemes publish for tests."""

import datetime as dt
import sqlite3
from collections.abc import Callable

CUSTOMERS = (
    # customer number, name, birth date, PIN, address, balance and transfer limit in cents
    ("10020030", "Maria Lindqvist", "1980-05-04", "4711", "12 Harbor Street, Springfield", 245_075, 100_000),
    ("10020048", "James Okafor", "1992-11-23", "8302", "7 Mill Lane, Fairview", 8_520, 50_000),
)
CARDS = (
    ("4242424242424242", "10020030", "debit"),
    ("5555555555554444", "10020030", "credit"),
    ("4000056655665556", "10020048", "debit"),
)
PAYEES = (
    ("P1", "10020030", "Anna Berg"),
    ("P2", "10020030", "City Power"),
    ("P3", "10020030", "Tom Berg"),
    ("P4", "10020048", "Green Gym"),
)
PAYMENTS = (
    # number, card, merchant, cents, days ago, review
    ("X1", "5555555555554444", "Galaxy Games", 49_900, 1, "suspicious"),
    ("X2", "4242424242424242", "Corner Bakery", 640, 1, "none"),
    ("X3", "4000056655665556", "Green Gym", 3_900, 3, "none"),
)


def seed(db: sqlite3.Connection, today: dt.date, hashed: Callable[[str, str], str]) -> None:
    """Fill an empty bank."""
    if db.execute("SELECT COUNT(*) FROM customers").fetchone()[0]:
        return
    for number, name, birth_date, pin, *rest in CUSTOMERS:
        row = (number, name, birth_date, hashed(number, pin), *rest)
        db.execute("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    db.executemany("INSERT INTO cards VALUES (?, ?, ?, 'active')", CARDS)
    db.executemany("INSERT INTO payees VALUES (?, ?, ?)", PAYEES)
    for number, card, merchant, amount, days_ago, review in PAYMENTS:
        day = (today - dt.timedelta(days=days_ago)).isoformat()
        db.execute("INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?)", (number, card, merchant, amount, day, review))
