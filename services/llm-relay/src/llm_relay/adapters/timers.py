"""Time as the dialogue uses it: a monotonic clock in milliseconds, and one call at a moment of it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from typing_extensions import override

Cancel = Callable[[], None]


class Timers(ABC):
    """A monotonic clock with alarms."""

    @abstractmethod
    def now_ms(self) -> int:
        """Milliseconds since some fixed moment."""

    @abstractmethod
    def at(self, moment_ms: int, call: Callable[[], None]) -> Cancel:
        """Call once at a moment (at once, yet later, when it has passed); returns what takes it back."""


class LoopTimers(Timers):
    """The event loop's."""

    @override
    def now_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)

    @override
    def at(self, moment_ms: int, call: Callable[[], None]) -> Cancel:
        return asyncio.get_running_loop().call_at(moment_ms / 1000, call).cancel
