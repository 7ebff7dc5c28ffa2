"""Hibari: a distilled Kokoro voice, 24 kHz, a hundred times faster than real time on one core (`hibari-tts`)."""

from typing import TYPE_CHECKING

import numpy as np

from speech.engines.local import LocalSynthesiser
from speech.tts import Samples
from speech.workers import Workers

if TYPE_CHECKING:
    from hibari import Hibari

_RATE = 24000
DEFAULT_VOICE = "heart"


class HibariSynthesiser(LocalSynthesiser):
    """Voice "heart" is in the package; hibari downloads the others on first use."""

    name = "hibari"
    _engine: "Hibari"

    def __init__(self, workers: Workers, voice: str = DEFAULT_VOICE, speed: float = 1.0) -> None:
        super().__init__(workers, voice or DEFAULT_VOICE, speed)

    @property
    def rate(self) -> int:
        """24 kHz."""
        return _RATE

    def _load(self) -> None:
        from hibari import Hibari

        self._engine = Hibari(voice=self._voice, threads=1)

    def _speak(self, clause: str) -> Samples:
        audio = self._engine(clause, speed=self._speed, seed=0)
        samples: Samples = (np.clip(audio, -1.0, 1.0) * 32767.0).astype(np.int16)
        return samples
