"""A caller's leg as a port over both telephony protocols.

The leg is the telephone call itself: it lives at the platform (Twilio, the AudioCodes SBC) and outlasts the socket to
the bot. Losing the socket is not the end of the leg; telephony reconnects in its own way.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from chassis.logging import get_logger
from simulator.clock import Clock
from simulator.line import COMFORT_NOISE_DBFS, Line
from simulator.recording import Recording

T = TypeVar("T")

log = get_logger("simulator.legs")

VALID_DIGITS = frozenset("0123456789*#ABCD")


class EndedBy(Enum):
    """Who ended a leg."""

    CALLER = "caller"
    # The application behind the platform: it hung up, transferred, or refused.
    AGENT = "agent"
    # The platform or the network: a dropped mobile call, an error.
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class LegEnd:
    """How a leg ended; `at` is the clock's time."""

    by: EndedBy
    detail: str
    at: float


class CallFailedError(Exception):
    """The call was not answered; the message says why."""


class Leg(ABC):
    """One telephone call of a simulated caller. `dial` starts it; it ends once."""

    def __init__(self, clock: Clock, noise_dbfs: float | None = COMFORT_NOISE_DBFS) -> None:
        self.clock = clock
        self.line = Line(clock, noise_dbfs)
        self.ended: asyncio.Future[LegEnd] = asyncio.get_running_loop().create_future()
        self.warnings: list[str] = []
        self._tick: asyncio.Task[None] | None = None

    @property
    @abstractmethod
    def provider_call_id(self) -> str:
        """What the platform calls this call: CallSid or conversationId."""

    @property
    def silent_because(self) -> str:
        """Why nothing can be heard on a call that the platform counts as answered; empty where something can."""
        return ""

    @abstractmethod
    async def dial(self) -> None:
        """Ring and be answered. Raises CallFailedError."""

    @abstractmethod
    async def press(self, digits: str) -> None:
        """Press keys 0-9 * # A-D, one after the other. Raises ValueError for others."""

    @abstractmethod
    async def hang_up(self) -> None:
        """The caller hangs up; returns when the application was told. Nothing after the end."""

    @abstractmethod
    async def platform_drop(self) -> None:
        """The platform ends the leg, as when a mobile call drops; otherwise like `hang_up`."""

    @abstractmethod
    async def lose_socket(self) -> None:
        """Reset the TCP connection to the bot; the leg lives on and telephony reconnects as it does."""

    def send(self, audio: bytes, last: bool = True) -> None:
        """Speak 8 kHz mu-law of any length at real pace, after what was sent before; `last` pads it to a frame."""
        self.line.speak(audio, last)

    def record(self, path: Path) -> Recording:
        """Record both directions from now on; the file is written when the leg ends."""
        self.line.recording = Recording(path)
        return self.line.recording

    async def unless_over(self, awaitable: Awaitable[T]) -> T | None:
        """What the awaitable gives; None, and it is cancelled, when the leg ends first."""
        work = asyncio.ensure_future(awaitable)
        over: asyncio.Future[Any] = asyncio.ensure_future(asyncio.shield(self.ended))
        both: set[asyncio.Future[Any]] = {work, over}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else None
        finally:
            work.cancel()
            over.cancel()

    def warn(self, code: str, text: str) -> None:
        """Count something that the far end did against the protocol. Tests assert that there is none."""
        self.warnings.append(f"{code}: {text}")
        log.warning("protocol warning", code=code, text=text, provider_call_id=self.provider_call_id)

    def _start_line(self) -> None:
        if self._tick is None:
            self._tick = asyncio.create_task(self.line.run(), name="line")
            self._tick.add_done_callback(_report)

    def _end_line(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
        self.line.carrier = None
        self.line.playout.clear()
        self.line.stop_speaking()

    async def _settle(self, end: LegEnd) -> None:
        """Make the end known; the recording is on disk before anybody hears of it."""
        if self.line.recording is not None:
            await asyncio.to_thread(self.line.recording.save)
        if not self.ended.done():
            self.ended.set_result(end)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("the line broke", exc_info=task.exception())
