"""Reads one slot: one partition, assigned by hand, no group and so no rebalance.

librdkafka fetches on threads of its own; one thread here waits for it and hands whole batches to the event loop, which
costs a third of what a fetch costs on the loop (docs/performance.md). Broken connections and moved partitions are
librdkafka's to mend, from the position where it stands.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from confluent_kafka import Consumer, Message, TopicPartition
from typing_extensions import override

from chassis.bus import Headers, InboxHandler, Subscription
from chassis.bus_kafka.connection import Connection
from chassis.bus_metrics import HANDLER_ERRORS, RESTARTS
from chassis.logging import get_logger

POLL_SECONDS = 0.1
"""How soon a reader notices that it was closed."""

BATCH = 64
"""Records handed to the event loop at a time."""

AHEAD = 64
"""Batches that the event loop has not taken yet, past which no more are fetched for it."""

POSITION_SECONDS = 10.0
RETRY_SECONDS = 0.5
CLOSE_SECONDS = 3.0

_log = get_logger(__name__)


class InboxReader(Subscription):
    """Hands every record of a slot to a handler, from the end as it was when opened."""

    def __init__(self, connection: Connection, topic: str, slot: int, handler: InboxHandler) -> None:
        self._connection = connection
        self._topic = topic
        self._slot = slot
        self._handler = handler
        self._position: int | None = None
        self._loop = asyncio.get_running_loop()
        self._opened = asyncio.Event()
        self._ended = asyncio.Event()
        self._closing = threading.Event()
        self._room = threading.Semaphore(AHEAD)
        self._errors = HANDLER_ERRORS.labels(topic)
        self._thread = threading.Thread(target=self._run, name=f"read:{topic}/{slot}", daemon=True)

    def begin(self) -> None:
        """Start reading in the background."""
        self._thread.start()

    async def opened(self) -> None:
        """Wait until the reader stands where it shall begin."""
        await self._opened.wait()

    @override
    async def close(self) -> None:
        self._closing.set()
        if self._thread.is_alive():
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._ended.wait()

    # ---- on the reader's thread

    def _run(self) -> None:
        while not self._closing.is_set():
            consumer = self._connection.inbox_consumer()
            try:
                self._open(consumer)
                self._tell(self._opened.set)
                self._read(consumer)
            except Exception as error:  # Whatever it is, the slot is read again.
                self._trouble(error)
                self._closing.wait(RETRY_SECONDS)
            finally:
                consumer.close()
        self._tell(self._ended.set)

    def _open(self, consumer: Consumer) -> None:
        """Stand where reading broke off, the first time at the slot's end."""
        partition = TopicPartition(self._topic, self._slot)
        if self._position is None:
            _, self._position = consumer.get_watermark_offsets(partition, timeout=POSITION_SECONDS, cached=False)
        consumer.assign([TopicPartition(self._topic, self._slot, self._position)])

    def _read(self, consumer: Consumer) -> None:
        while not self._closing.is_set():
            first = consumer.poll(POLL_SECONDS)
            if first is None:
                continue
            batch = [first, *consumer.consume(BATCH - 1, 0)]
            self._position = (batch[-1].offset() or 0) + 1 if batch[-1].error() is None else self._position
            while not self._room.acquire(timeout=POLL_SECONDS):
                if self._closing.is_set():
                    return
            self._tell(self._deliver, batch)

    def _tell(self, call: Callable[..., object], *values: object) -> None:
        # A loop that is closed has nobody left to be told.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *values)

    def _trouble(self, error: object) -> None:
        RESTARTS.labels(self._topic).inc()
        _log.warning("an inbox cannot be read, trying again", topic=self._topic, slot=self._slot, error=repr(error))

    # ---- on the event loop

    def _deliver(self, batch: list[Message]) -> None:
        self._room.release()
        for record in batch:
            if self._closing.is_set():
                return
            error = record.error()
            if error is not None:
                self._trouble(error)
                continue
            try:
                self._handler(record.value() or b"", cast(Headers, record.headers() or ()))
            except Exception:
                self._errors.inc()
                _log.exception("an inbox record could not be handled", topic=self._topic)
