"""Which task an utterance asks for, from example phrases: a port, and a deterministic lexical matcher.

Scores of unrelated sentences can be high, so the margin to the next best task decides, never the score alone.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from fsa_engine.domain.understanding.lexicon import STOP
from fsa_engine.domain.understanding.words import tokens_of

ACCEPT = 0.55
"""Score below which a task is not taken without asking."""
CONSIDER = 0.30
"""Score below which a task is not even asked about."""
MARGIN = 0.12
"""How far the best must be ahead of the next."""
CERTAIN = 0.75
"""Score from which words alone tell a task; below it their meaning is looked at where it can be."""


_Weighed: TypeAlias = tuple[frozenset[str], float]
"""The stems of an example and their weight."""


@dataclass(frozen=True)
class Match:
    """The decision. `task`: clear winner or ""; `close`: names of those between which the caller must choose.

    `torn`: the best of those close would have won but for the others, and by more than a single word. `by`: what was
    compared, words or (embeddings of) meanings. `firm`: the winner shares two words with an example, or all that was
    said is in one: a single word beside others says what something is about, not what is wanted.
    """

    task: str = ""
    close: tuple[str, ...] = ()
    scores: tuple[tuple[str, float], ...] = ()
    torn: bool = False
    by: Literal["lexical", "embedding"] = "lexical"
    firm: bool = False

    @property
    def certain(self) -> bool:
        """Whether the words alone are enough."""
        return self.by == "lexical" and bool(self.task) and self.firm and self.score(self.task) >= CERTAIN

    def score(self, task: str) -> float:
        """Return a task's score, 0 to 1."""
        return dict(self.scores).get(task, 0.0)


class IntentMatcher(ABC):
    """Tells which task an utterance asks for. An implementation must be pure to be used inside a step."""

    @abstractmethod
    def match(self, text: str, among: Sequence[str] = ()) -> Match:
        """Match against all tasks, or only `among` (then a weaker sign is enough)."""


class LexicalMatcher(IntentMatcher):
    """Compares words, weighted by how few tasks use them."""

    def __init__(self, examples: Mapping[str, Sequence[str]], none: Sequence[str] = ()) -> None:
        stems = {name: [_stems(text) for text in texts] for name, texts in examples.items()}
        nothing = [_stems(text) for text in none]
        groups = [set().union(*sets) for sets in (*stems.values(), nothing) if sets]
        seen = Counter(stem for group in groups for stem in group)
        self._weight = {stem: 0.35 + math.log((1 + len(groups)) / count) for stem, count in seen.items()}
        self._examples = {name: [self._weighed(example) for example in sets] for name, sets in stems.items()}
        self._none = [self._weighed(example) for example in nothing]

    def match(self, text: str, among: Sequence[str] = ()) -> Match:
        """Score every task by its nearest example and decide by margin."""
        said = _stems(text)
        spoken = math.fsum(self._weight.get(stem, 0.2) for stem in said)
        names = [name for name in self._examples if not among or name in among]
        scores = {name: self._nearest(said, spoken, self._examples[name]) for name in names}
        none = self._nearest(said, spoken, self._none)
        ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
        listed = tuple((name, round(score, 3)) for name, score in ranked)
        best = ranked[0][1] if ranked else 0.0
        second = ranked[1][1] if len(ranked) > 1 else 0.0
        floor = 0.1 if among else ACCEPT
        if best < (0.1 if among else CONSIDER) or (none >= best and not among):
            return Match(scores=listed)
        if best >= floor and best - second >= (0.02 if among else MARGIN) and (among or best - none >= MARGIN):
            return Match(ranked[0][0], (), listed, firm=self._firm(said, ranked[0][0]))
        near = tuple(name for name, score in ranked if score > best - MARGIN and score >= CONSIDER)
        shared = max((len(said & example) for name in near for example, _ in self._examples[name]), default=0)
        return Match("", near, listed, torn=best >= ACCEPT and best - none >= MARGIN and shared > 1)

    def _firm(self, said: frozenset[str], name: str) -> bool:
        return any(said <= example or len(said & example) > 1 for example, _ in self._examples[name])

    def _weighed(self, example: frozenset[str]) -> _Weighed:
        return example, math.fsum(self._weight[stem] for stem in example)

    def _nearest(self, said: frozenset[str], spoken: float, examples: Sequence[_Weighed]) -> float:
        """Return the best score; `spoken`: the weight of all that was said. Sums are exact, whatever their order."""
        best = 0.0
        for example, wanted in examples:
            if not said.isdisjoint(example):
                common = math.fsum(self._weight[stem] for stem in said & example)
                best = max(best, 0.7 * common / wanted + 0.3 * common / spoken)
        return best


def _stems(text: str) -> frozenset[str]:
    return frozenset(_stem(token) for token in tokens_of(text) if token not in STOP and not token.isdecimal())


def _stem(token: str) -> str:
    token = token.split("'", maxsplit=1)[0] if token.endswith("'s") else token
    for ending in ("ments", "ings", "ment", "ing", "ions", "ion", "ed", "es", "s", "e"):
        if token.endswith(ending) and len(token) - len(ending) >= 4:
            token = token[: -len(ending)]
            break
    return token[:-1] if len(token) > 3 and token[-1] == token[-2] else token
