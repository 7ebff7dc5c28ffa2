"""Time as a port, so that a call of a minute can be played in milliseconds."""

import asyncio
import heapq
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from types import TracebackType
from typing import TypeVar

from typing_extensions import override

T = TypeVar("T")


class Clock(ABC):
    """Seconds that never go back; the zero is arbitrary."""

    @abstractmethod
    def now(self) -> float:
        """Seconds since some moment."""

    @abstractmethod
    async def sleep_until(self, when: float) -> None:
        """Return at `when`, or at once when it has passed (other tasks get a turn all the same)."""

    async def sleep(self, seconds: float) -> None:
        """Return so many seconds from now."""
        await self.sleep_until(self.now() + seconds)

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        """What the awaitable gives; it is cancelled and TimeoutError raised when it takes longer."""
        work = asyncio.ensure_future(awaitable)
        alarm = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait({work, alarm}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise TimeoutError
            return work.result()
        finally:
            alarm.cancel()
            work.cancel()


class RealClock(Clock):
    """The machine's monotonic clock."""

    @override
    def now(self) -> float:
        return time.monotonic()

    @override
    async def sleep_until(self, when: float) -> None:
        await asyncio.sleep(max(0.0, when - self.now()))


class VirtualClock(Clock):
    """Steps to the next moment somebody waits for, after giving sockets and tasks a number of turns of the event loop.

    Use as an async context manager; time stands still outside of it.
    """

    def __init__(self, turns: int = 25, step: float = 0.02) -> None:
        """`turns`: of the event loop before each step, enough for a message to cross a local socket and be answered;
        `step`: the longest, in seconds, so that a request of milliseconds does not seem to take minutes.
        """
        self._now = 0.0
        self._turns = turns
        self._step = step
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    @override
    def now(self) -> float:
        return self._now

    @override
    async def sleep_until(self, when: float) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (max(when, self._now), next(self._order), done))
        await done

    async def __aenter__(self) -> "VirtualClock":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            for _ in range(self._turns):
                await asyncio.sleep(0)
            if not self._waiting:
                await asyncio.sleep(0.001)
            elif not self._waiting[0][2].done():
                self._now = min(self._waiting[0][0], self._now + self._step)
            while self._waiting and (self._waiting[0][2].done() or self._waiting[0][0] <= self._now):
                _, _, done = heapq.heappop(self._waiting)
                if not done.done():
                    done.set_result(None)
