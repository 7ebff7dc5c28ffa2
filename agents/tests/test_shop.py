"""The shop shows an order to who knows it, and keeps its own rules."""

import datetime as dt
from pathlib import Path

import pytest
from shop import Refused, Shop

TODAY = dt.date(2025, 12, 1)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.sqlite", lambda: TODAY)


def test_an_order_is_shown_to_who_knows_number_and_zip_code(shop: Shop) -> None:
    assert shop.find("call", "100102", "62701") == {
        "found": True, "tries_left": 3, "returned": False, "item": "hiking boots", "status": "delivered",
        "day": "2025-11-21", "address": "12 Harbor Street, Springfield",
    }  # fmt: skip
    assert shop.find("call", "100102", "10001") == {"found": False, "tries_left": 2}


def test_a_call_may_guess_three_times(shop: Shop) -> None:
    guesses = [("100101", "00001"), ("100101", "00001"), ("100101", "00002"), ("100101", "00003")]
    assert [shop.find("call", *guess)["tries_left"] for guess in guesses] == [2, 2, 1, 0]
    assert shop.find("call", "100101", "62701") == {"found": False, "tries_left": 0}
    assert shop.find("other", "100101", "62701")["found"]


@pytest.mark.parametrize(
    ("order", "zip_code", "refused"),
    [("100101", "62701", "not_delivered"), ("100103", "62701", "too_late"), ("100105", "10001", "returned_already")],
)
def test_what_cannot_be_returned_is_refused(shop: Shop, order: str, zip_code: str, refused: str) -> None:
    shop.find("call", order, zip_code)
    assert shop.create_return("k", "call", order, "damaged") == {"created": False, "refused": refused}


def test_a_return_is_created_once_and_found_again(shop: Shop) -> None:
    assert shop.create_return("k0", "call", "100102", "size")["refused"] == "unknown", "it was not shown on this call"
    assert shop.find_return("100102") == {"found": False}
    shop.find("call", "100102", "62701")
    first = {"created": True, "return_number": "R00002"}
    assert shop.create_return("k1", "call", "100102", "size") == first
    assert shop.create_return("k1", "call", "100102", "size") == first
    assert shop.create_return("k2", "call", "100102", "size")["refused"] == "returned_already"
    assert shop.find_return("100102") == {"found": True, **first}
    assert len(shop.returns()) == 2


@pytest.mark.parametrize(("days", "created"), [(30, True), (31, False)])
def test_thirty_days_are_thirty_days(tmp_path: Path, days: int, created: bool) -> None:
    day = [TODAY]
    shop = Shop(tmp_path / "shop.sqlite", lambda: day[0])
    shop.find("call", "100102", "62701")
    day[0] = dt.date(2025, 11, 21) + dt.timedelta(days=days)
    assert shop.create_return("k", "call", "100102", "size")["created"] is created


def test_only_an_order_that_has_not_left_gets_another_address(shop: Shop) -> None:
    new = "1 Main Road, Salem"
    assert shop.change_address("k0", "call", "100104", new) == {"changed": False, "status": "unknown"}
    shop.find("call", "100104", "10001")
    shop.find("call", "100101", "62701")
    assert shop.change_address("k1", "call", "100101", new) == {"changed": False, "status": "shipped"}
    assert shop.change_address("k2", "call", "100104", f" {new}  ") == {"changed": True, "status": "processing"}
    assert shop.find("call", "100104", "10001")["address"] == new


@pytest.mark.parametrize("address", ["", "   ", "x" * 201])
def test_an_address_that_is_none_is_refused(shop: Shop, address: str) -> None:
    with pytest.raises(Refused):
        shop.change_address("k", "call", "100104", address)
