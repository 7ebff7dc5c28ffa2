"""How long to wait before the next try."""

import asyncio
import random
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[None]]


class Backoff:
    """Waits that double from `first` to `longest` seconds, each shortened by up to half at random."""

    def __init__(self, first: float = 0.1, longest: float = 5.0, sleep: Sleep = asyncio.sleep) -> None:
        self._first = first
        self._longest = longest
        self._sleep = sleep
        self._next = first

    def next(self) -> float:
        """Return the seconds of the next wait and make the one after it longer."""
        wait, self._next = self._next, min(self._next * 2, self._longest)
        return wait * random.uniform(0.5, 1.0)

    async def wait(self) -> None:
        """Wait before the next try."""
        await self._sleep(self.next())

    def reset(self) -> None:
        """Start from the shortest wait again: a try succeeded."""
        self._next = self._first
