"""A reader that is opened again whenever it breaks or stands still."""

import asyncio
from abc import abstractmethod

from aiokafka import AIOKafkaConsumer
from typing_extensions import override

from chassis.bus import Subscription
from chassis.bus_metrics import RESTARTS
from chassis.logging import get_logger
from chassis.retry import Backoff

CLOSE_SECONDS = 3.0
OPEN_SECONDS = 15.0

_log = get_logger(__name__)


class Standstill(Exception):
    """There is more to read, but nothing comes (aiokafka issues 1037 and 1154)."""


class SupervisedReader(Subscription):
    """Runs `_open` and then `_read`, again and again, until closed; subclasses say how."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._opened = asyncio.Event()
        self._consumer: AIOKafkaConsumer | None = None
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start reading in the background."""
        self._task = asyncio.create_task(self._run(), name=f"read:{self._topic}")

    async def opened(self) -> None:
        """Wait until the reader stands where it shall begin."""
        await self._opened.wait()

    @abstractmethod
    async def _open(self) -> AIOKafkaConsumer:
        """Return a started consumer, positioned."""

    @abstractmethod
    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        """Read for ever, or until `_closing`; raise on any trouble, `Standstill` included."""

    async def _run(self) -> None:
        backoff = Backoff()
        while not self._closing:
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    self._consumer = await self._open()
                self._opened.set()
                backoff.reset()
                await self._read(self._consumer)
            except Exception as error:
                RESTARTS.labels(self._topic).inc()
                _log.warning("a reader broke off, opening it again", topic=self._topic, error=repr(error))
                await self._discard()
                await backoff.wait()

    async def _discard(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_quietly(consumer)

    @override
    async def close(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        self._closing = True
        await self._interrupt(task)
        await self._discard()

    async def _interrupt(self, task: "asyncio.Task[None]") -> None:
        task.cancel()
        await asyncio.wait([task])


async def stop_quietly(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, bounded, whatever state it is in."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await consumer.stop()
    except Exception as error:
        _log.debug("a consumer did not stop cleanly", error=repr(error))
