"""How the stand-in hears: voice activity and recognition of the caller's audio, off the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.formats import Format
from audio.transcode import Resampler, decode
from simulator.realtime.conversation import Json
from speech.endpointing import Endpointer, EndpointSettings, SpeechEnded, SpeechStarted
from speech.stt import Hints, Recogniser
from speech.vad import RATE, VoiceDetector, Window

Samples = NDArray[np.int16]
KEEP_SECONDS = 60


@dataclass(frozen=True)
class SpeechBegan:
    """The caller began to speak; milliseconds of all audio written so far."""

    audio_ms: int


@dataclass(frozen=True)
class SpeechOver:
    """The caller ended a turn; `audio` is int16 at 16 kHz."""

    audio_ms: int
    audio: Samples


def audio_format(described: Json) -> Format:
    """Return the format of a session's format object.

    Raises:
        KeyError: a type the API does not have.
    """
    encodings = {"audio/pcmu": "mulaw", "audio/pcma": "alaw", "audio/pcm": "pcm16"}
    encoding = encodings[described["type"]]
    return Format(encoding, 24000 if encoding == "pcm16" else 8000)  # type: ignore[arg-type]


class Hearing:
    """Of one session."""

    def __init__(self, recogniser: Recogniser, pool: ThreadPoolExecutor, hints: Hints) -> None:
        self._recogniser = recogniser
        self._pool = pool
        self._hints = hints
        self._lock = asyncio.Lock()
        self._set_format(Format("pcm16", 24000))
        self._endpointer: Endpointer | None = Endpointer()

    def _set_format(self, wanted: Format) -> None:
        self._format = wanted
        self._detector = VoiceDetector(wanted)
        self._resampler = Resampler(wanted.rate, RATE)
        self._heard: list[Samples] = []
        self._heard_from_ms = 0.0
        self._heard_ms = 0.0

    async def configure(self, session: Json) -> None:
        """Follow a changed session: format and turn detection."""
        async with self._lock:
            described = session["audio"]["input"]
            wanted = audio_format(described["format"])
            if wanted != self._format:
                self._set_format(wanted)
            detection = described["turn_detection"]
            if detection is None:
                self._endpointer = None
                return
            settings = EndpointSettings(
                start_threshold=float(detection.get("threshold") or 0.5),
                prefix_ms=int(detection.get("prefix_padding_ms") or 300),
                end_silence_ms=int(detection.get("silence_duration_ms") or 500),
            )
            if self._endpointer is None or self._endpointer.settings != settings:
                self._endpointer = Endpointer(settings)

    async def feed(self, audio: bytes) -> list[SpeechBegan | SpeechOver]:
        """Take audio in the session's format; returns what happened in it."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            windows = await loop.run_in_executor(self._pool, self._listen, audio)
            return self._happenings(windows)

    def take(self) -> Samples:
        """Return and forget all audio heard since the last turn."""
        samples = np.concatenate(self._heard) if self._heard else np.empty(0, np.int16)
        self._heard, self._heard_from_ms = [], self._heard_ms
        return samples

    async def recognise(self, audio: Samples) -> str:
        """Return the words, empty for none."""
        heard = await self._recogniser.transcribe(audio, self._hints)
        return "" if heard.no_speech else heard.text

    async def close(self) -> None:
        """Wait for the piece at hand."""
        async with self._lock:
            self._heard.clear()

    def _listen(self, audio: bytes) -> list[Window]:
        samples = self._resampler.feed(decode(audio, self._format.encoding))
        self._heard.append(samples)
        self._heard_ms += len(samples) / (RATE / 1000)
        while len(self._heard) > 1 and self._heard_ms - self._heard_from_ms > KEEP_SECONDS * 1000:
            self._heard_from_ms += len(self._heard.pop(0)) / (RATE / 1000)
        return self._detector.feed(audio)

    def _happenings(self, windows: list[Window]) -> list[SpeechBegan | SpeechOver]:
        happened: list[SpeechBegan | SpeechOver] = []
        if self._endpointer is None:
            return happened
        for window in windows:
            for event in self._endpointer.feed(*window):
                if isinstance(event, SpeechStarted):
                    happened.append(SpeechBegan(event.media_ms))
                elif isinstance(event, SpeechEnded):
                    happened.append(SpeechOver(event.ended_ms, self._between(event.started_ms, event.decided_ms)))
        return happened

    def _between(self, started_ms: int, ended_ms: int) -> Samples:
        heard_from = self._heard_from_ms
        samples = self.take()
        first = max(0, int((started_ms - heard_from) * RATE / 1000))
        last = max(first, int((ended_ms - heard_from) * RATE / 1000))
        return samples[first:last]
