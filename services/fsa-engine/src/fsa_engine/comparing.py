"""How alike words are to the phrases of an agent's definition: evidence for the core, which decides.

Phrases are embedded once, and kept by definition. Comparing costs some milliseconds of CPU, so `Comparisons` does it on
a thread of its own, never on the event loop, and a step does not wait for it longer than its budget.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TypeVar

import numpy as np

from chassis.logging import get_logger
from fsa_engine.adapters.embedding import Embedder, Vectors, embedder
from fsa_engine.domain.definition import Agent
from fsa_engine.metrics import EMBEDDING_SECONDS, EMBEDDINGS_LATE

Evidence = tuple[tuple[str, float], ...]
"""For each label of `Agent.phrases`, the cosine of the phrase that is most alike."""

DEFINITIONS_KEPT = 64
PHRASES_AT_ONCE = 4
"""Phrases embedded before what callers say gets its turn."""
DIGITS = 4

_END = object()
T = TypeVar("T")
_log = get_logger(__name__)


@dataclass(frozen=True)
class _Phrases:
    """A definition's phrases, a row each. `starts`: the row at which each label's begin, in the order of `labels`."""

    labels: tuple[str, ...]
    vectors: Vectors
    starts: tuple[int, ...]


class Comparer:
    """Compares words with definitions' phrases. Blocking."""

    def __init__(self, model: Embedder) -> None:
        self._model = model
        self._phrases: dict[str, Vectors] = {}
        self._definitions: OrderedDict[str, _Phrases] = OrderedDict()

    def prepare(self, agent: Agent) -> Iterator[None]:
        """Embed an agent's phrases; yields after every few. What other definitions have too is not embedded again."""
        if agent.matching != "embedding" or agent.definition_hash in self._definitions:
            return
        texts = [text for phrases in agent.phrases.values() for text in phrases]
        missing = list(dict.fromkeys(text for text in texts if text not in self._phrases))
        for start in range(0, len(missing), PHRASES_AT_ONCE):
            batch = missing[start : start + PHRASES_AT_ONCE]
            self._phrases |= dict(zip(batch, self._model.embed(batch), strict=True))
            yield
        starts = accumulate((len(phrases) for phrases in agent.phrases.values()), initial=0)
        vectors = np.array([self._phrases[text] for text in texts])
        self._definitions[agent.definition_hash] = _Phrases(tuple(agent.phrases), vectors, tuple(starts)[:-1])
        if len(self._definitions) > DEFINITIONS_KEPT:
            self._definitions.popitem(last=False)

    def evidence(self, agent: Agent, words: str) -> Evidence:
        """Compare words with every label's phrases; empty for an agent that compares words only."""
        if agent.matching != "embedding":
            return ()
        for _ in self.prepare(agent):
            pass
        phrases = self._definitions[agent.definition_hash]
        alike = np.clip(phrases.vectors @ self._model.embed([words])[0], -1, 1)
        best = np.maximum.reduceat(alike, phrases.starts)
        return tuple((label, round(float(score), DIGITS)) for label, score in zip(phrases.labels, best, strict=True))


@cache
def comparer(model: str) -> Comparer | None:
    """Return the process's comparer with a model by that name; None for "none". Raises IntentModelError."""
    loaded = embedder(model)
    return Comparer(loaded) if loaded is not None else None


class Comparisons:
    """A comparer on its own thread. `model`: a name, see `adapters.embedding`; "none" gives no evidence.

    `budget_seconds`: how long a step waits for evidence; later it goes on without.
    """

    def __init__(self, model: str, budget_seconds: float) -> None:
        self._name = model
        self._budget = budget_seconds
        self._comparer: Comparer | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedding")

    async def start(self) -> None:
        """Load the model. Raises IntentModelError."""
        self._comparer = await self._run(comparer, self._name)

    async def stop(self) -> None:
        """End the thread."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def prepare(self, agent: Agent) -> None:
        """Embed an agent's phrases, beside which callers' words are compared."""
        if self._comparer is None:
            return
        started = time.perf_counter()
        phrases = self._comparer.prepare(agent)
        while await self._run(next, phrases, _END) is not _END:
            continue
        _log.debug("phrases are embedded", agent=agent.agent, seconds=round(time.perf_counter() - started, 2))

    async def evidence(self, agent: Agent, words: str) -> Evidence:
        """Compare words with an agent's phrases; nothing where there is no model or it took too long."""
        if self._comparer is None:
            return ()
        try:
            async with asyncio.timeout(self._budget):
                return await self._run(self._timed, self._comparer, agent, words)
        except TimeoutError:
            EMBEDDINGS_LATE.inc()
            return ()

    def _timed(self, comparer: Comparer, agent: Agent, words: str) -> Evidence:
        with EMBEDDING_SECONDS.time():
            return comparer.evidence(agent, words)

    async def _run(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
