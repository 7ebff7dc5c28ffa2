"""How a task moves through its states: on from one that is satisfied, until one has to wait.

A state waits for the caller (collect, confirm), for work outside (act, reason, handover), for a part of it (task) or
for a human to answer (handoff), or it ends the task. Everything else goes on at once. A task without the floor moves
too, but puts no question until it has it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fsa_engine.domain.acting import argument, objection, sensitive, tool_call
from fsa_engine.domain.definition import (
    Act,
    Collect,
    Confirm,
    Decide,
    Done,
    Failing,
    Handoff,
    HandOver,
    Reason,
    Say,
    Slot,
    SubTask,
    Transition,
)
from fsa_engine.domain.moving import enter, follow, move
from fsa_engine.domain.outputs import Failed, HandOff, Progress, Result, Verbatim
from fsa_engine.domain.reasoning import request
from fsa_engine.domain.salience import weakest
from fsa_engine.domain.saying import said
from fsa_engine.domain.slotting import fill_slots, give_slot
from fsa_engine.domain.snapshot import Source, TaskInstance, Transfer
from fsa_engine.domain.template import fill, mentioned
from fsa_engine.domain.turn import MASK, Turn
from fsa_engine.domain.understanding.spoken import spoken

YES_NO = ("yes", "no")
MOVES = 50
"""States that a task may pass in one step; a definition that needs more goes in a circle."""
TRANSFER = "transfer"
"""What a task waits for whose handoff is under way."""


def run(turn: Turn, task_id: str) -> None:
    """Move a task on until it waits or ends."""
    for _ in range(MOVES):
        task = turn.task(task_id)
        if task is None or task.queued:
            return
        state = turn.state(task)
        if not _ON[type(state)](turn, task, state):
            return
    task = turn.task(task_id)
    if task is not None:
        fail(turn, task, turn.agent.texts.too_many_retries, "circle")


def go(
    turn: Turn,
    task: TaskInstance,
    edges: tuple[Transition, ...],
    result: Mapping[str, Any] | None = None,
    proposal: Mapping[str, Any] | None = None,
) -> None:
    """Take the way out that holds; a task that has none fails."""
    if not follow(turn, task, edges, result, proposal):
        fail(turn, turn.task(task.task_id) or task, turn.agent.texts.too_many_retries, "no_way_on")


def close(turn: Turn, task: TaskInstance, outcome: str) -> None:
    """End a task with all its parts."""
    turn.note(f"{task.task}: ended ({outcome})")
    while (part := turn.snapshot.leaf_of(task)).task_id != task.task_id:
        turn.snapshot = turn.snapshot.without_task(part.task_id)
    pending = turn.snapshot.pending
    if pending and pending.task_id == task.task_id:
        turn.change(pending=None)
    turn.ended.append((task.task, outcome))
    turn.snapshot = turn.snapshot.without_task(task.task_id)


def _end(turn: Turn, task: TaskInstance, outcome: str, ok: bool) -> None:
    """End a task by its own states; the task that it is a part of goes on with its result."""
    had_floor = turn.snapshot.focus == task.task_id
    close(turn, task, outcome)
    parent = turn.task(task.parent) if task.parent else None
    if parent is None:
        return
    if had_floor:
        turn.change(focus=parent.task_id)
    state = turn.state(parent)
    if isinstance(state, SubTask):
        values = task.values()
        result = {name: values[name] for name in turn.definition(task).returns if name in values}
        sources = {task.slots[name].source for name in result}
        _after_part(turn, (parent, state), {**result, "outcome": outcome}, weakest(sources, "tool"), ok)


def _after_part(
    turn: Turn, whole: tuple[TaskInstance, SubTask], result: Mapping[str, Any], source: Source, ok: bool
) -> None:
    """Go on after a sub-task; what it gives is as good as the weakest that it was made of (`source`)."""
    task, state = whole
    task = turn.put(task, waiting="")
    if ok:
        task = fill_slots(turn, task, state.fill, result, source)
        go(turn, task, state.edges, result)
    else:
        move(turn, task, state.failed, f"{state.task}: {result['outcome']}")
    run(turn, task.task_id)


def fail(turn: Turn, task: TaskInstance, text: str, reason: str) -> None:
    """End a task without its goal."""
    if text:
        turn.say(Progress(text) if task.parent else Failed(text, reason), task.task_id)
    _end(turn, task, reason, ok=False)


def escalate(turn: Turn, task: TaskInstance | None, text: str, target: str, summary: str) -> None:
    """Give the call to a human. The conversation is over for the agent unless the caller comes back."""
    turn.say(Verbatim(text), task.task_id if task else "")
    turn.say(HandOff(target, summary), task.task_id if task else "")
    handing = task if task is not None and isinstance(turn.state(task), Handoff) else None
    if handing:
        turn.put(handing, waiting=TRANSFER)
    transfer = Transfer(turn.snapshot.phase, handing.task_id if handing else "")
    turn.change(phase="closing", closing_spoken=True, transfer=transfer)


def question(turn: Turn, task: TaskInstance, state: Collect | Confirm, again: bool = False) -> None:
    """Put a state's question."""
    if isinstance(state, Confirm):
        text = turn.agent.texts.change if task.changing else turn.text(task, state.text)
        if again and state.retry.text:
            text = turn.text(task, state.retry.text)
            turn.lead = ""
        names = tuple(name.replace("_", " ") for name in state.slots)
        turn.ask(text, *(("choice", names) if task.changing else ("yes_no", YES_NO)), task.task_id)
    elif task.verifying:
        turn.ask(_verification(turn, task, state.slot), "yes_no", YES_NO, task.task_id)
    else:
        slot = turn.definition(task).slots[state.slot]
        asked = wording(state, slot)
        if again:
            asked = state.retry.text or slot.reprompt or f"{turn.agent.texts.not_understood} {asked}"
        turn.ask(turn.text(task, asked), slot.type, _likely(turn, task, state), task.task_id)
    turn.put(task, asked=True, asked_ms=turn.event.at_ms)


def wording(state: Collect, slot: Slot) -> str:
    """Return the question for a slot, as its state or the slot itself has it."""
    return state.prompt or slot.prompt or f"What is the {state.slot.replace('_', ' ')}?"


def _verification(turn: Turn, task: TaskInstance, name: str) -> str:
    return fill(turn.agent.texts.verify, lambda field, _: say_slot(turn, task, name) if field == "value" else None)


def say_slot(turn: Turn, task: TaskInstance, name: str) -> str:
    """Say a slot's value back."""
    if task.slots[name].value == MASK:
        return MASK
    return said(name, turn.definition(task).slots[name], task.slots[name].value, turn.now)


def _likely(turn: Turn, task: TaskInstance, state: Collect) -> tuple[str, ...]:
    """Return what may be answered: the values of a set, or what a tool found and the question offers."""
    slots = turn.definition(task).slots
    slot = slots[state.slot]
    offered = mentioned(state.prompt or "")
    lists = [n for n in task.slots if n in offered and slots[n].type == "list" and slots[n].of == slot.type]
    found = [spoken(value, slot.type, turn.now) for name in lists for value in task.slots[name].value]
    return tuple([name.replace("_", " ") for name in slot.values] + found)


def _collect(turn: Turn, task: TaskInstance, state: Collect) -> bool:
    if state.slot in task.slots and not state.ask_again and not to_verify(turn, task, state.slot):
        go(turn, task, state.edges)
        return True
    if state.slot in task.slots and to_verify(turn, task, state.slot) and not task.verifying and not state.ask_again:
        task = turn.put(task, verifying=True)
    if turn.has_floor(task):
        question(turn, task, state)
    return False


def to_verify(turn: Turn, task: TaskInstance, name: str) -> bool:
    """Tell whether a filled slot has to be said back and confirmed before it counts."""
    return turn.definition(task).slots[name].confirm == "explicit" and not task.slots[name].confirmed


def _confirm(turn: Turn, task: TaskInstance, state: Confirm) -> bool:
    if turn.has_floor(task):
        question(turn, task, state)
    return False


def _decide(turn: Turn, task: TaskInstance, state: Decide) -> bool:
    go(turn, task, state.edges)
    return True


def _say(turn: Turn, task: TaskInstance, state: Say) -> bool:
    text = turn.text(task, state.text)
    turn.say(Verbatim(text) if state.verbatim else Progress(text), task.task_id)
    go(turn, task, state.edges)
    return True


def _act(turn: Turn, task: TaskInstance, state: Act) -> bool:
    if task.waiting:
        return False
    why_not = objection(turn, task, state)
    if why_not:
        turn.reject(why_not)
        move(turn, task, state.failed, why_not)
        return True
    _progress(turn, task, state.progress)
    turn.put(task, waiting=turn.intend(tool_call(turn, task, state)))
    return False


def _progress(turn: Turn, task: TaskInstance, text: str | None) -> None:
    if (text or turn.lead) and turn.has_floor(task):
        turn.say(Progress(turn.text(task, text or "")), task.task_id)


def _reason(turn: Turn, task: TaskInstance, state: Reason) -> bool:
    if task.waiting:
        return False
    _progress(turn, task, state.progress)
    turn.put(task, waiting=turn.intend(request(turn, task, state), "reason"))
    return False


def _sub_task(turn: Turn, task: TaskInstance, state: SubTask) -> bool:
    if task.waiting:
        return False
    number = turn.snapshot.started + 1
    definition = turn.agent.tasks[state.task]
    part = TaskInstance(task_id=f"t{number}", task=state.task, state=definition.initial, parent=task.task_id)
    turn.change(started=number)
    turn.put(task, waiting=part.task_id)
    turn.put(part)
    turn.note(f"{state.task}: started for {task.task}")
    for name, given in state.arguments.items():
        value = argument(turn, task, given)
        source: Source = task.slots[given].source if isinstance(given, str) and given in task.slots else "operator"
        part = give_slot(turn, part, name, value, source)
    missing = [name for name in definition.takes if name not in part.slots]
    if missing:
        turn.reject(f"{state.task}: not given {', '.join(missing)}")
        fail(turn, part, "", "not_given")
        return False
    if turn.snapshot.focus == task.task_id:
        turn.change(focus=part.task_id)
    enter(turn, part, definition.initial)
    run(turn, part.task_id)
    return False


def _handoff(turn: Turn, task: TaskInstance, state: Handoff) -> bool:
    if task.waiting:
        return False
    target = state.target or turn.agent.escalation.target
    if target:
        text = turn.text(task, state.text or turn.agent.escalation.text)
        escalate(turn, task, text, target, turn.text(task, state.summary) or turn.named("{tasks}", (task,)))
        return False
    if state.unavailable:
        move(turn, task, state.unavailable, "no human can be reached")
        return True
    fail(turn, task, turn.agent.escalation.unavailable, "handoff_unavailable")
    return False


def _hand_over(turn: Turn, task: TaskInstance, state: HandOver) -> bool:
    if task.waiting:
        return False
    if state.text:
        turn.say(Progress(turn.text(task, state.text)), task.task_id)
    slots = turn.definition(task).slots
    sources = {
        name: given if given != name or name in slots else f"context.{name}" for name, given in state.context.items()
    }
    named = {name: argument(turn, task, given) for name, given in sources.items()}
    payload = {
        "agent": state.agent,
        "task": state.task or "",
        "context": {name: value for name, value in named.items() if value is not None},
        "from_agent": turn.agent.agent,
        "task_id": task.task_id,
        "state": task.state,
        "sensitive": [name for name, given in sources.items() if sensitive(turn, task, given)],
    }
    turn.put(task, waiting=turn.intend(payload, "handover"))
    return False


def _done(turn: Turn, task: TaskInstance, state: Done) -> bool:
    if state.text:
        text = turn.text(task, state.text)
        turn.say(Progress(text) if task.parent else Result(text), task.task_id)
    _end(turn, task, "done", ok=True)
    return False


def _failing(turn: Turn, task: TaskInstance, state: Failing) -> bool:
    fail(turn, task, turn.text(task, state.text or ""), state.reason)
    return False


_ON: dict[type, Callable[[Turn, TaskInstance, Any], bool]] = {
    Collect: _collect,
    Confirm: _confirm,
    Decide: _decide,
    Say: _say,
    Act: _act,
    Reason: _reason,
    SubTask: _sub_task,
    Handoff: _handoff,
    HandOver: _hand_over,
    Done: _done,
    Failing: _failing,
}
