import asyncio

import pytest
from structlog.testing import capture_logs

from chassis.leases import SlotLease
from chassis.rpc import RpcError, StatusCode, direct
from opusagent.session.v1 import session_pb2 as pb
from opusagent.session.v1.session_pb2_grpc import SessionServiceServicer


class Session(SessionServiceServicer):
    """Leases what it is told to lease, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[int | StatusCode] = []
        self.slot = 4
        self.asked: list[pb.LeaseSlotRequest] = []
        self.released: list[str] = []

    async def LeaseSlot(self, request: pb.LeaseSlotRequest, context: object) -> pb.LeaseSlotResponse:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else self.slot
        if isinstance(answer, int):
            return pb.LeaseSlotResponse(slot=answer, ttl_ms=1800)
        raise RpcError(answer, "told to")

    async def ReleaseSlot(self, request: pb.ReleaseSlotRequest, context: object) -> pb.ReleaseSlotResponse:
        self.released.append(request.holder)
        return pb.ReleaseSlotResponse()


class Time:
    """Sleeps last until the test lets them end."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._sleeping = asyncio.Event()
        self._ticks = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._sleeping.set()
        await self._ticks.acquire()

    async def fell_asleep(self) -> None:
        """Wait for a sleep to begin."""
        async with asyncio.timeout(5):
            await self._sleeping.wait()

    def wake(self) -> None:
        """Let one sleep end."""
        self._sleeping.clear()
        self._ticks.release()

    async def tick(self) -> None:
        """Let one sleep end and wait for the next to begin."""
        self.wake()
        await self.fell_asleep()


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def lease(session: Session, time: Time):
    lease = SlotLease(direct(session), pb.ROLE_RELAY, "me", lambda: 3, 10, sleep=time.sleep)
    yield lease
    await lease.stop()


async def test_it_takes_a_slot_and_renews_at_a_third_of_its_time(session, time, lease) -> None:
    with pytest.raises(RuntimeError):
        _ = lease.slot
    await lease.start()
    assert lease.slot == 4
    await time.fell_asleep()
    await time.tick()
    await time.tick()
    assert time.waits == [0.6, 0.6, 0.6]
    assert len(session.asked) == 3
    first = session.asked[0]
    assert (first.role, first.holder, first.load, first.capacity) == (pb.ROLE_RELAY, "me", 3, 10)
    assert (first.ready, first.draining) == (False, False)


async def test_ready_and_draining_are_said_at_once(session, lease) -> None:
    await lease.start()
    await lease.mark_ready()
    await lease.drain()
    assert [(asked.ready, asked.draining) for asked in session.asked] == [(False, False), (True, False), (True, True)]
    await lease.stop()
    await lease.stop()
    assert session.released == ["me"]


async def test_while_session_is_out_it_freezes_and_says_so_once(session, time, lease) -> None:
    lost = []
    lease.on_lost = lambda: lost.append(True)
    await lease.start()
    await time.fell_asleep()
    session.answers += [StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.INTERNAL]
    with capture_logs() as lines:
        for _ in range(4):
            await time.tick()
    assert not lost
    assert not lease.lost
    assert lease.slot == 4
    assert [line["log_level"] for line in lines] == ["warning", "info"]


@pytest.mark.parametrize("answer", [StatusCode.ABORTED, StatusCode.NOT_FOUND, 5])
async def test_only_a_positive_answer_ends_it(session, lease, answer) -> None:
    lost = asyncio.Event()
    calls = []

    async def on_lost() -> None:
        calls.append(True)
        lost.set()

    lease.on_lost = on_lost
    await lease.start()
    session.answers.append(answer)
    await lease.mark_ready()
    assert lost.is_set()
    assert lease.lost
    asked = len(session.asked)
    await lease.drain()
    assert len(session.asked) == asked
    await lease.stop()
    assert calls == [True]
    assert session.released == []


async def test_it_waits_for_a_first_slot(session, time, lease) -> None:
    session.answers += [StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED]
    starting = asyncio.create_task(lease.start())
    await time.fell_asleep()
    await time.tick()
    time.wake()
    await starting
    assert lease.slot == 4


async def test_a_session_that_is_gone_does_not_hold_up_the_end(session, lease, monkeypatch) -> None:
    await lease.start()

    async def gone(request: object, context: object) -> None:
        raise RpcError(StatusCode.UNAVAILABLE, "gone")

    monkeypatch.setattr(session, "ReleaseSlot", gone)
    await lease.stop()
