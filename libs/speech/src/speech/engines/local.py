"""What the synthesisers that run in this process share: text into clauses, work onto the workers, one voice each."""

import threading
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator

from audio.levels import rms_dbfs
from speech.text import clauses, speakable
from speech.tts import Samples, Synthesiser, SynthesisError
from speech.workers import Priority, Workers

LEAD_DBFS = -60.0
"""Quieter than this is silence; the first breath of a voice is louder."""
LEAD_KEPT_MS = 40
_FRAME_MS = 10
_WARM_UP = "Hello, this is a test at 10:30."


class LocalSynthesiser(Synthesiser):
    """An engine with one voice whose model is loaded once, at `warm_up` or first use."""

    # Of the log and of errors.
    name: str

    def __init__(self, workers: Workers, voice: str, speed: float) -> None:
        """`speed`: 1 is the voice's own pace, more is faster."""
        self._workers = workers
        self._voice = voice
        self._speed = speed
        self._loading = threading.Lock()
        self._loaded = False

    @property
    def voices(self) -> tuple[str, ...]:
        """The one voice it was made with."""
        return (self._voice,)

    async def stream(self, text: str, voice: str = "") -> AsyncIterator[Samples]:
        """One piece for each clause."""
        if voice not in ("", self._voice):
            raise ValueError(f"no voice {voice!r}: this synthesiser was made with {self._voice!r}")
        async for piece in self._workers.stream(Priority.SYNTHESIS, lambda: self._pieces(text)):
            yield piece

    async def warm_up(self) -> None:
        """Load the model and speak a short sentence to nobody."""
        await self._workers.run(Priority.LOADING, lambda: list(self._pieces(_WARM_UP)))

    async def close(self) -> None:
        """The model goes with the last reference to it; the workers belong to whoever made them."""

    @abstractmethod
    def _load(self) -> None:
        """Load the model; called once, on a worker."""

    @abstractmethod
    def _speak(self, clause: str) -> Samples:
        """Audio of one clause, on a worker; empty when there is nothing to say."""

    def _pieces(self, text: str) -> Iterator[Samples]:
        with self._loading:
            if not self._loaded:
                self._load()
                self._loaded = True
        for clause in clauses(speakable(text)):
            try:
                samples = self._speak(clause)
            except Exception as error:
                raise SynthesisError(f"{self.name} failed: {type(error).__name__}") from error
            samples = without_lead(samples, self.rate)
            if len(samples):
                yield samples


def without_lead(samples: Samples, rate: int) -> Samples:
    """Return speech without the silence before it, of which voices give a third of a second that callers wait for."""
    size = rate * _FRAME_MS // 1000
    for at in range(0, len(samples), size):
        if rms_dbfs(samples[at : at + size]) > LEAD_DBFS:
            return samples[max(0, at - rate * LEAD_KEPT_MS // 1000) :]
    return samples
