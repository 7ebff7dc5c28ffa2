"""When the caller speaks, and the audio of what he said. Not for the event loop: a window takes a millisecond."""

from dataclasses import dataclass

from audio.formats import Format
from audio.transcode import decode, resample
from speech.endpointing import Endpointer, EndpointSettings, SpeechEnded, SpeechPaused, SpeechResumed, SpeechStarted
from speech.stt import RATE, Samples
from speech.vad import VoiceDetector

PAUSE_MS = 224
"""Silence after which recognition begins on the chance that the caller is done: seven windows of voice activity."""
GAP_MS = 400
"""A jump in the caller's media beyond this means that audio was lost, and with it the utterance it belonged to."""
KEEP_MS = 1000
"""Audio kept before speech is detected; more than the endpointer's prefix."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Audio of an utterance, int16 at 16 kHz, and its place in the caller's media."""

    samples: Samples
    started_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Started:
    """The caller speaks."""

    started_ms: int


@dataclass(frozen=True, slots=True)
class Interrupts:
    """He has spoken for as long as it takes to stop the agent."""


@dataclass(frozen=True, slots=True)
class Paused:
    """He may be done: this is the utterance if he is."""

    clip: Clip


@dataclass(frozen=True, slots=True)
class Resumed:
    """He was not."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance is over."""

    clip: Clip


Sound = Started | Interrupts | Paused | Resumed | Ended


class Ear:
    """Of one call. Used from one thread at a time; only `expect` may be called from another."""

    def __init__(self, format: Format, detector: VoiceDetector, barge_in_ms: int) -> None:
        """`barge_in_ms`: how long the caller must sound for the agent to stop."""
        self._format = format
        self._barge_in_ms = barge_in_ms
        self._settings = EndpointSettings(pause_ms=PAUSE_MS)
        self._endpointer = Endpointer(self._settings)
        self._detector = detector
        self._kind = ""
        self._kept = bytearray()
        self._kept_ms = 0
        self._end_ms = 0
        # Milliseconds of sound in the present utterance, or None when it has stopped the agent already.
        self._voiced_ms: int | None = None

    def expect(self, kind: str) -> None:
        """What the caller was asked (Expectation.kind)."""
        self._kind = kind
        self._endpointer.expect(kind)

    def feed(self, audio: bytes, media_ms: int) -> list[Sound]:
        """What these bytes tell; `media_ms`: position of the first one."""
        sounds: list[Sound] = []
        if abs(media_ms - self._end_ms) > GAP_MS:
            sounds += self._jump(media_ms)
        self._kept += audio
        self._end_ms += len(audio) // self._format.bytes_per_ms
        for window in self._detector.feed(audio):
            for event in self._endpointer.feed(window.probability, window.start_ms, window.end_ms):
                sounds += self._sound(event)
            if self._stops_agent(window.probability >= self._settings.start_threshold, window.end_ms - window.start_ms):
                sounds.append(Interrupts())
        if not self._endpointer.speaking:
            self._forget(self._end_ms - KEEP_MS)
        return sounds

    def _jump(self, media_ms: int) -> list[Sound]:
        sounds = [sound for event in self._endpointer.finish(self._end_ms) for sound in self._sound(event)]
        self._endpointer = Endpointer(self._settings)
        self._endpointer.expect(self._kind)
        self._detector.reset(media_ms)
        self._kept.clear()
        self._kept_ms = self._end_ms = media_ms
        return sounds

    def _sound(self, event: SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded) -> list[Sound]:
        match event:
            case SpeechStarted(started_ms, _):
                self._voiced_ms = self._settings.min_speech_ms
                return [Started(max(started_ms, self._kept_ms))]
            case SpeechPaused(started_ms, ended_ms):
                return [Paused(self._clip(started_ms, ended_ms))]
            case SpeechResumed():
                return [Resumed()]
            case SpeechEnded(started_ms, ended_ms):
                self._voiced_ms = None
                return [Ended(self._clip(started_ms, ended_ms))]

    def _stops_agent(self, voiced: bool, duration_ms: int) -> bool:
        if self._voiced_ms is None:
            return False
        self._voiced_ms += duration_ms if voiced else 0
        if self._voiced_ms < self._barge_in_ms:
            return False
        self._voiced_ms = None
        return True

    def _clip(self, started_ms: int, ended_ms: int) -> Clip:
        """The utterance with the pause after it: recognisers want some silence at the end."""
        started_ms = max(started_ms, self._kept_ms)
        per_ms = self._format.bytes_per_ms
        first = (started_ms - self._kept_ms) * per_ms
        last = max(0, ended_ms + PAUSE_MS - self._kept_ms) * per_ms
        samples = decode(bytes(self._kept[first:last]), self._format.encoding)
        return Clip(resample(samples, self._format.rate, RATE), started_ms, ended_ms)

    def _forget(self, before_ms: int) -> None:
        surplus = (before_ms - self._kept_ms) * self._format.bytes_per_ms
        if surplus > 0:
            del self._kept[:surplus]
            self._kept_ms = before_ms
