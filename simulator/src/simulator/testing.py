"""Speech without models, for tests: each text is a tone of its own, so that audio can be "recognised" exactly."""

from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from audio.g711 import mulaw_decode, mulaw_encode
from audio.transcode import resample
from speech.stt import NO_HINTS, NOTHING, RATE, Hints, Recogniser, Samples, Transcript
from speech.tts import Synthesiser

_SECONDS = 0.4
_FIRST_HZ = 300
_STEP_HZ = 40


class ToneBook:
    """Texts and their tones, shared by everybody in one test."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def tone(self, text: str, rate: int) -> Samples:
        """0.4 seconds of the text's tone."""
        if text not in self._texts:
            self._texts.append(text)
        frequency = _FIRST_HZ + _STEP_HZ * self._texts.index(text)
        time = np.arange(int(rate * _SECONDS)) / rate
        return (8000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)

    def mulaw(self, text: str) -> bytes:
        """The text's tone as 8 kHz mu-law."""
        return mulaw_encode(self.tone(text, 8000))

    def sounds(self, audio: bytes) -> bool:
        """Whether there is a tone in 8 kHz mu-law."""
        return _sounds(mulaw_decode(audio))

    def text(self, audio: bytes) -> str:
        """The text whose tone is the strongest in 8 kHz mu-law."""
        return self.read(mulaw_decode(audio), 8000)

    def read(self, samples: Samples, rate: int) -> str:
        """The text whose tone is the strongest; empty for silence."""
        if not _sounds(samples):
            return ""
        spectrum: NDArray[np.float64] = np.abs(np.fft.rfft(samples.astype(np.float64)))
        frequency = float(np.argmax(spectrum)) * rate / len(samples)
        index = round((frequency - _FIRST_HZ) / _STEP_HZ)
        return self._texts[index] if 0 <= index < len(self._texts) else ""


def _sounds(samples: Samples) -> bool:
    return len(samples) > 0 and int(np.abs(samples.astype(np.int32)).max()) >= 1000


class ToneSynthesiser(Synthesiser):
    """Speaks tones."""

    def __init__(self, book: ToneBook) -> None:
        self._book = book

    @property
    @override
    def rate(self) -> int:
        return 24000

    @property
    @override
    def voices(self) -> tuple[str, ...]:
        return ("tone",)

    @override
    async def stream(self, text: str, voice: str = "") -> AsyncIterator[Samples]:
        yield self._book.tone(text, 24000)

    @override
    async def warm_up(self) -> None:
        return

    @override
    async def close(self) -> None:
        return


class ToneRecogniser(Recogniser):
    """Hears tones."""

    def __init__(self, book: ToneBook) -> None:
        self._book = book

    @override
    async def transcribe(self, audio: Samples, hints: Hints = NO_HINTS) -> Transcript:
        text = self._book.read(resample(audio, RATE, 8000), 8000)
        return Transcript(text, 1.0) if text else NOTHING

    @override
    async def warm_up(self) -> None:
        return

    @override
    async def close(self) -> None:
        return
