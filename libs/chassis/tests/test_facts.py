import asyncio

import pytest

from chassis import facts
from chassis.bus import CALL_EVENTS, BusError, Headers
from chassis.bus_inprocess import InProcessBus
from chassis.facts import FactLog
from chassis.retry import Backoff
from opusagent.events.v1.events_pb2 import CallEnded, CallEvent, SessionExpired, TurnTaken


class Flaky(InProcessBus):
    """A bus whose log refuses the next `failures` appends."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0

    async def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise BusError("not now")
        await super().append(topic, key, value, headers)


@pytest.fixture
async def bus(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(facts, "Backoff", lambda: Backoff(first=0.0))
    bus = Flaky()
    await bus.start()
    yield bus
    await bus.stop()


async def _recorded(bus: InProcessBus, count: int) -> list[CallEvent]:
    reader = bus.read(CALL_EVENTS, from_start=True)
    async with asyncio.timeout(5):
        events = []
        for _ in range(count):
            record = await anext(reader)
            event = CallEvent.FromString(record.value)
            assert record.key == event.session_id
            events.append(event)
    await reader.aclose()
    return events


async def test_a_fact_is_whole(bus) -> None:
    log = FactLog(bus, "gateway", lambda: 1234)
    event_id = await log.record("session-1", "call-1", call_ended=CallEnded(duration_ms=5))
    await log.record("session-1", "", "session-1/expired", session_expired=SessionExpired())
    first, second = await _recorded(bus, 2)
    assert (first.event_id, first.call_id, first.occurred_at_ms, first.source) == (event_id, "call-1", 1234, "gateway")
    assert first.call_ended.duration_ms == 5
    assert (second.event_id, second.WhichOneof("fact")) == ("session-1/expired", "session_expired")


async def test_background_facts_survive_trouble_and_keep_their_order(bus) -> None:
    log = FactLog(bus, "relay")
    bus.failures = 7
    for number in range(10):
        log.record_soon("session-1", "call-1", turn_taken=TurnTaken(started_ms=number))
    bus.failures = 3
    await log.record("session-1", "call-1", call_ended=CallEnded())
    events = await _recorded(bus, 11)
    assert [event.turn_taken.started_ms for event in events[:10]] == list(range(10))
    assert events[10].WhichOneof("fact") == "call_ended"
    assert await log.flush(0.0)


async def test_an_awaited_fact_that_fails_is_the_callers_business(bus) -> None:
    bus.failures = 1
    with pytest.raises(BusError):
        await FactLog(bus, "relay").record("session-1", "call-1", call_ended=CallEnded())


async def test_closing_is_bounded(bus) -> None:
    log = FactLog(bus, "relay")
    bus.failures = 1_000_000
    log.record_soon("session-1", "call-1", call_ended=CallEnded())
    assert not await log.flush(0.01)
    await log.close(0.01)
    assert await log.flush(0.0)


async def test_exactly_one_fact(bus) -> None:
    with pytest.raises(TypeError):
        FactLog(bus, "relay").record_soon("s", "c", call_ended=CallEnded(), session_expired=SessionExpired())
