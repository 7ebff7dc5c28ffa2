"""The sender and the writer against a producer that acknowledges when the test says so."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber
from confluent_kafka import KafkaException
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from chassis.bus import RELAY_INBOX, BusError
from chassis.bus_kafka import KafkaBus, log_writer
from chassis.bus_kafka.inbox_sender import FLUSH_BYTES, MAX_FLYING, MAX_ITEM_BYTES, PENDING_BYTES, InboxSender
from chassis.bus_kafka.log_writer import LogWriter


class FakeProducer:
    """Takes what is sent; acknowledgements and failures are the test's."""

    def __init__(self, failures: Iterable[Exception] = ()) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self.acks: list[asyncio.Future[Any]] = []
        self.grown = asyncio.Event()
        self.failures = list(failures)
        self.stopped = False

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    async def send(self, topic: str, value: bytes, key: bytes | None = None, partition: int = 0, headers: Any = None):
        if self.failures:
            raise self.failures.pop()
        self.sent.append((partition, value))
        self.acks.append(asyncio.get_running_loop().create_future())
        self.grown.set()
        return self.acks[-1]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.sent) < count:
                self.grown.clear()
                await self.grown.wait()


class FakeInboxProducer:
    """librdkafka's producer, whose acknowledgements and failures are the test's."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self.failures: list[Exception] = []
        self.unflushed = 0
        self.purged = False
        self.grown = asyncio.Event()
        self.looked = asyncio.Event()
        self._landing: list[tuple[Any, Any]] = []
        self._flying: list[Any] = []

    def list_topics(self, topic: str, timeout: float) -> None:
        if self.failures:
            raise self.failures.pop()

    def produce(self, topic: str, value: bytes, partition: int, headers: Any, on_delivery: Any) -> None:
        if self.failures:
            raise self.failures.pop()
        self.sent.append((partition, value))
        self._flying.append(on_delivery)
        self.grown.set()

    def land(self, error: object = None) -> None:
        self._landing.append((self._flying.pop(0), error))

    def poll(self, timeout: float) -> None:
        landing, self._landing = self._landing, []
        for on_delivery, error in landing:
            on_delivery(error, None)
        self.looked.set()

    def flush(self, timeout: float) -> int:
        return self.unflushed

    def purge(self) -> None:
        self.purged = True

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.sent) < count:
                self.grown.clear()
                await self.grown.wait()


@pytest.fixture
async def producer() -> FakeInboxProducer:
    return FakeInboxProducer()


@pytest.fixture
async def sender(producer: FakeInboxProducer):
    sender = InboxSender(producer, interval=0.0)
    await sender.start([RELAY_INBOX])
    yield sender
    await sender.stop(1.0)


def _dropped(reason: str) -> float:
    return (
        REGISTRY.get_sample_value("opusagent_bus_dropped_items_total", {"topic": RELAY_INBOX, "reason": reason}) or 0.0
    )


async def fly(producer: FakeInboxProducer, sender: InboxSender) -> None:
    """Have as many records of slot 1 unacknowledged as may be."""
    for number in range(MAX_FLYING):
        sender.post(RELAY_INBOX, 1, b"%d" % number, ())
        await producer.until(number + 1)


async def test_what_comes_while_records_are_in_flight_goes_as_one_when_they_landed(producer, sender) -> None:
    await fly(producer, sender)
    for item in (b"b", b"c", b"d"):
        sender.post(RELAY_INBOX, 1, item, ())
        await asyncio.sleep(0)
    assert len(producer.sent) == MAX_FLYING
    producer.land()
    await producer.until(MAX_FLYING + 1)
    assert producer.sent[MAX_FLYING:] == [(1, b"bcd")]


async def test_a_busy_slot_gets_one_record_an_interval(producer) -> None:
    sender = InboxSender(producer, interval=0.05)
    sender.post(RELAY_INBOX, 1, b"a", ())
    await producer.until(1)
    for item in (b"b", b"c"):
        sender.post(RELAY_INBOX, 1, item, ())
        await asyncio.sleep(0)
    await producer.until(2)
    assert producer.sent == [(1, b"a"), (1, b"bc")]
    await sender.stop(1.0)


async def test_slots_do_not_wait_for_each_other(producer, sender) -> None:
    await fly(producer, sender)
    sender.post(RELAY_INBOX, 2, b"b", ())
    await producer.until(MAX_FLYING + 1)
    assert producer.sent[-1] == (2, b"b")


async def test_behind_a_dead_broker_the_oldest_items_go(producer, sender) -> None:
    before = _dropped("behind")
    await fly(producer, sender)
    item = 65_536
    fit = PENDING_BYTES // item
    for number in range(fit + 5):
        sender.post(RELAY_INBOX, 1, bytes([number]) * item, ())
    assert _dropped("behind") == before + 5
    producer.land("gone")
    await producer.until(MAX_FLYING + 1)
    assert producer.sent[-1][1][0] == 5
    assert len(producer.sent[-1][1]) <= FLUSH_BYTES


async def test_too_large_an_item_is_refused_and_counted(producer, sender) -> None:
    before = _dropped("too_large")
    sender.post(RELAY_INBOX, 1, b"x" * (MAX_ITEM_BYTES + 1), ())
    sender.post(RELAY_INBOX, 1, b"small", ())
    await producer.until(1)
    assert producer.sent == [(1, b"small")]
    assert _dropped("too_large") == before + 1


@pytest.mark.parametrize("error", [KafkaException("gone"), BufferError("queue full"), TypeError("odd")])
async def test_no_failure_ends_the_sender(producer, sender, error) -> None:
    producer.failures.append(error)
    with capture_logs() as lines:
        sender.post(RELAY_INBOX, 1, b"lost", ())
        sender.post(RELAY_INBOX, 2, b"sent", ())
        await producer.until(1)
    assert producer.sent == [(2, b"sent")]
    assert [line["event"] for line in lines] == ["inbox records cannot be sent"]


async def test_a_failure_is_noticed_though_nothing_more_is_posted(producer, sender) -> None:
    before = _dropped("broker")
    sender.post(RELAY_INBOX, 1, b"lost", ())
    await producer.until(1)
    producer.land("timed out")
    producer.looked.clear()
    await asyncio.wait_for(producer.looked.wait(), 5)
    assert _dropped("broker") == before + 1


async def test_topics_that_cannot_be_learnt_are_trouble(producer) -> None:
    producer.failures.append(KafkaException("no broker"))
    with pytest.raises(BusError, match="no broker"):
        await InboxSender(producer).start([RELAY_INBOX])


async def test_stopping_sends_what_waits_and_gives_up_what_cannot_go(producer) -> None:
    sender = InboxSender(producer, interval=0.0)
    await sender.start([])
    for number in range(10):
        sender.post(RELAY_INBOX, number, b"x", ())
    producer.unflushed = 3
    with capture_logs() as lines:
        await sender.stop(1.0)
    assert sorted(producer.sent) == [(number, b"x") for number in range(10)]
    assert producer.purged
    assert lines[-1]["records"] == 3


class FakeConnection:
    def __init__(self, producers: list[FakeProducer]) -> None:
        self.producers = producers

    def log_producer(self) -> FakeProducer:
        return self.producers.pop(0)


async def test_a_spoilt_producer_is_replaced_and_the_record_sent_again() -> None:
    spoilt, fresh = FakeProducer([OutOfOrderSequenceNumber()]), FakeProducer()
    writer = LogWriter(FakeConnection([spoilt, fresh]))
    appending = asyncio.create_task(writer.append("call-events", "key", b"x", ()))
    await fresh.until(1)
    fresh.acks[0].set_result(None)
    await appending
    assert spoilt.stopped
    assert fresh.sent == [(0, b"x")]
    await writer.stop()


async def test_an_append_that_is_never_acknowledged_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "APPEND_SECONDS", 0.01)
    writer = LogWriter(FakeConnection([producer := FakeProducer()]))
    with pytest.raises(BusError, match="not known to be durable"):
        await writer.append("call-events", "key", b"x", ())
    assert not producer.acks[0].cancelled()
    producer.acks[0].set_exception(KafkaConnectionError("late"))
    await writer.stop()


async def test_without_a_broker_the_bus_waits_and_says_so() -> None:
    bus = KafkaBus("127.0.0.1:1", "test")
    with capture_logs() as lines:
        starting = asyncio.create_task(bus.start())
        async with asyncio.timeout(10):
            while not any(line["event"] == "waiting for Kafka" for line in lines):
                await asyncio.wait([starting], timeout=0.01)
    assert not bus.healthy
    bus.post(RELAY_INBOX, 0, b"x")
    with pytest.raises(BusError):
        await bus.append("call-events", "key", b"x")
    starting.cancel()
    await asyncio.wait([starting])
    await bus.stop()
