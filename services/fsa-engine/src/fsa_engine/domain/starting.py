"""Which task is wanted, and its start."""

from typing import Any

from fsa_engine.domain.filling import heard, put_values, settle
from fsa_engine.domain.floor import give
from fsa_engine.domain.snapshot import Source, TaskInstance
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.intents import Match


def match_intent(turn: Turn, text: str, among: tuple[str, ...] = ()) -> Match:
    """Match words against the tasks (or some of them) and log the scores."""
    match = turn.agent.matcher.match(text, among)
    turn.rules.append({"rule": "intent", "for": match.task or "/".join(match.close) or "none", "value": match.scores})
    return match


def start(turn: Turn, name: str, text: str = "", source: Source = "caller") -> None:
    """Start a task (or go on with it if it is open) with what the same words give for its slots."""
    task = next((t for t in turn.snapshot.tasks if t.task == name), None)
    if task is None:
        number = turn.snapshot.started + 1
        task = TaskInstance(task_id=f"t{number}", task=name, state=turn.agent.tasks[name].initial)
        turn.change(started=number)
        turn.put(task)
        turn.note(f"{name}: started")
    turn.change(phase="open", focus=task.task_id, pending=None, misunderstood=0, keys="")
    settle(turn, put_values(turn, task, heard(turn, task, text), source))
    give(turn)


def values_for(turn: Turn, name: str, text: str) -> dict[str, Any]:
    """Return the slots of a task that is not open which an utterance would fill."""
    return heard(turn, TaskInstance(task_id="", task=name, state=turn.agent.tasks[name].initial), text)


def place(tokens: tuple[str, ...]) -> int:
    """Return which of several offered things is named by its place, from 0; -1 for none."""
    for index, words in enumerate(({"first", "former"}, {"second", "latter", "last"}, {"third"})):
        if words & set(tokens):
            return index
    return -1
