"""Reads one slot: one partition, assigned by hand, no group and so no rebalance."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from typing_extensions import override

from chassis.bus import InboxHandler
from chassis.bus_kafka.connection import Connection
from chassis.bus_kafka.supervised import Standstill, SupervisedReader, stop_quietly
from chassis.bus_metrics import HANDLER_ERRORS
from chassis.logging import get_logger

CHECK_SECONDS = 5.0
"""How often the position is compared with the partition's end."""

_log = get_logger(__name__)


class InboxReader(SupervisedReader):
    """Hands every record of a slot to a handler, from the end as it was when opened first."""

    def __init__(self, connection: Connection, topic: str, slot: int, handler: InboxHandler) -> None:
        super().__init__(topic)
        self._connection = connection
        self._partition = TopicPartition(topic, slot)
        self._handler = handler
        self._position: int | None = None
        self._errors = HANDLER_ERRORS.labels(topic)

    @override
    async def _open(self) -> AIOKafkaConsumer:
        consumer = self._connection.reader()
        try:
            await consumer.start()
            consumer.assign([self._partition])
            if self._position is None:
                await consumer.seek_to_end(self._partition)
                self._position = await consumer.position(self._partition)
            else:
                consumer.seek(self._partition, self._position)
        except BaseException:
            await stop_quietly(consumer)
            raise
        return consumer

    @override
    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        reading = asyncio.create_task(self._deliver(consumer))
        watching = asyncio.create_task(self._watch(consumer))
        try:
            done, _ = await asyncio.wait([reading, watching], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            reading.cancel()
            watching.cancel()
            await asyncio.wait([reading, watching])

    async def _deliver(self, consumer: AIOKafkaConsumer) -> None:
        handler = self._handler
        while True:
            record = await consumer.getone()
            self._position = record.offset + 1
            try:
                handler(record.value, record.headers)
            except Exception:
                self._errors.inc()
                _log.exception("an inbox record could not be handled", topic=self._topic)

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        before = -1
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            end = (await consumer.end_offsets([self._partition]))[self._partition]
            if self._position == before and end > before:
                raise Standstill(f"{end - before} records wait unread")
            before = self._position if self._position is not None and self._position < end else -1
