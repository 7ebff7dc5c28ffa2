"""Publishes what was saved: each session's outbox, in order, onto the log.

Woken right after a save. What a killed process left behind is found at the start, and by a sweep that publishes what
was already there one sweep earlier: younger rows belong to a replica that is still at it. A record may be appended
twice; its id makes that harmless.
"""

import asyncio

from chassis.bus import Bus, BusError
from chassis.logging import bound, get_logger
from chassis.retry import Backoff
from session import metrics
from session.domain.ids import partition_of_session
from session.store import Store, StoreError

SWEEP_SECONDS = 2.0
CONCURRENCY = 32

_log = get_logger(__name__)


class Pump:
    """Moves rows from the outbox to the bus."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._room = asyncio.Semaphore(CONCURRENCY)
        self._sweeper: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Begin with what was left behind."""
        try:
            for session_id in await self._store.senders():
                self.wake(session_id)
        except StoreError as error:
            _log.warning("what was left behind is published later", error=str(error))
        self._sweeper = asyncio.create_task(self._sweep(), name="outbox-sweep")

    async def stop(self, seconds: float = 3.0) -> None:
        """Publish what is under way, bounded, and end; what is left stays saved."""
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper.cancel()
            await asyncio.wait([sweeper])
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self, session_id: str) -> None:
        """Say that a session has something to publish."""
        if self._closed:
            return
        if session_id in self._tasks:
            self._again.add(session_id)
        else:
            self._tasks[session_id] = asyncio.create_task(self._run(session_id), name="outbox")

    async def idle(self) -> None:
        """Return when everything that was woken has been published."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def _run(self, session_id: str) -> None:
        backoff = Backoff(0.1, 5.0)
        try:
            with bound(session_id=session_id):
                while True:
                    self._again.discard(session_id)
                    try:
                        async with self._room:
                            await self._publish(session_id)
                    except (BusError, StoreError) as error:
                        metrics.PUBLISH_FAILURES.inc()
                        _log.warning("facts cannot be published yet", error=str(error))
                        await backoff.wait()
                        continue
                    if session_id not in self._again:
                        return
        finally:
            del self._tasks[session_id]

    async def _publish(self, session_id: str) -> None:
        partition = partition_of_session(session_id)
        rows = await self._store.outgoing(partition, session_id)
        done: list[str] = []
        try:
            for row in rows:
                await self._bus.append(row.topic, session_id, row.value)
                metrics.PUBLISHED.labels(row.topic).inc()
                done.append(row.row_id)
        finally:
            if done:
                await self._store.published(partition, session_id, done)

    async def _sweep(self) -> None:
        seen: set[str] = set()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                waiting = set(await self._store.senders())
            except StoreError as error:
                _log.warning("the outbox cannot be swept now", error=str(error))
                continue
            for session_id in waiting & seen:
                self.wake(session_id)
            seen = waiting
