"""The bank trusts no caller of its tools."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bank import SIGN_IN_SECONDS, Bank, Refused, cents
from hypothesis import given
from hypothesis import strategies as st

MARIA, JAMES = "10020030", "10020048"
BORN = "1980-05-04"


class Clock:
    def __init__(self) -> None:
        self.now = 1_764_600_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bank(tmp_path: Path, clock: Clock) -> Bank:
    bank = Bank(tmp_path / "bank.sqlite", clock)
    assert bank.sign_in("s", "call", MARIA, birth_date=BORN)["signed_in"]
    return bank


@pytest.mark.parametrize(
    ("number", "secret"),
    [
        (MARIA, {"birth_date": "1980-05-05"}),
        (MARIA, {"pin": "8302"}),
        (MARIA, {"birth_date": BORN, "pin": "0000"}),
        (MARIA, {}),
        ("99999999", {"birth_date": BORN}),
        ("4242424242424241", {"pin": "4711"}),
        ("", {"pin": "4711"}),
        ("' OR 1=1 --", {"birth_date": BORN}),
    ],
)
def test_a_wrong_number_or_secret_signs_nobody_in(bank: Bank, number: str, secret: dict[str, str]) -> None:
    assert bank.sign_in("k", "other", number, **secret) == {"signed_in": False, "tries_left": 2}
    assert bank.who("other") == {"signed_in": False}
    assert bank.balance("other") == {"signed_in": False}


def test_a_card_number_and_pin_sign_in(bank: Bank) -> None:
    assert bank.sign_in("k", "other", "4242424242424242", pin="4711")["name"] == "Maria Lindqvist"


def test_after_three_wrong_tries_the_right_secret_is_too_late_on_that_call(bank: Bank) -> None:
    left = [bank.sign_in(f"k{n}", "other", MARIA, pin="0000")["tries_left"] for n in range(4)]
    assert left == [2, 1, 0, 0]
    assert not bank.sign_in("k9", "other", MARIA, pin="4711")["signed_in"]
    assert bank.sign_in("k10", "third", MARIA, pin="4711")["signed_in"]


def test_a_repeated_wrong_try_counts_once(bank: Bank) -> None:
    assert [bank.sign_in("k", "other", MARIA, pin="0000")["tries_left"] for _ in range(4)] == [2, 2, 2, 2]


def test_a_sign_in_holds_on_its_call_alone_and_not_for_long(bank: Bank, clock: Clock) -> None:
    assert bank.who("call") == {"signed_in": True, "name": "Maria Lindqvist"}
    assert bank.who("") == bank.who("other") == {"signed_in": False}
    clock.now += SIGN_IN_SECONDS
    assert bank.who("call") == {"signed_in": False}
    assert bank.block("k", "call", "debit") == {"signed_in": False}
    assert {card["status"] for card in bank.cards()} == {"active"}


def test_a_card_is_blocked_once_and_replaced_only_then(bank: Bank) -> None:
    assert bank.replace("k1", "call", "credit") == {"signed_in": True, "ordered": False}
    assert bank.block("k2", "call", "credit") == {"signed_in": True, "blocked": True}
    first = bank.replace("k3", "call", "credit")
    assert bank.replace("k3", "call", "credit") == first == {"signed_in": True, "ordered": True, "reference": "R00001"}
    assert [order["details"] for order in bank.orders()] == ["credit card ending in 4444"]
    assert bank.card("call", "credit") == {
        "signed_in": True, "found": True, "last_four": "4444", "blocked": True,
        "address": "12 Harbor Street, Springfield",
    }  # fmt: skip


def test_a_card_that_the_customer_does_not_have_is_not_found(bank: Bank) -> None:
    bank.sign_in("k", "other", JAMES, birth_date="1992-11-23")
    assert bank.card("other", "credit") == {"signed_in": True, "found": False}
    assert bank.block("k2", "other", "credit") == {"signed_in": True, "blocked": False}
    assert bank.block("k3", "other", "') --") == {"signed_in": True, "blocked": False}


@pytest.mark.parametrize(
    ("said", "payee"),
    [("Anna", "P1"), ("to anna berg", "P1"), ("City Power", "P2"), ("berg", None), ("Green Gym", None), ("", None)],
)
def test_a_payee_is_one_of_the_customers_own_and_unmistakable(bank: Bank, said: str, payee: str | None) -> None:
    assert bank.payee("call", said).get("payee") == payee


def test_money_moves_once_per_key(bank: Bank) -> None:
    first = bank.transfer("k", "call", "P1", 200.5)
    assert first == {"signed_in": True, "done": True, "reference": "T00001", "balance": 2250.25}
    with ThreadPoolExecutor(4) as pool:
        assert all(answer == first for answer in pool.map(lambda _: bank.transfer("k", "call", "P1", 200.5), range(8)))
    assert bank.balance("call")["balance"] == 2250.25


@pytest.mark.parametrize(
    ("payee", "amount", "refused"),
    [("P1", 1000.01, "above_limit"), ("P4", 10, "unknown_payee"), ("P9", 10, "unknown_payee")],
)
def test_what_the_rules_forbid_moves_nothing(bank: Bank, payee: str, amount: float, refused: str) -> None:
    assert bank.transfer("k", "call", payee, amount) == {"signed_in": True, "done": False, "refused": refused}
    assert bank.balance("call")["balance"] == 2450.75


def test_nothing_is_spent_that_is_not_there(bank: Bank) -> None:
    bank.sign_in("k", "other", JAMES, birth_date="1992-11-23")
    assert bank.transfer("k1", "other", "P4", 85.21)["refused"] == "above_balance"
    assert bank.transfer("k2", "other", "P4", 85.20)["balance"] == 0


@pytest.mark.parametrize("amount", [0, -1, 0.001, float("nan"), float("inf"), 1e9])
def test_an_amount_that_is_none_is_refused(bank: Bank, amount: float) -> None:
    with pytest.raises(Refused, match="amount must be"):
        bank.transfer("k", "call", "P1", amount)


@given(st.integers(1, 100_000_000))
def test_cents_survive_the_way_over_the_wire(amount: int) -> None:
    assert cents(amount / 100) == amount


def test_a_disputed_payment_blocks_its_card(bank: Bank) -> None:
    found = bank.suspicious("call")
    assert (found["payment"], found["merchant"], found["amount"]) == ("X1", "Galaxy Games", 499.0)
    assert bank.review("k", "call", "X1", recognised=False) == {"signed_in": True, "noted": True, "case": "D00001"}
    assert bank.suspicious("call") == {"signed_in": True, "found": False}
    assert {card["last_four"]: card["status"] for card in bank.cards()}["4444"] == "blocked"
    assert bank.review("k2", "call", "X3", recognised=False) == {"signed_in": True, "noted": False}, "somebody else's"


def test_a_statement_goes_to_an_open_case_of_ones_own(bank: Bank) -> None:
    assert not bank.add_statement("k1", "call", "D00001", (True, False, "2025-11-30"))["added"], "no such case"
    bank.review("k2", "call", "X1", recognised=False)
    assert bank.add_statement("k3", "call", "D00001", (True, False, "2025-11-30"))["added"]
    bank.sign_in("k4", "other", JAMES, birth_date="1992-11-23")
    assert not bank.add_statement("k5", "other", "D00001", (False, True, "2025-11-30"))["added"], "somebody else's"
    assert bank.add_statement("k6", "stranger", "D00001", (False, True, "2025-11-30")) == {"signed_in": False}
    assert bank.statements() == [{"number": "D00001", "card_in_hand": 1, "secret_told": 0, "last_used": "2025-11-30"}]


def test_a_second_start_keeps_what_was_done(bank: Bank, tmp_path: Path) -> None:
    bank.block("k", "call", "debit")
    again = Bank(tmp_path / "bank.sqlite")
    assert [card["status"] for card in again.cards() if card["last_four"] == "4242"] == ["blocked"]
    assert len(again.cards()) == 3
