"""Posts to Kafka without ever waiting for it.

What is posted to one slot while its last record is on its way is joined into the next record: at once when the slot is
idle, otherwise when the acknowledgement came and `interval` has passed. The cost of Kafka in Python is per record, so
this bounds it, and it adapts: a slow broker gets larger records. aiokafka keeps one produce request in flight per
broker; sending earlier would only fill its buffer, where nothing can be dropped any more.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from chassis.bus import Headers
from chassis.bus_kafka.connection import MAX_RECORD_BYTES
from chassis.bus_metrics import DROPPED, POSTED
from chassis.bus_records import Item, join
from chassis.logging import get_logger

FLUSH_BYTES = 131_072
"""At most this much of one slot is sent at a time (half of the producer's batch, so that `send` never waits)."""

PENDING_BYTES = 1_048_576
"""At most this much waits for one slot: about a second of 100 G.711 calls. Past it the oldest items go."""

MAX_ITEM_BYTES = MAX_RECORD_BYTES - 1024

INTERVAL_SECONDS = 0.002
"""Least time between two sends to one busy slot."""

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
    """The posting half of the bus: a deque per slot and one task that empties them into the producer."""

    def __init__(self, producer: AIOKafkaProducer, interval: float = INTERVAL_SECONDS) -> None:
        self._producer = producer
        self._interval = interval
        self._loop = asyncio.get_running_loop()
        self._slots: dict[tuple[str, int], _Slot] = {}
        self._ready: deque[_Slot] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    async def start(self, topics: Iterable[str]) -> None:
        """Connect and learn where the topics are, so that the first post need not wait. Raises KafkaError."""
        await self._producer.start()
        for topic in topics:
            await self._producer.partitions_for(topic)
        self._task = asyncio.create_task(self._pump(), name="inbox-sender")

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
        if not slot.flying and not slot.queued:
            self._schedule(slot)

    def _schedule(self, slot: _Slot) -> None:
        slot.queued = True
        wait = slot.sent_at + self._interval - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self._enqueue, slot)
        else:
            self._enqueue(slot)

    def _enqueue(self, slot: _Slot) -> None:
        self._ready.append(slot)
        self._wake.set()

    async def _pump(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._ready:
                await self._send(self._ready.popleft())

    async def _send(self, slot: _Slot) -> None:
        slot.queued = False
        slot.sent_at = self._loop.time()
        for value, headers in slot.take():
            try:
                sent = await self._producer.send(slot.topic, value, partition=slot.number, headers=list(headers))
            except Exception as error:  # Whatever it is, the other slots go on.
                self._failed(slot, error)
                continue
            slot.flying += 1
            sent.add_done_callback(partial(self._landed, slot))

    def _landed(self, slot: _Slot, sent: "asyncio.Future[Any]") -> None:
        slot.flying -= 1
        error = None if sent.cancelled() else sent.exception()
        if error is not None:
            self._failed(slot, error)
        else:
            slot.posted.inc()
            self._failing = False
        if slot.pending and not slot.flying and not slot.queued:
            self._schedule(slot)

    def _failed(self, slot: _Slot, error: BaseException) -> None:
        DROPPED.labels(slot.topic, "broker").inc()
        if not self._failing:
            self._failing = True
            _log.error("inbox records cannot be sent", topic=slot.topic, slot=slot.number, error=repr(error))

    async def stop(self, seconds: float) -> None:
        """Send what is pending, at most this long, and disconnect."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        try:
            async with asyncio.timeout(seconds):
                for slot in self._slots.values() if task is not None else ():
                    while slot.pending:
                        await self._send(slot)
                await self._producer.stop()
        except (TimeoutError, KafkaError, OSError) as error:
            _log.warning("inbox items were left unsent", error=repr(error))
