"""The port of speech recognition: one utterance in, what was said out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
# What every recogniser takes.
RATE = 16000


@dataclass(frozen=True, slots=True)
class Hints:
    """What is likely to be heard. Helps, and never restricts: other words are still recognised."""

    # "yes_no", "choice", "intent", "date", "time", "number", "digits", or empty.
    kind: str = ""
    # Whole answers that the current question expects.
    phrases: tuple[str, ...] = ()
    # Words of the domain.
    vocabulary: tuple[str, ...] = ()
    # BCP 47.
    language: str = "en-US"


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard."""

    # Empty when `no_speech`.
    text: str
    # 0 to 1, comparable within one engine only.
    confidence: float = 0.0
    # Other readings, best first, without `text`.
    alternatives: tuple[str, ...] = ()
    # Noise, silence, or a reading that is not to be believed.
    no_speech: bool = False


NO_HINTS = Hints()
NOTHING = Transcript("", no_speech=True)


class RecognitionError(Exception):
    """The engine failed; the utterance may be tried again."""


class Recogniser(ABC):
    """One engine with its model, shared by all calls of a process. Work runs off the event loop."""

    @abstractmethod
    async def transcribe(self, audio: Samples, hints: Hints = NO_HINTS) -> Transcript:
        """One utterance: mono int16 at 16 kHz, with or without silence around it.

        Cancelling the awaiting task takes it off the queue; one already running is finished and its result dropped.
        Raises RecognitionError.
        """

    @abstractmethod
    async def warm_up(self) -> None:
        """Load the model and run it once, so that the first caller does not wait; may be called again."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of model and threads; idempotent."""
