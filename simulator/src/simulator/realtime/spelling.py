"""A stand-in for conversations in text: the caller's words travel spelled out in place of his audio.

All events of the protocol are as with audio, and the words go through every part that audio goes through; nobody has to
speak or to recognise anything, and a turn takes no longer than its messages.
"""

from collections.abc import AsyncIterator

import numpy as np
from typing_extensions import override

from simulator.realtime.conversation import Json
from simulator.realtime.hearing import Hearing, Samples, SpeechBegan, SpeechOver
from simulator.realtime.mind import Mind
from simulator.realtime.server import RealtimeStandIn

BEGIN, END = 0x02, 0x03
_BYTES_PER_MS = 8
_SPOKEN = b"\xff" * 160
"""In place of the agent's speech, whatever the words: 20 ms of silence, G.711."""


def spelled(words: str) -> bytes:
    """Return a turn of the caller in place of 8 kHz G.711; no words make a turn of which nothing is understood."""
    return bytes([BEGIN]) + words.encode() + bytes([END])


class SpelledHearing(Hearing):
    """Reads instead of listening."""

    def __init__(self) -> None:
        self._ms = 0.0
        self._letters: bytearray | None = None

    @override
    async def configure(self, session: Json) -> None:
        return

    @override
    async def feed(self, audio: bytes) -> list[SpeechBegan | SpeechOver]:
        happened: list[SpeechBegan | SpeechOver] = []
        for byte in audio:
            self._ms += 1 / _BYTES_PER_MS
            if byte == BEGIN:
                self._letters = bytearray()
                happened.append(SpeechBegan(round(self._ms)))
            elif byte == END and self._letters is not None:
                happened.append(SpeechOver(round(self._ms), np.frombuffer(bytes(self._letters), np.uint8)))
                self._letters = None
            elif self._letters is not None:
                self._letters.append(byte)
        return happened

    @override
    def take(self) -> Samples:
        return np.empty(0, np.int16)

    @override
    async def recognise(self, audio: Samples) -> str:
        return audio.astype(np.uint8).tobytes().decode()

    @override
    async def close(self) -> None:
        return


class SpellingStandIn(RealtimeStandIn):
    """A Realtime API whose callers spell, see `spelled`; sessions have to be in G.711."""

    def __init__(self, mind: Mind | None = None) -> None:
        super().__init__(None, None, mind=mind)  # type: ignore[arg-type]

    @override
    def _hearing(self) -> Hearing:
        return SpelledHearing()

    @override
    async def _speak(self, text: str, described: Json) -> AsyncIterator[tuple[str, bytes]]:
        yield text, _SPOKEN
