"""A task's start."""

from collections.abc import Mapping, Sequence
from typing import Any

from fsa_engine.domain.filling import heard, put_values, settle
from fsa_engine.domain.floor import focus, give, put_question
from fsa_engine.domain.moving import enter
from fsa_engine.domain.slotting import give_slot
from fsa_engine.domain.snapshot import Source, TaskInstance
from fsa_engine.domain.template import fill
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.spoken import joined


def start(
    turn: Turn, name: str, text: str = "", source: Source = "caller", given: Mapping[str, Any] | None = None
) -> None:
    """Start a task (or go on with it if it is open) with what the same words give for its slots.

    `given`: values of its slots that another agent of the operator knows; never sensitive ones.
    """
    task = next((t for t in turn.snapshot.roots if t.task == name), None)
    if task is None:
        task = _begin(turn, name)
    for slot, value in (given or {}).items():
        if slot in turn.definition(task).slots and not turn.definition(task).slots[slot].sensitive:
            task = give_slot(turn, task, slot, value, "operator")
    if task.queued:
        _queue(turn, task, text, source)
        return
    task = turn.snapshot.leaf_of(task)
    turn.change(phase="open", focus=task.task_id, pending=None, misunderstood=0, keys="")
    settle(turn, put_values(turn, task, heard(turn, task, text), source))
    now = turn.task(task.task_id)
    if now is not None and now.waiting and turn.has_floor(now) and not turn.outputs and not turn.intents:
        put_question(turn)
    give(turn)


def start_in_turn(turn: Turn, wanted: Sequence[tuple[str, str]]) -> None:
    """Start the first of several tasks wanted at once, each with its own words; the others wait until it ended."""
    names = [name for name, _ in wanted]
    open_names = {task.task for task in turn.snapshot.roots}
    for name, text in wanted:
        if name not in open_names:
            task = _begin(turn, name, waits=name != names[0])
            if name != names[0]:
                put_values(turn, task, heard(turn, task, text), "caller")
                turn.instead = turn.lead = ""
    turn.note(f"{', '.join(names[1:])}: after {names[0]}")
    titles = joined([turn.agent.tasks[name].title for name in names])
    turn.lead = fill(turn.agent.texts.in_turn, lambda key, _: titles if key == "titles" else None)
    start(turn, *wanted[0])


def _begin(turn: Turn, name: str, *, waits: bool = False) -> TaskInstance:
    number = turn.snapshot.started + 1
    definition = turn.agent.tasks[name]
    waits = waits or any(t.task in definition.after for t in turn.snapshot.roots)
    task = TaskInstance(task_id=f"t{number}", task=name, state=definition.initial, queued=waits)
    turn.change(started=number)
    turn.put(task)
    turn.note(f"{name}: started")
    return enter(turn, task, definition.initial)


def _queue(turn: Turn, task: TaskInstance, text: str, source: Source) -> None:
    """Take down a task that waits for another one, and go on with that."""
    put_values(turn, task, heard(turn, task, text), source)
    turn.instead = ""
    first = next((t for t in turn.snapshot.roots if t.task in turn.agent.tasks[task.task].after), None)
    turn.note(f"{task.task}: waits for {first.task if first else 'nothing'}")
    if first is None:
        return
    lead = turn.named(turn.agent.texts.waits, (first,))
    focus(turn, turn.snapshot.leaf_of(first), lead)


def values_for(turn: Turn, name: str, text: str) -> dict[str, Any]:
    """Return the slots of a task that is not open which an utterance would fill."""
    return heard(turn, TaskInstance(task_id="", task=name, state=turn.agent.tasks[name].initial), text)


def place(tokens: tuple[str, ...]) -> int:
    """Return which of several offered things is named by its place, from 0; -1 for none."""
    for index, words in enumerate(({"first", "former"}, {"second", "latter", "last"}, {"third"})):
        if words & set(tokens):
            return index
    return -1
