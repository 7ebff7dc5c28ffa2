import asyncio
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

FOLDER = Path(__file__).parents[3] / "agents" / "appointment"
SLOT = {"date": "2031-05-06", "time": "10:00"}


@pytest.fixture(scope="module")
def calendar_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("calendar_server", FOLDER / "calendar_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def calendar(calendar_module: ModuleType, tmp_path: Path) -> Any:
    return calendar_module.Calendar(tmp_path / "calendar.sqlite")


def server(path: Path) -> StdioServerParameters:
    environment = {"CALENDAR_DB": str(path)}
    return StdioServerParameters(command=sys.executable, args=["calendar_server.py"], cwd=FOLDER, env=environment)


def test_a_key_books_once(calendar: Any) -> None:
    first = calendar.book("k1", **SLOT, caller="+1555")
    assert first == {"appointment_id": "A00001"}
    assert calendar.book("k1", **SLOT, caller="+1555") == first
    assert len(calendar.bookings()) == 1


def test_two_callers_cannot_have_the_same_time(calendar: Any) -> None:
    calendar.book("k1", **SLOT, caller="+1555")
    assert calendar.book("k2", **SLOT, caller="+1666") == {"taken": True}
    assert calendar.check(**SLOT) == {"available": False, "alternatives": ["09:30", "10:30", "09:00"]}
    assert calendar.book("k2", **SLOT, caller="+1666") == {"taken": True}, "the key's first answer stands"


def test_a_cancelled_time_is_free_again(calendar: Any) -> None:
    appointment = calendar.book("k1", **SLOT, caller="+1555")["appointment_id"]
    assert calendar.find("+1555") == {"found": True, "appointment_id": appointment, **SLOT}
    assert calendar.cancel("k2", appointment) == {"cancelled": True}
    assert calendar.cancel("k2", appointment) == {"cancelled": True}
    assert calendar.cancel("k3", appointment) == {"cancelled": False}
    assert calendar.find("+1555") == {"found": False}
    assert calendar.check(**SLOT)["available"]


def test_a_moved_appointment_frees_its_old_time_and_never_takes_a_taken_one(calendar: Any) -> None:
    mine = calendar.book("k1", **SLOT, caller="+1555")["appointment_id"]
    calendar.book("k2", "2031-05-06", "11:00", "+1666")
    assert calendar.move("k3", mine, "2031-05-06", "11:00") == {"taken": True}
    assert calendar.move("k4", mine, **SLOT) == {"moved": True}, "its own time is free for itself"
    assert calendar.move("k5", mine, "2031-05-07", "09:00") == {"moved": True}
    assert calendar.move("k5", mine, "2031-05-08", "09:00") == {"moved": True}, "the key's first answer stands"
    assert calendar.find("+1555") == {"found": True, "appointment_id": mine, "date": "2031-05-07", "time": "09:00"}
    assert calendar.check(**SLOT)["available"]
    assert calendar.move("k6", "A99999", "2031-05-07", "10:00") == {"moved": False}


def test_the_next_appointment_is_found_and_a_withheld_number_has_none(calendar: Any) -> None:
    calendar.book("k1", "2031-05-07", "09:00", "+1555")
    calendar.book("k2", "2031-05-06", "16:30", "+1555")
    calendar.book("k3", "2001-05-06", "16:30", "+1555")
    calendar.book("k4", "2031-05-01", "09:00", "")
    assert calendar.find("+1555")["date"] == "2031-05-06"
    assert calendar.find("") == {"found": False}


@pytest.mark.parametrize("time", ["07:30", "18:00", "10:10"])
def test_only_times_of_the_grid_can_be_had(calendar: Any, time: str) -> None:
    assert not calendar.check("2031-05-06", time)["available"]
    assert calendar.book("k", "2031-05-06", time, "") == {"taken": True}


@pytest.mark.parametrize("arguments", [("tomorrow", "10:00"), ("2031-05-06", "ten"), ("", "")])
def test_what_is_no_date_or_time_is_refused(calendar: Any, arguments: tuple[str, str]) -> None:
    with pytest.raises(Exception, match="must be"):
        calendar.check(*arguments)


async def test_over_mcp_two_servers_on_one_file_book_once_per_key(tmp_path: Path) -> None:
    path = tmp_path / "calendar.sqlite"
    async with Client(server(path)) as one, Client(server(path)) as two:
        calls = [
            client.call_tool("book_appointment", {**SLOT, "caller": "+1", "idempotency_key": "k"})
            for client in (one, two) * 5
        ]
        results = [result.structured_content for result in await asyncio.gather(*calls)]
        assert results == [{"appointment_id": "A00001"}] * 10
        meta: Any = {"opusagent/idempotency_key": "k"}
        assert (await one.call_tool("book_appointment", SLOT, meta=meta)).structured_content == results[0]
        assert (await two.call_tool("book_appointment", SLOT)).is_error, "a write without a key"
    command = [sys.executable, str(FOLDER / "calendar_server.py"), "--list", "--json"]
    listed = subprocess.run(command, env={"CALENDAR_DB": str(path)}, capture_output=True, check=True)  # noqa: ASYNC221
    assert [booking["status"] for booking in json.loads(listed.stdout)] == ["booked"]
