"""The caller's end of a call: one 20 ms tick carries a frame from his mouth to the far end and one from it to his ear.

Both directions run on the same tick, so that what is recorded is aligned, and what the ear gets is what a caller would
hear at that moment: audio that a barge-in took back never arrives.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

import numpy as np

from audio.g711 import mulaw_encode
from simulator.clock import Clock
from simulator.playout import FRAME_BYTES, FRAME_MS, SILENCE, Playout
from simulator.recording import Recording

Ear = Callable[[bytes, float], None]
"""Gets each frame of agent audio (20 ms of mu-law) and the clock's time at which it was heard."""

# Of a quiet room on a telephone; a stream without any noise does not exist outside of tests.
COMFORT_NOISE_DBFS = -62.0


class Carrier(ABC):
    """What carries the caller's audio to the far end while a stream is open."""

    @abstractmethod
    def carry(self, frame: bytes) -> None:
        """Take 20 ms of the caller's mu-law; called at real pace, never blocks."""

    @abstractmethod
    def reached(self, mark: str) -> None:
        """All agent audio before this mark was played."""


class Line:
    """Of one leg. `run` is its tick; everything else may be called at any time."""

    def __init__(self, clock: Clock, noise_dbfs: float | None = COMFORT_NOISE_DBFS, seed: int = 0) -> None:
        """`noise_dbfs`: level of what the caller's microphone gives while he is silent; None is digital silence."""
        self.clock = clock
        self.playout = Playout()
        self.carrier: Carrier | None = None
        self.recording: Recording | None = None
        self.ears: list[Ear] = []
        # When the last frame of the caller's own speech went out; the clock's time.
        self.spoke_until: float | None = None
        self._noise = _noise(noise_dbfs, seed)
        self._noise_at = 0
        self._mouth: deque[bytes] = deque()
        self._tail = b""
        self._silent = asyncio.Event()
        self._silent.set()

    def speak(self, audio: bytes, last: bool = True) -> None:
        """Queue mu-law to be spoken at real pace; `last` closes it, so that a piece of a frame is padded and sent."""
        audio = self._tail + audio
        whole = len(audio) if last else len(audio) // FRAME_BYTES * FRAME_BYTES
        self._tail = audio[whole:]
        for start in range(0, whole, FRAME_BYTES):
            self._mouth.append(audio[start : min(start + FRAME_BYTES, whole)].ljust(FRAME_BYTES, b"\xff"))
        if self._mouth:
            self._silent.clear()

    async def spoken(self) -> None:
        """Return when all that was queued has been sent."""
        await self._silent.wait()

    def stop_speaking(self) -> None:
        """Drop what was queued and not yet sent."""
        self._mouth.clear()
        self._tail = b""
        self._silent.set()

    async def run(self) -> None:
        """Tick until cancelled; late ticks are made up for."""
        due = self.clock.now()
        while True:
            self.tick()
            due += FRAME_MS / 1000
            await self.clock.sleep_until(due)

    def tick(self) -> None:
        """20 ms of the call."""
        now = self.clock.now()
        said, heard = self._next_frame(now), self.playout.take() or SILENCE
        if self.recording is not None:
            self.recording.add(said, heard)
        if self.carrier is not None:
            self.carrier.carry(said)
        self.report_marks()
        for ear in self.ears:
            ear(heard, now)

    def report_marks(self) -> None:
        """Tell the carrier which marks are reached; also called when a mark is set behind nothing."""
        for name in self.playout.reached():
            if self.carrier is not None:
                self.carrier.reached(name)

    def _next_frame(self, now: float) -> bytes:
        if self._mouth:
            frame = self._mouth.popleft()
            self.spoke_until = now + FRAME_MS / 1000
            if not self._mouth:
                self._silent.set()
            return frame
        self._noise_at = (self._noise_at + FRAME_BYTES) % len(self._noise)
        return self._noise[self._noise_at : self._noise_at + FRAME_BYTES]


def _noise(level_dbfs: float | None, seed: int) -> bytes:
    """Two seconds to be looped over."""
    count = 100 * FRAME_BYTES
    if level_dbfs is None:
        return SILENCE * 100
    spread = 32768.0 * 10 ** (level_dbfs / 20)
    return mulaw_encode(np.random.default_rng(seed).normal(0.0, spread, count).astype(np.int16))
