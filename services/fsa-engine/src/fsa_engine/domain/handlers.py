"""What each kind of event leads to: the table at the end is the core's table of contents."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from fsa_engine.domain import keys, proposing
from fsa_engine.domain.conversing import hear, silence
from fsa_engine.domain.events import (
    AnswerTask,
    CallClosed,
    CancelTask,
    Delivered,
    HandedOver,
    KeyPressed,
    NoInput,
    Opened,
    ReasoningReturned,
    StartTask,
    TimePassed,
    ToolProgressed,
    ToolReturned,
    TransferReturned,
    Utterance,
)
from fsa_engine.domain.floor import give
from fsa_engine.domain.handing import handed_off, handed_over, transfer_returned
from fsa_engine.domain.offering import is_offered
from fsa_engine.domain.outputs import Progress
from fsa_engine.domain.remembering import recall
from fsa_engine.domain.resuming import open_call
from fsa_engine.domain.secrecy import words_hidden
from fsa_engine.domain.slotting import checked
from fsa_engine.domain.snapshot import CallFacts, SlotValue, TaskInstance
from fsa_engine.domain.timing import time_is_up
from fsa_engine.domain.tools import reasoning_returned, tool_returned
from fsa_engine.domain.turn import MASK, Illegal, Turn

REMEMBERED_WORDS = 5
"""The caller's last utterances that a reasoning model may see."""
LONGEST_WORDS = 300


def _on_call(turn: Turn) -> None:
    phase = turn.snapshot.phase
    if phase == "greeting":
        raise Illegal("no call was opened")
    if turn.snapshot.transfer is not None:
        raise Illegal("a human is being called")
    if phase in {"closing", "closed"}:
        raise Illegal("the conversation is over")


def _too_late(turn: Turn) -> bool:
    """Tell whether time was faster than the event: then the limit is what happens, and the words are no answer."""
    if not time_is_up(turn):
        return False
    turn.reject("it came after the state's time limit")
    give(turn)
    return True


def _remember(turn: Turn, words: str) -> None:
    """Keep the caller's words for reasoning, unless a secret may be among them."""
    if words and not words_hidden(turn.agent, turn.snapshot, turn.event):
        turn.change(heard=(*turn.snapshot.heard, words[:LONGEST_WORDS])[-REMEMBERED_WORDS:])


def _opened(turn: Turn, event: Opened) -> None:
    facts = turn.snapshot.call
    if facts.call_id == event.call_id and turn.snapshot.phase not in {"greeting", "closed"}:
        raise Illegal("this call is open already")
    if not event.resumed:
        turn.change(facts=MappingProxyType({}))
    turn.change(
        call=CallFacts(event.call_id, event.caller, event.callee, event.channel),
        definition_hash=turn.agent.definition_hash,
    )
    recall(turn, event.memory)
    adopt(turn)
    open_call(turn, event)


def adopt(turn: Turn) -> None:
    """Fit tasks that another version of the definition began: what no longer exists falls away."""
    kept: list[TaskInstance] = []
    for task in (*turn.snapshot.tasks, *turn.snapshot.aside):
        definition = turn.agent.tasks.get(task.task)
        if definition is None:
            turn.note(f"{task.task}: no longer defined, dropped")
            continue
        slots = {n: fitted for n, s in task.slots.items() if (fitted := _fitted(turn, task, n, s)) is not None}
        fitted_task = replace(task, slots=MappingProxyType(slots), asked=False, changing=False, verifying=False)
        if task.state not in definition.states:
            turn.note(f"{task.task}: state {task.state} no longer defined, begins anew")
            fitted_task = replace(fitted_task, state=definition.initial, waiting="", held=None)
        kept.append(fitted_task)
    turn.change(tasks=_related(kept), aside=(), definition_hash=turn.agent.definition_hash)


def _fitted(turn: Turn, task: TaskInstance, name: str, value: SlotValue) -> SlotValue | None:
    """Return a slot's value if the definition still has such a slot, and of its type."""
    slot = turn.agent.tasks[task.task].slots.get(name)
    replayed = turn.recorded is not None and value.value == MASK
    if slot is None or (checked(value.value, slot.type, slot.of) is None and not replayed):
        return None
    return replace(value, sensitive=slot.sensitive)


def _related(tasks: list[TaskInstance]) -> tuple[TaskInstance, ...]:
    """Let go of parts without a whole; a whole without its part begins it again."""
    ids = {task.task_id for task in tasks}
    tasks = [task for task in tasks if not task.parent or task.parent in ids]
    parents = {task.parent: task.task_id for task in tasks if task.parent}
    of_parts = {task.task_id: parents.get(task.task_id, "") for task in tasks}
    return tuple(
        replace(task, waiting="") if _is_part_id(task.waiting) and of_parts[task.task_id] != task.waiting else task
        for task in tasks
    )


def _is_part_id(waiting: str) -> bool:
    return waiting[:1] == "t" and waiting[1:].isdecimal()


def _utterance(turn: Turn, event: Utterance) -> None:
    _on_call(turn)
    if not _too_late(turn):
        _remember(turn, event.text)
        hear(turn, event)


def _key(turn: Turn, event: KeyPressed) -> None:
    _on_call(turn)
    if len(event.digit) != 1 or event.digit not in "0123456789*#ABCD":
        raise Illegal("not a key")
    if not _too_late(turn):
        keys.press(turn, event.digit)


def _no_input(turn: Turn, event: NoInput) -> None:
    _on_call(turn)
    if _too_late(turn):
        return
    task = turn.snapshot.focused
    if turn.snapshot.keys and task is not None:
        keys.submit(turn, task)
        give(turn)
    else:
        silence(turn)


def _offered(turn: Turn, event: StartTask | AnswerTask | CancelTask) -> None:
    if not is_offered(turn.agent, turn.snapshot, event):
        raise Illegal("the model may not call that in this state")


def _start(turn: Turn, event: StartTask) -> None:
    _on_call(turn)
    _offered(turn, event)
    _remember(turn, event.caller_words)
    proposing.start_task(turn, event)


def _answer(turn: Turn, event: AnswerTask) -> None:
    _on_call(turn)
    _offered(turn, event)
    if not _too_late(turn):
        _remember(turn, event.caller_words)
        proposing.answer(turn, event)


def _cancel(turn: Turn, event: CancelTask) -> None:
    _on_call(turn)
    if event.by_model:
        _offered(turn, event)
    proposing.cancel(turn, event)


def _tool(turn: Turn, event: ToolReturned) -> None:
    time_is_up(turn)
    if tool_returned(turn, event):
        give(turn)


def _tool_progress(turn: Turn, event: ToolProgressed) -> None:
    _on_call(turn)
    task = next((task for task in turn.snapshot.tasks if task.waiting == event.intent_id), None)
    if task is None or not turn.has_floor(task):
        raise Illegal("nobody waits to hear of this tool")
    turn.say(Progress(turn.agent.texts.still_working), task.task_id)


def _reasoning(turn: Turn, event: ReasoningReturned) -> None:
    time_is_up(turn)
    if reasoning_returned(turn, event):
        give(turn)


def _time(turn: Turn, event: TimePassed) -> None:
    _on_call(turn)
    if not turn.snapshot.tasks:
        raise Illegal("nothing waits for time to pass")
    time_is_up(turn)
    give(turn)


def _closed(turn: Turn, event: CallClosed) -> None:
    if turn.snapshot.phase in {"greeting", "closed"}:
        raise Illegal("no call is open")
    turn.note(f"call closed: {event.reason[:100]}")
    if turn.snapshot.transfer is not None:
        handed_off(turn)
    turn.change(phase="closed", pending=None, keys="", heard=())


def _delivered(turn: Turn, event: Delivered) -> None:
    return


HANDLERS: dict[type, Callable[[Turn, Any], None]] = {
    Opened: _opened,
    Utterance: _utterance,
    KeyPressed: _key,
    NoInput: _no_input,
    StartTask: _start,
    AnswerTask: _answer,
    CancelTask: _cancel,
    ToolReturned: _tool,
    ToolProgressed: _tool_progress,
    ReasoningReturned: _reasoning,
    TransferReturned: transfer_returned,
    HandedOver: handed_over,
    TimePassed: _time,
    CallClosed: _closed,
    Delivered: _delivered,
}
