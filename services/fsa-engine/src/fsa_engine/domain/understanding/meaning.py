"""What an utterance means, from evidence: how alike it is to the example phrases, as something outside compared them.

Evidence is untrusted. It chooses among labels that the definition has and adds none; what is not whole (a label
without a finite score, see `scores_in`) is no evidence at all. Scores of unrelated sentences are as high as those of
right ones, so margins decide: between the best and the next, and between the best and "none of these". An ADR has how
they were measured.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fsa_engine.domain.understanding.intents import Match

NONE = "none"
"""The label of phrases that mean nothing the agent does."""
MARGIN = 0.015
"""How far the best must be ahead of the next to be taken without asking (cosines, which lie between 0.8 and 1)."""
MARGIN_TO_NONE = 0.01
"""How far the best must be ahead of "none of these" to be taken without asking."""
MOST_ASKED = 3
"""Labels between which a caller is asked to choose."""

NONE_OF_THESE = (
    "how are you today",
    "what is the weather like",
    "tell me a joke",
    "nice to talk to you",
    "are you a robot",
    "sorry, I have the wrong number",
    "who is this",
    "hello, can you hear me",
    "hold on, somebody is at the door",
    "one moment please, let me think",
    "I was talking to my wife",
    "I don't know",
    "never mind what I said",
    "what did you say",
    "that's not what I meant",
    "it's so loud here",
    "did you see the game on television",
    "my children are at school",
    "happy birthday",
    "what time is it",
    "who won the election",
    "I want to order a pizza",
    "I'd like to book a flight",
    "can you call me a taxi",
    "I'd like a table for two",
    "my car is broken",
    "I need a plumber",
    "how much is a haircut",
    "I'd like to sell you something",
)
"""What callers of any agent say beside its business: chat, asides, wrong numbers, other people's business."""


def scores_in(evidence: Iterable[Any], labels: Iterable[str]) -> dict[str, float] | None:
    """Return the score of every label, each from -1 to 1; None where the evidence does not give them all.

    Scores of anything else are left out.
    """
    given: dict[str, Any] = {}
    for pair in evidence if isinstance(evidence, list | tuple) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str):
            given[pair[0]] = pair[1]
    scores: dict[str, Any] = {label: given.get(label) for label in labels}
    return scores if scores and all(map(_is_score, scores.values())) else None


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and -1 <= value <= 1


def weighed(scores: Mapping[str, float], words: Match, among: Sequence[str] = ()) -> Match:
    """Decide between labels (or only `among` some) by margin, with "none of these" as one of them.

    `words`: what the words in common say, which is not certain. Where they say something else, or the margin is small,
    the caller is to choose between both.
    """
    ranked = sorted(
        ((label, score) for label, score in scores.items() if label != NONE and (not among or label in among)),
        key=lambda pair: (-pair[1], pair[0]),
    )
    none = scores.get(NONE, -1.0)
    listed = (*ranked, *(((NONE, none),) if NONE in scores else ()))
    if not ranked:
        return Match(by="embedding")
    likely = (words.task,) if words.task else words.close
    best = ranked[0][1]
    if none >= best:
        return Match("", _some(likely) if none - best < MARGIN_TO_NONE else (), listed, by="embedding")
    second = ranked[1][1] if len(ranked) > 1 else -1.0
    if best - second < MARGIN or best - none < MARGIN_TO_NONE:
        close = (label for label, score in ranked if score > best - MARGIN)
        return Match("", _some(close, likely), listed, by="embedding")
    if words.task and words.task != ranked[0][0]:
        return Match("", (ranked[0][0], words.task), listed, by="embedding")
    return Match(ranked[0][0], (), listed, by="embedding")


def _some(*labels: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label for each in labels for label in each))[:MOST_ASKED]
