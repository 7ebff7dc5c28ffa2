"""What is secret: which words may hold a sensitive value, and in which forms one could stand in a text."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fsa_engine.domain.definition import Act, Agent, Collect, Task
from fsa_engine.domain.events import (
    AnswerTask,
    CancelTask,
    Event,
    KeyPressed,
    ReasoningReturned,
    StartTask,
    ToolReturned,
    Utterance,
)
from fsa_engine.domain.outputs import Privacy
from fsa_engine.domain.snapshot import Snapshot, TaskInstance
from fsa_engine.domain.turn import MASK
from fsa_engine.domain.understanding.texts import find_digits
from fsa_engine.domain.understanding.words import tokens_of

_WRITTEN = re.compile(r"\d+")

SHORTEST = 4
"""Characters of a secret that can be looked for in texts; a shorter one could be part of anything."""


def is_private(agent: Agent, snapshot: Snapshot) -> bool:
    """Tell whether what the caller says now is for the engine alone: a slot is asked for that only keys may fill."""
    task = snapshot.focused
    if task is None or snapshot.phase != "open" or snapshot.pending is not None or task.verifying:
        return False
    state = _collecting(agent, task)
    return state is not None and agent.tasks[task.task].slots[state.slot].by_keys


def privacy_change(agent: Agent, before: Snapshot, after: Snapshot) -> Privacy | None:
    """Return what is to be changed for the caller's audio."""
    private = is_private(agent, after)
    known = before.definition_hash in {"", agent.definition_hash}
    return Privacy(private) if private != (known and is_private(agent, before)) else None


def _collecting(agent: Agent, task: TaskInstance) -> Collect | None:
    definition = agent.tasks.get(task.task)
    state = definition.states.get(task.state) if definition else None
    return state if isinstance(state, Collect) else None


def collects_secret(agent: Agent, snapshot: Snapshot, task_id: str = "") -> bool:
    """Tell whether a sensitive slot is being asked for, by the focused task or by the one named."""
    for task in (snapshot.focused, snapshot.task(task_id)):
        state = _collecting(agent, task) if task else None
        if task and state and agent.tasks[task.task].slots[state.slot].sensitive:
            return True
    return False


def words_hidden(agent: Agent, before: Snapshot, event: Event) -> bool:
    """Tell whether an event's words may hold a secret."""
    if not agent.has_secrets:
        return False
    if collects_secret(agent, before, getattr(event, "task_id", "")):
        return isinstance(event, Utterance | KeyPressed | StartTask | AnswerTask | CancelTask)
    return any(_leaks(agent, text) for text in _words(event))


def _words(event: Event) -> Iterable[str]:
    if isinstance(event, Utterance):
        return (event.text, *event.alternatives)
    if isinstance(event, AnswerTask):
        return (event.answer, event.caller_words)
    return (event.caller_words,) if isinstance(event, StartTask | CancelTask) else ()


def _leaks(agent: Agent, text: str) -> bool:
    """Tell whether words hold a row of digits that could be a sensitive slot's value."""
    if not agent.secret_lengths:
        return False
    tokens = tokens_of(text)
    # Beside what speech joins: written rows stand for themselves, whatever digits are near them.
    rows = [len(row) for row in _WRITTEN.findall(text)]
    return any(
        any(shortest <= row <= longest for row in rows) or find_digits(tokens, shortest, longest)
        for shortest, longest in agent.secret_lengths
    )


def without_leaks(agent: Agent, value: Any) -> Any:
    """Mask rows of digits that could be sensitive in what a model or another agent gave."""
    if isinstance(value, Mapping):
        return {name: without_leaks(agent, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_leaks(agent, item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return MASK if _leaks(agent, str(value)) else value


def secret_slots(agent: Agent) -> set[str]:
    """Return the names of sensitive slots, of all tasks."""
    return {name for task in agent.tasks.values() for name, slot in task.slots.items() if slot.sensitive}


def result_hidden(agent: Agent, before: Snapshot, event: Event) -> bool:
    """Tell whether a result may hold a secret: it fills a sensitive slot, or comes of an argument that is one."""
    if not isinstance(event, ToolReturned | ReasoningReturned) or not agent.has_secrets:
        return False
    task = next((t for t in (*before.tasks, *before.aside) if t.waiting == event.intent_id), None)
    definition = agent.tasks.get(task.task) if task else None
    state = definition.states.get(task.state) if definition and task else None
    if definition is None or not isinstance(state, Act):
        return False
    return result_sensitive(agent, definition, state)


def result_sensitive(agent: Agent, definition: Task, state: Act) -> bool:
    """Tell whether what a state's tool answers may hold a secret."""
    given = {name for name in state.arguments.values() if isinstance(name, str)}
    slots = {name for name, slot in definition.slots.items() if slot.sensitive}
    facts = {name for name, fact in agent.context.items() if fact.sensitive}
    return bool(slots & {*state.fill, *given} or facts & {*state.set, *(n.removeprefix("context.") for n in given)})


def forms(snapshots: Iterable[Snapshot]) -> list[str]:
    """Return every form in which a sensitive value could stand in a text, longest first."""
    found: set[str] = set()
    for snapshot in snapshots:
        for task in (*snapshot.tasks, *snapshot.aside):
            for slot in task.slots.values():
                if slot.sensitive:
                    found |= _forms_of(slot.value)
        for fact in snapshot.facts.values():
            if fact.sensitive:
                found |= _forms_of(fact.value)
    return sorted((text for text in found if len(text) >= SHORTEST), key=len, reverse=True)


def _forms_of(value: Any) -> set[str]:
    if isinstance(value, bool):
        return set()
    if isinstance(value, list | Mapping):
        return {form for item in value for form in _forms_of(item)}
    text = str(value)
    return {text, " ".join(text), text.replace("_", " ")}
