"""The time at which a conversation wants to be woken."""

import asyncio
from collections.abc import Callable

from chassis.ids import Clock


class Alarm:
    """Rings once for each time that it is set to, with that time. Unix milliseconds; 0 = never."""

    def __init__(self, clock: Clock, ring: Callable[[int], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._due_ms = 0
        self._rung_ms = 0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, due_ms: int) -> None:
        """Ring at a time, in place of what was set before; at once where it has passed, never twice for the same."""
        if due_ms == self._due_ms:
            return
        self.cancel()
        if due_ms and due_ms != self._rung_ms:
            self._due_ms = due_ms
            wait = max(0, due_ms - self._clock()) / 1000
            self._timer = asyncio.get_running_loop().call_later(wait, self._go_off)

    def cancel(self) -> None:
        """Do not ring."""
        self._due_ms = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_off(self) -> None:
        due, self._due_ms, self._timer = self._due_ms, 0, None
        self._rung_ms = due
        self._ring(due)
