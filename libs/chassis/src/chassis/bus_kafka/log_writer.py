"""Appends to the log: all in-sync replicas, idempotent, and a fresh producer when the old one is spoilt."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)

from chassis.bus import BusError, Headers
from chassis.bus_kafka.connection import Connection
from chassis.bus_metrics import APPEND_ERRORS, APPENDED
from chassis.logging import get_logger

APPEND_SECONDS = 10.0
"""After this an append is reported as not known to be durable."""

STOP_SECONDS = 3.0
ATTEMPTS = 3

SPOILT = (
    OutOfOrderSequenceNumber,
    UnknownProducerId,
    ProducerFenced,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
)
"""After these a producer never works again (aiokafka issue 1017): only another one does."""

_log = get_logger(__name__)


class LogWriter:
    """The appending half of the bus."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Raises KafkaError when the broker does not answer."""
        await self._current()

    async def partitions(self, topic: str) -> list[int]:
        """Return the partitions of a topic, rising."""
        return sorted(await (await self._current()).partitions_for(topic))

    async def append(self, topic: str, key: str, value: bytes, headers: Headers) -> None:
        """Add a record; see `Bus.append`."""
        try:
            async with asyncio.timeout(APPEND_SECONDS):
                await self._append(topic, key.encode(), value, headers)
        except (KafkaError, TimeoutError, OSError) as error:
            APPEND_ERRORS.labels(topic).inc()
            raise BusError(f"a record of {topic} is not known to be durable: {error!r}") from error
        APPENDED.labels(topic).inc()

    async def _append(self, topic: str, key: bytes, value: bytes, headers: Headers) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            producer = await self._current()
            try:
                sent = await producer.send(topic, value, key=key, headers=list(headers))
                sent.add_done_callback(_look_at)
                await asyncio.shield(sent)
                return
            except SPOILT as error:
                _log.warning("the producer is spoilt, making another", error=repr(error))
                await self._replace(producer)
                if attempt == ATTEMPTS:
                    raise

    async def _current(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                producer = self._connection.log_producer()
                try:
                    await producer.start()
                except BaseException:
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _replace(self, spoilt: AIOKafkaProducer) -> None:
        if self._producer is spoilt:
            self._producer = None
            await _stop(spoilt)

    async def stop(self) -> None:
        """Flush, bounded, and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)


def _look_at(sent: "asyncio.Future[Any]") -> None:
    """Take note of a failure that nobody waits for any more, so that asyncio does not complain of it."""
    if not sent.cancelled():
        sent.exception()


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await producer.stop()
    except (KafkaError, TimeoutError, OSError) as error:
        _log.warning("a producer did not stop cleanly", error=repr(error))
