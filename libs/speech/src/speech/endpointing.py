"""When the caller begins and ends to speak: a pure automaton over speech probabilities.

Two thresholds (hysteresis): speech begins at `start_threshold` and counts as going on until it falls below
`start_threshold - HYSTERESIS`. It must last `min_speech_ms` to be believed. It ends after a silence whose length
depends on what the caller was asked: short for a yes, long for digits, which people say in groups.

    SILENT --p high--> RISING --lasted min_speech--> SPEAKING --silence--> SILENT
              RISING --p low--> SILENT               SPEAKING --too long--> SILENT
"""

from dataclasses import dataclass, field
from enum import Enum, auto

HYSTERESIS = 0.15

# Milliseconds of silence that end an utterance, by the kind of answer expected (fsa.v1.Expectation.kind).
END_SILENCE_MS: dict[str, int] = {"yes_no": 450, "choice": 450, "digits": 900, "number": 700}


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Thresholds are probabilities, the rest milliseconds."""

    start_threshold: float = 0.5
    min_speech_ms: int = 96
    # Taken along before the speech, so that a soft first sound is not cut.
    prefix_ms: int = 300
    end_silence_ms: int = 500
    # A shorter silence that announces a likely end (SpeechPaused), for recognition to begin early; 0 = never.
    pause_ms: int = 0
    max_utterance_ms: int = 20_000
    end_silence_by_kind: dict[str, int] = field(default_factory=lambda: dict(END_SILENCE_MS))


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller speaks: take the audio from `media_ms` (prefix included); known at `detected_ms`."""

    media_ms: int
    detected_ms: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """A likely end: if nothing follows, SpeechEnded comes with the same `started_ms` and `ended_ms`."""

    started_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """After SpeechPaused: the caller went on."""

    started_ms: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance lies between `started_ms` (prefix included) and `ended_ms`; known to be over at `decided_ms`."""

    started_ms: int
    ended_ms: int
    decided_ms: int


Event = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded


class Phase(Enum):
    """Where the automaton stands."""

    SILENT = auto()
    RISING = auto()
    SPEAKING = auto()


class Endpointer:
    """Of one call. Feed it every window of the caller's media in order."""

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self.settings = settings or EndpointSettings()
        self.phase = Phase.SILENT
        self._end_silence_ms = self.settings.end_silence_ms
        self._rose_ms = 0
        self._started_ms = 0
        # Start of the silence within an utterance, or None while it sounds.
        self._fell_ms: int | None = None
        self._paused = False
        # An utterance never takes audio of the one before.
        self._floor_ms = 0

    @property
    def speaking(self) -> bool:
        """Between SpeechStarted and SpeechEnded."""
        return self.phase is Phase.SPEAKING

    def expect(self, kind: str) -> None:
        """What the caller was asked (Expectation.kind, or empty): how long a silence ends an utterance from now on."""
        self._end_silence_ms = self.settings.end_silence_by_kind.get(kind, self.settings.end_silence_ms)

    def feed(self, probability: float, start_ms: int, end_ms: int) -> list[Event]:
        """One window's probability of speech and its place in the caller's media."""
        high = probability >= self.settings.start_threshold
        low = probability < self.settings.start_threshold - HYSTERESIS
        if self.phase is Phase.SPEAKING:
            return self._speaking(high, low, start_ms, end_ms)
        if self.phase is Phase.RISING and low:
            self.phase = Phase.SILENT
        if self.phase is Phase.SILENT and high:
            self.phase = Phase.RISING
            self._rose_ms = start_ms
        if self.phase is Phase.RISING and end_ms - self._rose_ms >= self.settings.min_speech_ms:
            return [self._start(end_ms)]
        return []

    def finish(self, now_ms: int) -> list[Event]:
        """The media has ended: so has the utterance, if there is one."""
        ended = [self._end(self._fell_ms if self._fell_ms is not None else now_ms, now_ms)] if self.speaking else []
        self.phase = Phase.SILENT
        return [*ended]

    def _start(self, now_ms: int) -> SpeechStarted:
        self.phase = Phase.SPEAKING
        self._fell_ms = None
        self._paused = False
        self._started_ms = max(self._floor_ms, self._rose_ms - self.settings.prefix_ms, 0)
        return SpeechStarted(self._started_ms, now_ms)

    def _speaking(self, high: bool, low: bool, start_ms: int, end_ms: int) -> list[Event]:
        events: list[Event] = []
        if high:
            if self._paused:
                events.append(SpeechResumed(self._started_ms))
            self._fell_ms = None
            self._paused = False
        elif low and self._fell_ms is None:
            self._fell_ms = start_ms
        if self._fell_ms is not None:
            events += self._silent_for(end_ms - self._fell_ms, self._fell_ms, end_ms)
        if self.speaking and end_ms - self._started_ms >= self.settings.max_utterance_ms:
            events.append(self._end(end_ms if self._fell_ms is None else self._fell_ms, end_ms))
        return events

    def _silent_for(self, silence_ms: int, fell_ms: int, now_ms: int) -> list[Event]:
        if silence_ms >= self._end_silence_ms:
            return [self._end(fell_ms, now_ms)]
        if self.settings.pause_ms and not self._paused and silence_ms >= self.settings.pause_ms:
            self._paused = True
            return [SpeechPaused(self._started_ms, fell_ms)]
        return []

    def _end(self, ended_ms: int, now_ms: int) -> SpeechEnded:
        self.phase = Phase.SILENT
        self._floor_ms = ended_ms
        return SpeechEnded(self._started_ms, ended_ms, now_ms)
