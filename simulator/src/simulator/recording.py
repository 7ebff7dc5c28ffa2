"""Both directions of a call in one stereo WAV: the caller on the left, the agent on the right."""

import wave
from pathlib import Path

import numpy as np

from audio.g711 import mulaw_decode

RATE = 8000


class Recording:
    """Kept in memory (16 kB a second) until saved."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._caller = bytearray()
        self._agent = bytearray()

    @property
    def seconds(self) -> float:
        """Length so far."""
        return len(self._caller) / RATE

    def add(self, caller: bytes, agent: bytes) -> None:
        """Append the same stretch of time of both directions, mu-law at 8 kHz."""
        self._caller += caller
        self._agent += agent

    def save(self) -> None:
        """Write the file (16-bit PCM, 8 kHz), making its folder; overwrites. Blocks for some milliseconds."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        both = np.stack((mulaw_decode(bytes(self._caller)), mulaw_decode(bytes(self._agent))), axis=1)
        with wave.open(str(self.path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(both.astype("<i2", copy=False).tobytes())
