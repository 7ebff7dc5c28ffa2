"""Time as the dialogue uses it: a monotonic clock in milliseconds, and one call at a moment of it."""

import asyncio
import time
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
    """The event loop's. Its clock is the system's monotonic one, and asking that directly costs a tenth."""

    @override
    def now_ms(self) -> int:
        return int(time.monotonic() * 1000)

    @override
    def at(self, moment_ms: int, call: Callable[[], None]) -> Cancel:
        return asyncio.get_running_loop().call_at(moment_ms / 1000, call).cancel
