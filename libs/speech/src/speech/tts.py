"""The port of speech synthesis: text in, audio out piece by piece."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


class SynthesisError(Exception):
    """The engine failed on this text."""


class Synthesiser(ABC):
    """One engine with its voices, shared by all calls of a process. Work runs off the event loop."""

    @property
    @abstractmethod
    def rate(self) -> int:
        """Sample rate of what `stream` gives, in Hz."""

    @property
    @abstractmethod
    def voices(self) -> tuple[str, ...]:
        """Names that `stream` takes; the first is the default."""

    @abstractmethod
    def stream(self, text: str, voice: str = "") -> AsyncIterator[Samples]:
        """Audio of the text in pieces, each as soon as it is ready (the first after one clause, not the whole text).

        Numbers, times, dates and telephone numbers are spoken as people say them. Closing the iterator, or cancelling
        the task that reads it, stops the synthesis after the piece at hand. An unknown voice raises ValueError; an
        empty text gives nothing. Raises SynthesisError.
        """

    @abstractmethod
    async def warm_up(self) -> None:
        """Load the model and run it once; may be called again."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of model and threads; idempotent."""
