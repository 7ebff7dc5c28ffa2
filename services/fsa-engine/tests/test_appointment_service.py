"""The appointment agent as it ships: the real core, the real calendar server, and engines that die."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from chassis.rpc import RpcError, StatusCode
from fsa_engine.domain.step import step

World = Any
FOLDER = Path(__file__).parents[3] / "agents" / "appointment"
CALLER = "+15550001"


@pytest.fixture
def clinic(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world with the appointment agent, its calendar in a file of this test's own."""
    monkeypatch.setenv("CALENDAR_DB", str(tmp_path / "calendar.sqlite"))
    world.agents = FOLDER
    world.step = step
    return world


@pytest.fixture
def bookings(tmp_path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("calendar_file", FOLDER / "calendar_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return lambda: module.Calendar(tmp_path / "calendar.sqlite").bookings()


async def up_to_the_confirmation(relay: Any) -> None:
    ready = await relay.open()
    assert not ready.error
    (asked,) = await relay.texts(relay.say("u1", "I'd like to book an appointment for next Tuesday"))
    assert "time" in asked
    event_id = relay.say("u2", "at ten a.m.")
    await relay.texts(event_id)
    (asked,) = await relay.texts(f"{event_id}/i0/result")
    assert asked.endswith("Shall I book it?")


async def test_an_appointment_is_booked_once(clinic: World, bookings: Any) -> None:
    await clinic.engine()
    relay = clinic.relay()
    await up_to_the_confirmation(relay)
    for _ in range(2):
        event_id = relay.say("u3", "yes please")
    said = await relay.texts(f"{event_id}/i0/result")
    assert said[0].startswith("Your appointment is booked for")
    await relay.until("outputs", relay.say("u4", "no, that's all"))
    relay.close()
    (booking,) = bookings()
    assert (booking["time"], booking["caller"], booking["status"]) == ("10:00", CALLER, "booked")


async def test_an_engine_that_dies_between_booking_and_saving_books_once(clinic: World, bookings: Any) -> None:
    first = await clinic.engine()
    relay = clinic.relay()
    await up_to_the_confirmation(relay)

    def fault(request: Any) -> None:
        if getattr(request, "event_id", "").endswith("u3/i0/result"):
            raise RpcError(StatusCode.UNAVAILABLE, "out")

    clinic.session.fault = fault
    relay.say("u3", "yes")
    (returned,) = (await clinic.facts("tool_returned", 2))[1:]
    assert returned.ok
    assert len(bookings()) == 1
    await first.stop()
    clinic.session.fault = lambda request: None
    assert list(clinic.session.session("session-1").open_intents) == ["call-1/u3/i0"]

    await clinic.engine()
    relay.engine_slot = 1
    relay.post("opened", plan=relay.plan_request())
    said = await relay.texts("call-1/u3/i0/result")
    assert said[0].startswith("Your appointment is booked for")
    assert len(bookings()) == 1
    assert clinic.session.session("session-1").open_intents == {}


async def test_a_dropped_call_is_resumed_in_its_state_by_another_engine(clinic: World, bookings: Any) -> None:
    await clinic.engine()
    relay = clinic.relay()
    await up_to_the_confirmation(relay)
    relay.close()
    await clinic.engines[0].conversations.drained()
    saved = clinic.session.session("session-1")
    business = saved.saves["call-1/closed"].business
    assert [(task.task, task.state) for task in business.open_tasks] == [("book_appointment", "confirm")]
    assert business.sms_text.startswith("Our call was disconnected. Your appointment request was saved.")

    await clinic.engine()
    again = clinic.relay("call-2", "session-1", engine_slot=1)
    ready = await again.open(resumed=True)
    words = " ".join(one.ask.text or one.verbatim.text for one in ready.opening.outputs)
    assert "Welcome back! We were booking an appointment" in words
    assert "What time would you like" not in words, "questions of the first call are stale"
    (asked,) = await again.texts(again.say("u1", "continue"))
    assert asked.endswith("Shall I book it?")
    event_id = again.say("u2", "yes")
    said = await again.texts(f"{event_id}/i0/result")
    assert said[0].startswith("Your appointment is booked for")
    assert len(bookings()) == 1


async def test_every_step_leaves_a_canonical_audit_record(clinic: World) -> None:
    await clinic.engine()
    relay = clinic.relay()
    await up_to_the_confirmation(relay)
    records = clinic.session.session("session-1").audit
    assert len(records) == 4
    for text in records:
        assert orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS).decode() == text
