"""Posts to Kafka without ever waiting for it.

What is posted to one slot within `interval` of its last record is joined into the next one. Kafka's cost is per record,
so this bounds it, and it adapts: while a few records of a slot are unacknowledged no further one is made, so a slow
broker gets larger ones, and what waits can still be dropped here. librdkafka keeps one produce request in flight per
broker (`Connection.inbox_producer`), which keeps the order through its retries.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import partial

from confluent_kafka import KafkaException, Producer

from chassis.bus import BusError, Headers
from chassis.bus_kafka.connection import MAX_RECORD_BYTES
from chassis.bus_metrics import DROPPED, POSTED
from chassis.bus_records import Item, join
from chassis.logging import get_logger

FLUSH_BYTES = 131_072
"""At most this much of one slot is sent at a time."""

PENDING_BYTES = 1_048_576
"""At most this much waits for one slot: about a second of 100 G.711 calls. Past it the oldest items go."""

MAX_ITEM_BYTES = MAX_RECORD_BYTES - 1024

INTERVAL_SECONDS = 0.002
"""Least time between two sends to one slot."""

MAX_FLYING = 4
"""Records of one slot that are not acknowledged yet, past which no further one is sent."""

SETTLE_SECONDS = 0.1
"""How soon acknowledgements are looked at when nothing more is sent."""

METADATA_SECONDS = 10.0

_log = get_logger(__name__)


class _Slot:
    __slots__ = ("dropped", "flying", "number", "pending", "posted", "queued", "sent_at", "size", "topic")

    def __init__(self, topic: str, number: int) -> None:
        self.topic = topic
        self.number = number
        self.pending: deque[Item] = deque()
        self.size = 0
        self.flying = 0
        self.queued = False
        self.sent_at = 0.0
        self.posted = POSTED.labels(topic)
        self.dropped = DROPPED.labels(topic, "behind")

    def drop_oldest(self) -> None:
        while self.size > PENDING_BYTES:
            item, _ = self.pending.popleft()
            self.size -= len(item)
            self.dropped.inc()

    def take(self) -> list[Item]:
        """Remove and return the records of the next send, oldest first."""
        if self.size <= FLUSH_BYTES:
            records = join(self.pending)
            self.pending.clear()
            self.size = 0
            return records
        items: list[Item] = []
        taken = 0
        while self.pending and (not items or taken + len(self.pending[0][0]) <= FLUSH_BYTES):
            items.append(self.pending.popleft())
            taken += len(items[-1][0])
        self.size -= taken
        return join(items)


class InboxSender:
    """The posting half of the bus: a deque per slot, emptied into the producer at most every `interval` seconds."""

    def __init__(self, producer: Producer, interval: float = INTERVAL_SECONDS) -> None:
        self._producer = producer
        self._interval = interval
        self._loop = asyncio.get_running_loop()
        self._slots: dict[tuple[str, int], _Slot] = {}
        self._settling: asyncio.TimerHandle | None = None
        self._failing = False

    async def start(self, topics: Iterable[str]) -> None:
        """Learn where the topics are, so that the first post need not wait. Raises BusError."""
        for topic in topics:
            try:
                await asyncio.to_thread(self._producer.list_topics, topic, METADATA_SECONDS)
            except KafkaException as error:
                raise BusError(str(error)) from error

    def post(self, topic: str, number: int, item: bytes, headers: Headers) -> None:
        """Take one item for a slot; see `Bus.post`."""
        slot = self._slots.get((topic, number))
        if slot is None:
            slot = self._slots[topic, number] = _Slot(topic, number)
        if len(item) > MAX_ITEM_BYTES:
            DROPPED.labels(topic, "too_large").inc()
            return
        slot.pending.append((item, headers))
        slot.size += len(item)
        if slot.size > PENDING_BYTES:
            slot.drop_oldest()
        if not slot.queued:
            self._schedule(slot)

    def _schedule(self, slot: _Slot) -> None:
        slot.queued = True
        wait = slot.sent_at + self._interval - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self._send, slot)
        else:
            self._loop.call_soon(self._send, slot)

    def _send(self, slot: _Slot) -> None:
        slot.queued = False
        slot.sent_at = self._loop.time()
        self._producer.poll(0)
        if slot.flying < MAX_FLYING:
            for value, headers in slot.take():
                self._produce(slot, value, headers)
        if slot.pending:
            self._schedule(slot)
        if self._settling is None:
            self._settling = self._loop.call_later(SETTLE_SECONDS, self._settle)

    def _produce(self, slot: _Slot, value: bytes, headers: Headers) -> None:
        try:
            self._producer.produce(
                slot.topic, value, partition=slot.number, headers=list(headers), on_delivery=partial(self._landed, slot)
            )
        except Exception as error:  # Whatever it is, the other slots go on.
            self._failed(slot, error)
        else:
            slot.flying += 1

    def _landed(self, slot: _Slot, error: object, _record: object) -> None:
        slot.flying -= 1
        if error is not None:
            self._failed(slot, error)
        else:
            slot.posted.inc()
            self._failing = False

    def _settle(self) -> None:
        self._settling = None
        self._producer.poll(0)
        if any(slot.flying for slot in self._slots.values()):
            self._settling = self._loop.call_later(SETTLE_SECONDS, self._settle)

    def _failed(self, slot: _Slot, error: object) -> None:
        DROPPED.labels(slot.topic, "broker").inc()
        if not self._failing:
            self._failing = True
            _log.error("inbox records cannot be sent", topic=slot.topic, slot=slot.number, error=repr(error))

    async def stop(self, seconds: float) -> None:
        """Send what is pending, at most this long."""
        if self._settling is not None:
            self._settling.cancel()
        for slot in self._slots.values():
            while slot.pending:
                for value, headers in slot.take():
                    self._produce(slot, value, headers)
        left = await asyncio.to_thread(self._producer.flush, seconds)
        if left:
            self._producer.purge()
            _log.warning("inbox records were left unsent", records=left)
