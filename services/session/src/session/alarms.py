"""Wakes sessions when their time has come: the end of a grace period, the end of the time to resume.

Times lie in the store, so they survive this process, and any replica may act on them: the decision is made by
compare-and-set, and who comes second finds nothing left to decide.
"""

import asyncio

from chassis.ids import Clock
from chassis.logging import bound, get_logger
from session.continuity import Continuity
from session.health import Health
from session.store import Store, StoreError

LOOK_SECONDS = 0.5
"""How often to look for alarms that another replica has set, and whether the store answers."""

_log = get_logger(__name__)


class Alarms:
    """One task that sleeps until the next alarm."""

    def __init__(self, store: Store, continuity: Continuity, health: Health, clock: Clock) -> None:
        self._store = store
        self._continuity = continuity
        self._health = health
        self._clock = clock
        self._changed = asyncio.Event()
        self._next: int | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to watch the time."""
        await self.look()
        self._task = asyncio.create_task(self._run(), name="alarms")

    async def stop(self) -> None:
        """End; alarms stay in the store."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def set(self, at_ms: int | None) -> None:
        """Say that an alarm was set, or that the clock was moved (in tests)."""
        if at_ms is not None and (self._next is None or at_ms < self._next):
            self._changed.set()

    async def look(self) -> None:
        """Act on what is due now and find out when to look again."""
        try:
            self._next = await self._store.next_alarm()
            if self._next is not None and self._next <= self._clock():
                for session_id in await self._store.due(self._clock()):
                    with bound(session_id=session_id):
                        await self._ring(session_id)
                self._next = await self._store.next_alarm()
            self._health.answered()
        except StoreError as error:
            if self._health.up:
                _log.warning("the store is out", error=str(error))
            self._health.failed()

    async def _ring(self, session_id: str) -> None:
        try:
            await self._continuity.ring(session_id)
        except StoreError:
            raise
        except Exception:
            _log.exception("an alarm could not be acted on; it will be tried again")

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._wait()):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            await self.look()

    def _wait(self) -> float:
        """Return seconds until the next look; what is still due after a look has failed and waits for a while."""
        left = LOOK_SECONDS if self._next is None else (self._next - self._clock()) / 1000
        return min(left, LOOK_SECONDS) if left > 0 else LOOK_SECONDS
