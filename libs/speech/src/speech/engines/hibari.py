"""Hibari: a distilled Kokoro voice, 24 kHz, about a hundred times faster than real time on one core (`hibari-tts`)."""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import numpy as np

from speech.text import clauses, speakable
from speech.tts import Samples, SynthesisError, Synthesiser
from speech.workers import Priority, Workers

if TYPE_CHECKING:
    from hibari import Hibari

_RATE = 24000
# The model stops dead at a clause's end; speech needs a breath there.
_PAUSE = np.zeros(_RATE * 120 // 1000, np.int16)


class HibariSynthesiser(Synthesiser):
    """Voice "heart" is in the package; the others are downloaded by it on first use."""

    def __init__(self, workers: Workers, voice: str = "heart", speed: float = 1.0) -> None:
        self._workers = workers
        self._voice = voice or "heart"
        self._speed = speed
        self._engine: Hibari | None = None

    @property
    def rate(self) -> int:
        return _RATE

    @property
    def voices(self) -> tuple[str, ...]:
        return (self._voice,)

    async def stream(self, text: str, voice: str = "") -> AsyncIterator[Samples]:
        if voice not in ("", self._voice):
            raise ValueError(f"no voice {voice!r}: this synthesiser was made with {self._voice!r}")
        pieces = self._workers.stream(Priority.SYNTHESIS, lambda: self._pieces(text))
        async for piece in pieces:
            yield piece

    async def warm_up(self) -> None:
        await self._workers.run(Priority.LOADING, lambda: list(self._pieces("Hello, this is a test at 10:30.")))

    def _load(self) -> "Hibari":
        if self._engine is None:
            from hibari import Hibari

            self._engine = Hibari(voice=self._voice, threads=1)
        return self._engine

    def _pieces(self, text: str) -> Iterator[Samples]:
        engine = self._load()
        parts = clauses(speakable(text))
        for index, part in enumerate(parts):
            try:
                audio = engine(part, speed=self._speed, seed=0)
            except Exception as error:
                raise SynthesisError(f"hibari failed: {type(error).__name__}") from error
            samples = (np.clip(audio, -1.0, 1.0) * 32767.0).astype(np.int16)
            if len(samples):
                yield np.concatenate((samples, _PAUSE)) if index + 1 < len(parts) else samples
