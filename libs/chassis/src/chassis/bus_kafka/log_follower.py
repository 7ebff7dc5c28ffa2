"""Follows a log topic as a member of a consumer group: handle, then commit.

A record whose handler raises stops its partition only: the position goes back to it, the partition pauses, and the
record comes again after a backoff. So the loop keeps polling, and the group does not throw the member out.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from typing_extensions import override

from chassis.bus import LogHandler, Record
from chassis.bus_kafka.connection import Connection
from chassis.bus_kafka.supervised import Standstill, SupervisedReader, stop_quietly
from chassis.bus_metrics import HANDLER_ERRORS
from chassis.logging import get_logger
from chassis.retry import Backoff

POLL_SECONDS = 0.25
CHECK_SECONDS = 10.0
"""How often positions are compared with the ends of the partitions."""
UNASSIGNED_SECONDS = 60.0
"""A member without partitions for so long joins anew (idle work in a group with more members than partitions)."""
GRACE_SECONDS = 2.0
"""How long a closing member may finish the record it is at."""

_log = get_logger(__name__)


class LogFollower(SupervisedReader):
    """One member of one group on one topic."""

    def __init__(self, connection: Connection, topic: str, group: str, handler: LogHandler) -> None:
        super().__init__(topic)
        self._connection = connection
        self._group = group
        self._handler = handler
        self._handling = False
        self._pauses: dict[TopicPartition, tuple[Backoff, float]] = {}
        self._watch = _Watch()

    @override
    async def _open(self) -> AIOKafkaConsumer:
        self._pauses.clear()
        self._watch = _Watch()
        consumer = self._connection.member(self._topic, self._group)
        try:
            await consumer.start()
        except BaseException:
            await stop_quietly(consumer)
            raise
        return consumer

    @override
    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while not self._closing:
            self._resume(consumer)
            batches = await consumer.getmany(timeout_ms=int(POLL_SECONDS * 1000))
            for partition, records in batches.items():
                if not self._closing:
                    await self._handle_all(consumer, partition, records)
            await self._watch.check(consumer, progressed=bool(batches))

    async def _handle_all(self, consumer: AIOKafkaConsumer, partition: TopicPartition, records: Sequence[Any]) -> None:
        done: int | None = None
        for record in records:
            if self._closing or not await self._try(record):
                if not self._closing:
                    self._pause(consumer, partition, record.offset)
                break
            done = record.offset + 1
        if done is not None:
            if done > records[-1].offset:
                self._pauses.pop(partition, None)
            await self._commit(consumer, partition, done)

    async def _try(self, record: Any) -> bool:
        self._handling = True
        try:
            await self._handler(Record(record.topic, (record.key or b"").decode(), record.value, record.headers))
        except Exception:
            HANDLER_ERRORS.labels(self._topic).inc()
            _log.exception("a log record could not be handled, trying again", topic=self._topic, group=self._group)
            return False
        finally:
            self._handling = False
        return True

    def _pause(self, consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
        backoff, _ = self._pauses.get(partition, (Backoff(), 0.0))
        self._pauses[partition] = (backoff, asyncio.get_running_loop().time() + backoff.next())
        try:
            consumer.seek(partition, offset)
            consumer.pause(partition)
        except IllegalStateError:
            self._pauses.pop(partition)  # It was given to another member, who begins at the committed position.

    def _resume(self, consumer: AIOKafkaConsumer) -> None:
        now = asyncio.get_running_loop().time()
        for partition in consumer.paused():
            if partition not in self._pauses or self._pauses[partition][1] <= now:
                consumer.resume(partition)

    async def _commit(self, consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
        try:
            await consumer.commit({partition: offset})
        except (CommitFailedError, IllegalStateError) as error:
            _log.info("handled records will come again after a rebalance", topic=self._topic, error=repr(error))
        except KafkaError as error:
            _log.warning("a position could not be committed", topic=self._topic, error=repr(error))

    @override
    async def _interrupt(self, task: "asyncio.Task[None]") -> None:
        if self._handling:
            await asyncio.wait([task], timeout=GRACE_SECONDS)
        await super()._interrupt(task)


class _Watch:
    """Notices a consumer that reads nothing although there is something to read."""

    def __init__(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next = now + CHECK_SECONDS
        self._assigned_at = now
        self._behind: dict[TopicPartition, int] = {}

    async def check(self, consumer: AIOKafkaConsumer, *, progressed: bool) -> None:
        """Raise Standstill when a partition stood still, behind its end, since the last check."""
        now = asyncio.get_running_loop().time()
        if progressed:
            self._behind.clear()
        if now < self._next:
            return
        self._next = now + CHECK_SECONDS
        running = consumer.assignment() - consumer.paused()
        if consumer.assignment():
            self._assigned_at = now
        elif now - self._assigned_at > UNASSIGNED_SECONDS:
            raise Standstill("no partitions for a minute")
        await self._compare(consumer, running)

    async def _compare(self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> None:
        if not partitions:
            return
        ends = await consumer.end_offsets(list(partitions))
        positions = {partition: await consumer.position(partition) for partition in partitions}
        behind = {partition: position for partition, position in positions.items() if position < ends[partition]}
        stuck = [partition for partition, position in behind.items() if self._behind.get(partition) == position]
        if stuck:
            raise Standstill(f"{len(stuck)} partitions stand still")
        self._behind = behind
