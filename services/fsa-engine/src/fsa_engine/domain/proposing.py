"""What a model asks for. It may propose values and tasks; a confirmation it can never give: that takes the caller."""

from collections.abc import Mapping
from typing import Any

from fsa_engine.domain.cancelling import answer_cancel, ask_to_cancel
from fsa_engine.domain.conversing import hear
from fsa_engine.domain.definition import Collect, Confirm
from fsa_engine.domain.events import AnswerTask, CancelTask, StartTask, Utterance
from fsa_engine.domain.filling import heard, may_change, put_values, settle
from fsa_engine.domain.floor import give, is_writing, put_question
from fsa_engine.domain.listening import not_understood
from fsa_engine.domain.outputs import Ask, Progress, Steer
from fsa_engine.domain.snapshot import TaskInstance
from fsa_engine.domain.starting import start
from fsa_engine.domain.turn import Illegal, Turn
from fsa_engine.domain.understanding.answers import yes_or_no
from fsa_engine.domain.understanding.values import proposals, proposed
from fsa_engine.domain.understanding.words import tokens_of

OWN_WORDS = "The caller must say it in their own words. Ask again and pass on what they say."


def start_task(turn: Turn, event: StartTask) -> None:
    """Start a task with the proposals that may stand. Raises Illegal for a task that does not exist."""
    if event.task not in turn.agent.tasks or turn.agent.tasks[event.task].internal:
        raise Illegal(f"there is no task {event.task!r}")
    start(turn, event.task, event.caller_words)
    root = next((t for t in turn.snapshot.roots if t.task == event.task), None)
    task = turn.snapshot.leaf_of(root) if root else None
    if task is not None and not task.waiting and not task.queued and task.task == event.task:
        _propose(turn, task, event.arguments, event.caller_words)
        give(turn)
    _last_questions_only(turn)


def may_propose(turn: Turn, task: TaskInstance, name: str) -> bool:
    """Tell whether a model may propose a slot's value in the state that its task is in."""
    only = getattr(turn.state(task), "proposals", None)
    return may_change(turn, task, name) and (only is None or name in only)


def _last_questions_only(turn: Turn) -> None:
    """A task that was started and then given values has asked twice: only its last question counts."""
    asks = [i for i, output in enumerate(turn.outputs) if isinstance(output.body, Ask)]
    turn.outputs = [output for i, output in enumerate(turn.outputs) if i not in asks[:-1]]


def _propose(turn: Turn, task: TaskInstance, arguments: Mapping[str, Any], words: str) -> bool:
    """Fill slots with what a model proposes where it parses, passes its checks and may come from a model."""
    values = {}
    slots = turn.definition(task).slots
    # In the order that the record keeps, so that a replay goes the same way.
    for name, given in sorted(arguments.items())[:50]:
        slot = slots.get(name)
        if slot is None or slot.by_keys or not may_propose(turn, task, name):
            turn.reject(f"{name}: not a slot that may be proposed here")
            continue
        value = proposed(given, slot.shape, turn.setting)
        if value is None:
            turn.reject(f"{name}: not a {slot.type}")
        elif slot.own_words and heard(turn, task, words, name).get(name) != value:
            turn.reject(f"{name}: only in the caller's own words")
            turn.say(Steer(OWN_WORDS), task.task_id)
        elif name not in task.slots or task.slots[name].value != value:
            values[name] = value
    if values and is_writing(turn, task):
        turn.reject("a tool that cannot be taken back is at work")
        return False
    if values:
        state = turn.state(task)
        settle(turn, put_values(turn, task, values, "model"), state.slot if isinstance(state, Collect) else "")
    return bool(values)


def answer(turn: Turn, event: AnswerTask) -> None:
    """Take an answer to a task's question. Raises Illegal if the task is not open."""
    task = turn.task(event.task_id)
    if task is None:
        raise Illegal(f"task {event.task_id!r} is not open")
    words = _own_words(turn, task, event)
    pending = turn.snapshot.pending
    if pending and pending.kind == "cancel" and pending.task_id == turn.snapshot.root_of(task).task_id:
        answer_cancel(turn, pending, yes_or_no(tokens_of(words)))
        return
    turn.change(phase="open", focus=task.task_id, pending=None, silences=0)
    if not _answered(turn, task, event, words):
        current = turn.task(task.task_id)
        if current is not None:
            not_understood(turn, current, (words, event.answer))
    give(turn)


def _own_words(turn: Turn, task: TaskInstance, event: AnswerTask) -> str:
    """Return the caller's words if they are an answer: to the question put last, and said after it, as far as known."""
    if event.caller_words and _asked_elsewhere(turn, task):
        turn.reject("the caller was asked something else")
        return ""
    if event.caller_words and turn.stale(task):
        turn.reject("the caller's words are from before the question")
        return ""
    return event.caller_words


def _asked_elsewhere(turn: Turn, task: TaskInstance) -> bool:
    """Tell whether the question put last is another one than this task's."""
    pending = turn.snapshot.pending
    if pending is None:
        return turn.snapshot.focus != task.task_id
    return pending.kind != "cancel" or pending.task_id != turn.snapshot.root_of(task).task_id


def _answered(turn: Turn, task: TaskInstance, event: AnswerTask, words: str) -> bool:
    state = turn.state(task)
    if is_writing(turn, task):
        turn.reject("a tool that cannot be taken back is at work")
        turn.say(Progress(turn.agent.texts.still_working), task.task_id)
        return True
    values = proposals(event.answer)
    if values is None and isinstance(state, Collect) and not task.verifying:
        values = {state.slot: event.answer} if event.answer else {}
    if values and _propose(turn, task, values, words):
        return True
    if tokens_of(words):
        hear(turn, Utterance(event_id=event.event_id, at_ms=event.at_ms, text=words))
        return True
    if isinstance(state, Confirm) or task.verifying:
        turn.reject("a confirmation takes the caller's own words")
        turn.say(Steer(OWN_WORDS), task.task_id)
        put_question(turn)
        return True
    return False


def cancel(turn: Turn, event: CancelTask) -> None:
    """Give a task up, after asking the caller if work would be lost. Raises Illegal if the task is not open."""
    task = turn.task(event.task_id)
    if task is None:
        raise Illegal(f"task {event.task_id!r} is not open")
    ask_to_cancel(turn, task)
