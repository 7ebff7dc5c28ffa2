"""The help desk does nothing for who has not proved who he is."""

from pathlib import Path
from typing import Any

import pytest
from desk import CODE_SECONDS, VERIFIED_SECONDS, Desk, Refused, six_digits

PRIYA, CODE = "30117", "246810"


class Clock:
    def __init__(self) -> None:
        self.now = 1_764_600_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Desk:
    desk = Desk(tmp_path / "desk.sqlite", clock, lambda: CODE)
    desk.send_code("c", "call", PRIYA)
    assert desk.check_code("v", "call", CODE) == {"verified": True, "name": "Priya Raman"}
    return desk


def sent(desk: Desk, kind: str) -> list[dict[str, Any]]:
    return [message for message in desk.listed()["outbox"] if message["kind"] == kind]


def test_a_code_goes_to_the_telephone_on_file_once_per_key(desk: Desk) -> None:
    for _ in range(2):
        assert desk.send_code("k", "other", "30125") == {"sent": True, "phone_ending": "77"}
    assert [message["employee"] for message in sent(desk, "code")] == [PRIYA, "30125"]


def test_a_code_is_good_once_on_its_call_and_for_a_while(desk: Desk, clock: Clock) -> None:
    assert not desk.check_code("k1", "call", CODE)["verified"], "it was used"
    desk.send_code("k2", "other", PRIYA)
    assert not desk.check_code("k3", "third", CODE)["verified"]
    clock.now += CODE_SECONDS
    assert not desk.check_code("k4", "other", CODE)["verified"]


def test_three_wrong_codes_are_the_end_of_it_on_that_call(desk: Desk) -> None:
    desk.send_code("k", "other", PRIYA)
    assert [desk.check_code(f"k{n}", "other", "000000")["tries_left"] for n in range(3)] == [2, 1, 0]
    assert not desk.check_code("k4", "other", CODE)["verified"]
    assert not desk.send_code("k5", "other", PRIYA)["sent"]


def test_three_unknown_employee_numbers_are_too(desk: Desk) -> None:
    assert [desk.send_code(f"k{n}", "other", "99999")["tries_left"] for n in range(3)] == [2, 1, 0]
    assert not desk.send_code("k4", "other", PRIYA)["sent"]


@pytest.mark.parametrize("code", ["", "24681", "2468100", "' OR ''='", "²⁴⁶⁸¹⁰"])
def test_what_is_no_code_verifies_nobody(desk: Desk, code: str) -> None:
    assert not desk.check_code("k", "fresh", code)["verified"]


def test_proof_runs_out(desk: Desk, clock: Clock) -> None:
    assert desk.who("call") == {"verified": True, "name": "Priya Raman"}
    clock.now += VERIFIED_SECONDS
    for refused in (desk.who("call"), desk.reset_password("k1", "call"), desk.wipe("call", "laptop"),
                    desk.open_ticket("k3", "call", "broken", "normal"), desk.ticket("call", "50001")):  # fmt: skip
        assert refused == {"verified": False}
    assert sent(desk, "password") == []


def test_a_password_is_sent_once_per_key_and_told_to_nobody(desk: Desk) -> None:
    answers = [desk.reset_password("k", "call") for _ in range(2)]
    assert answers == [{"verified": True, "reset": True}] * 2
    assert len(sent(desk, "password")) == 1


def test_a_device_is_wiped_once(desk: Desk) -> None:
    assert desk.wipe("call", "laptop") == {"verified": True, "wiped": True}
    assert desk.wipe("call", "laptop") == {"verified": True, "wiped": False}
    assert {d["device"]: d["status"] for d in desk.listed()["devices"]} == {
        "L-2041": "wiped", "F-2042": "in_use", "L-2077": "in_use",
    }  # fmt: skip


def test_a_ticket_is_opened_once_and_found_by_its_key(desk: Desk) -> None:
    assert desk.opened("k") == {"found": False}
    first = desk.open_ticket("k", "call", "The mouse is broken", "normal")
    assert first == desk.open_ticket("k", "call", "The mouse is broken", "normal")
    assert desk.opened("k") == {"found": True, **first}
    assert desk.ticket("call", first["ticket"])["summary"] == "The mouse is broken"


def test_a_ticket_of_somebody_else_is_not_found(desk: Desk) -> None:
    assert desk.ticket("call", "50001")["status"] == "in_progress"
    assert desk.ticket("call", "50002") == {"verified": True, "found": False}


@pytest.mark.parametrize("summary", ["", "x" * 1001])
def test_a_summary_that_is_none_is_refused(desk: Desk, summary: str) -> None:
    with pytest.raises(Refused):
        desk.open_ticket("k", "call", summary, "normal")


def test_codes_have_six_digits() -> None:
    assert all(len(six_digits()) == 6 and six_digits().isdecimal() for _ in range(200))
