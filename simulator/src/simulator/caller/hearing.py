"""What a caller hears of the agent: turns cut out of the line's audio by its energy.

The agent's audio is synthesised and comes over a clean line, so energy is enough to tell speech from silence.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio.g711 import mulaw_decode
from audio.levels import rms_dbfs
from simulator.playout import FRAME_MS

THRESHOLD_DBFS = -45.0
# Energy must last this long to be speech, and silence this long to end a turn (agents breathe between sentences).
MIN_SPEECH_MS = 60
END_SILENCE_MS = 1000
# Taken along before the first loud frame, so that a soft first sound is not cut.
PREFIX_MS = 200
MAX_TURN_MS = 30_000


@dataclass(frozen=True, slots=True)
class Heard:
    """One turn of the agent as the caller heard it. Times are the clock's seconds."""

    text: str
    started: float
    ended: float
    # From the end of the caller's own speech to the first sound of this turn; None when it answers nothing he said.
    response_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """The audio of one turn: 8 kHz mu-law, and when it sounded."""

    audio: bytes
    started: float
    ended: float


class Hearing:
    """An ear on a line (`Line.ears`); finished turns wait to be taken."""

    def __init__(self, end_silence_ms: int = END_SILENCE_MS) -> None:
        self._turns: deque[Turn] = deque()
        self._arrived = asyncio.Event()
        # Called when a turn begins, with the time of its first sound.
        self.on_start: Callable[[float], None] = lambda _: None
        self._end_silence_ms = end_silence_ms
        self._before: deque[bytes] = deque(maxlen=PREFIX_MS // FRAME_MS)
        self._audio = bytearray()
        self._started: float | None = None
        self._loud_until = 0.0
        self._rising = 0

    @property
    def speaking(self) -> bool:
        """Whether the agent is in a turn."""
        return self._started is not None

    def __call__(self, frame: bytes, at: float) -> None:
        """Take 20 ms."""
        loud = rms_dbfs(mulaw_decode(frame)) > THRESHOLD_DBFS
        if self._started is None:
            self._before.append(frame)
            self._rising = self._rising + 1 if loud else 0
            if self._rising * FRAME_MS >= MIN_SPEECH_MS:
                self._begin(at)
            return
        self._audio += frame
        if loud:
            self._loud_until = at + FRAME_MS / 1000
        silent_ms = (at + FRAME_MS / 1000 - self._loud_until) * 1000
        if silent_ms >= self._end_silence_ms or len(self._audio) >= MAX_TURN_MS * 8:
            self._end()

    @property
    def waiting(self) -> bool:
        """Whether a finished turn was not taken yet."""
        return bool(self._turns)

    async def arrival(self) -> None:
        """Return when a finished turn is waiting."""
        await self._arrived.wait()

    def take(self) -> Turn | None:
        """The oldest finished turn that was not taken yet."""
        turn = self._turns.popleft() if self._turns else None
        if not self._turns:
            self._arrived.clear()
        return turn

    def finish(self) -> None:
        """The line is gone: what is being heard is a turn as it is."""
        if self._started is not None:
            self._end()

    def _begin(self, at: float) -> None:
        self._started = at - (self._rising - 1) * FRAME_MS / 1000
        self._loud_until = at + FRAME_MS / 1000
        self._audio = bytearray(b"".join(self._before))
        self.on_start(self._started)

    def _end(self) -> None:
        assert self._started is not None
        self._turns.append(Turn(bytes(self._audio), self._started, self._loud_until))
        self._arrived.set()
        self._started, self._rising = None, 0
        self._before.clear()


def loud_until(audio: bytes) -> int:
    """Milliseconds of mu-law up to the end of its last loud frame: where a listener takes the speech to be over."""
    size = FRAME_MS * 8
    samples = mulaw_decode(audio)
    frames = [samples[start : start + size] for start in range(0, len(samples), size)]
    loud = [index for index, frame in enumerate(frames) if rms_dbfs(np.asarray(frame)) > THRESHOLD_DBFS]
    return (loud[-1] + 1) * FRAME_MS if loud else 0
