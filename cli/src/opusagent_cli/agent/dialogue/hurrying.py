"""Timers of the event loop whose time can be made to pass at once."""

import asyncio
from collections.abc import Callable

from typing_extensions import override

from llm_relay.adapters.timers import Cancel, Timers


class HurriedTimers(Timers):
    """The event loop's, with time that was skipped."""

    def __init__(self) -> None:
        self._skipped_ms = 0
        self._waiting: dict[int, tuple[int, Callable[[], None], asyncio.TimerHandle]] = {}
        self._count = 0

    @override
    def now_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000) + self._skipped_ms

    @override
    def at(self, moment_ms: int, call: Callable[[], None]) -> Cancel:
        self._count += 1
        number = self._count
        self._wait(number, moment_ms, call)
        return lambda: self._forget(number)

    def skip(self, milliseconds: int) -> None:
        """Let this much time have passed."""
        self._skipped_ms += milliseconds
        for number, (moment_ms, call, handle) in list(self._waiting.items()):
            handle.cancel()
            self._wait(number, moment_ms, call)

    def _wait(self, number: int, moment_ms: int, call: Callable[[], None]) -> None:
        def ring() -> None:
            self._waiting.pop(number, None)
            call()

        at = (moment_ms - self._skipped_ms) / 1000
        self._waiting[number] = (moment_ms, call, asyncio.get_running_loop().call_at(at, ring))

    def _forget(self, number: int) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting[2].cancel()
