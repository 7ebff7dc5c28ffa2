"""What words mean among everything that an agent knows phrases for: its tasks, its knowledge, its intents."""

from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.intents import Match, decided

KNOWLEDGE = "knowledge."
INTENT = "intent."
"""Prefixes of labels that are no tasks (see `Agent.phrases`)."""


def meaning(turn: Turn, text: str, among: tuple[str, ...] = ()) -> Match:
    """Match words against all labels (or some), by the scores that came with them if there are any."""
    known = turn.meanings.get((text, among))
    if known is None:
        known = turn.meanings[text, among] = _meaning(turn, text, among)
    return known


def _meaning(turn: Turn, text: str, among: tuple[str, ...]) -> Match:
    given = dict(getattr(turn.event, "intents", ()))
    lexical = turn.agent.matcher.match(text, among)
    if not given or text != getattr(turn.event, "text", None):
        return lexical
    match = decided(given, turn.agent.phrases, among)
    if not match.task and lexical.task in match.close:
        match = Match(lexical.task, (), match.scores)
    return match


def match_intent(turn: Turn, text: str, among: tuple[str, ...] = ()) -> Match:
    """Match words against the tasks (or some of them) and log the scores."""
    match = meaning(turn, text, among)
    tasks = Match(
        match.task if match.task in turn.agent.tasks else "",
        tuple(name for name in match.close if name in turn.agent.tasks),
        match.scores,
        match.torn,
    )
    _log(turn, match)
    return tasks


def wish(turn: Turn, text: str) -> str:
    """Return which of the agent's intents words mean; empty if none."""
    match = meaning(turn, text)
    _log(turn, match)
    return match.task.removeprefix(INTENT) if match.task.startswith(INTENT) else ""


def asked_fact(turn: Turn, text: str) -> str:
    """Return which plain fact of the agent's knowledge is asked for; empty if none."""
    if not turn.agent.knowledge:
        return ""
    match = meaning(turn, text)
    return match.task.removeprefix(KNOWLEDGE) if match.task.startswith(KNOWLEDGE) else ""


def _log(turn: Turn, match: Match) -> None:
    turn.rules.append({"rule": "intent", "for": match.task or "/".join(match.close) or "none", "value": match.scores})
