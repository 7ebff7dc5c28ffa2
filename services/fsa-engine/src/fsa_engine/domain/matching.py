"""What words mean among everything that an agent knows phrases for: its tasks, its knowledge, its intents.

Words in common decide where they are certain. Below that the meaning does, by the evidence that came with the event; a
step that wanted evidence and had none says so (`Turn.undecided`), goes by the words, and can be made again with it.
"""

from dataclasses import replace

from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.intents import Match
from fsa_engine.domain.understanding.meaning import MARGIN, NONE, scores_in, weighed

KNOWLEDGE = "knowledge."
INTENT = "intent."
"""Prefixes of labels that are no tasks (see `Agent.phrases`)."""


def lexical(turn: Turn, text: str, among: tuple[str, ...] = ()) -> Match:
    """Match words with phrases by the words in common alone."""
    known = turn.meanings.get((text, among))
    if known is None:
        known = turn.meanings[text, among] = turn.agent.matcher.match(text, among)
    return known


def outright(turn: Turn, text: str) -> str:
    """Return the label that words mean even where they could be an answer; empty if none.

    They are certain, or nearly, and the meaning does not speak against it.
    """
    match = lexical(turn, text)
    if match.task and not match.certain:
        scores = _scores(turn, text)
        if scores is not None and max(scores, key=lambda label: scores[label]) != match.task:
            return ""
    if match.task:
        _decided(turn, match)
    return match.task


def meaning(turn: Turn, text: str, among: tuple[str, ...] = ()) -> Match:
    """Match words that are no answer to anything with all labels, or only some."""
    match = lexical(turn, text, among)
    if not match.certain:
        scores = _scores(turn, text)
        match = match if scores is None else weighed(scores, match, among)
    _decided(turn, match)
    return match


def task_meant(turn: Turn, text: str, among: tuple[str, ...] = ()) -> Match:
    """Match words with tasks that can be asked for."""
    return tasks_only(turn, meaning(turn, text, among))


def tasks_only(turn: Turn, match: Match) -> Match:
    """Leave what are no tasks out of a match."""
    tasks = turn.agent.tasks
    return replace(
        match, task=match.task if match.task in tasks else "", close=tuple(n for n in match.close if n in tasks)
    )


def turned_to(turn: Turn, text: str, root: str) -> Match:
    """Match words that the task in hand cannot use with everything else; by their meaning only, and not by a hair.

    Answers that were not understood are a little like everything, so others must be well ahead of the task itself and
    of "none of these".
    """
    match = meaning(turn, text)
    scores = dict(match.scores)
    rest = max(scores.get(root, -1.0), scores.get(NONE, -1.0)) + 2 * MARGIN
    close = tuple(name for name in match.close if scores.get(name, -1.0) >= rest)
    if match.by != "embedding" or root in match.close:
        return Match()
    if match.task == root or scores.get(match.task, -1.0) < rest:
        return replace(match, task="", close=close)
    return match


def wish(turn: Turn, text: str, *, as_last: bool = False) -> str:
    """Return which of the agent's intents words mean; empty if none. `as_last`: they are nothing else."""
    label = meaning(turn, text).task if as_last else outright(turn, text)
    return label.removeprefix(INTENT) if label.startswith(INTENT) else ""


def fact_in(label: str) -> str:
    """Return the plain fact that a label stands for; empty if it is none."""
    return label.removeprefix(KNOWLEDGE) if label.startswith(KNOWLEDGE) else ""


def _scores(turn: Turn, text: str) -> dict[str, float] | None:
    """Return the evidence about the event's own words; without any, ask for it."""
    event = turn.event
    if turn.agent.matching != "embedding" or text != (getattr(event, "text", "") or getattr(event, "caller_words", "")):
        return None
    given = getattr(event, "intents", None)
    if given is None:
        return None
    if not given:
        turn.undecided = text
        return None
    return scores_in(given, turn.agent.phrases)


def _decided(turn: Turn, match: Match) -> None:
    """Write down what was compared, and what came of it."""
    turn.reading = match.by if match.task else "none"
    entry = {"rule": "intent", "for": match.task or "/".join(match.close) or "none", "value": match.scores}
    turn.rules.append({**entry, "by": match.by} if match.by == "embedding" else entry)
