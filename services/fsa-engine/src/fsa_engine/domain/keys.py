"""DTMF: 1 is yes and 2 is no, a number chooses, digits fill what is made of digits; # ends and * clears an entry.

Where nothing was keyed in, # and * can stand for what the definition says (`key` of an intent transition).
"""

from collections.abc import Callable, Sequence
from functools import partial

from fsa_engine.domain.cancelling import answer_cancel
from fsa_engine.domain.definition import Collect, Confirm, Slot
from fsa_engine.domain.filling import put_values, settle
from fsa_engine.domain.floor import focus, give, goodbye
from fsa_engine.domain.listening import confirm, follow_wishes, not_understood, refused, verify
from fsa_engine.domain.resuming import go_on, start_over
from fsa_engine.domain.snapshot import TaskInstance
from fsa_engine.domain.starting import start
from fsa_engine.domain.turn import Illegal, Turn
from fsa_engine.domain.understanding.values import read

_TYPED = {"digits", "integer", "phone", "time", "date", "money"}


def press(turn: Turn, digit: str) -> None:
    """Take one key. Raises Illegal where no key means anything."""
    task, pending = turn.snapshot.focused, turn.snapshot.pending
    turn.change(silences=0)
    if pending and pending.kind == "cancel":
        answer_cancel(turn, pending, _verdict(digit))
    elif pending:
        _pick(digit, [partial(start, turn, name, pending.words) for name in pending.options])
    elif turn.snapshot.phase == "resuming":
        _resume(turn, digit)
    elif turn.snapshot.phase == "offering_more":
        _offer(turn, digit)
    elif task is not None:
        _press_in_task(turn, task, digit)
        give(turn)
    else:
        raise Illegal("no key is expected here")


def _verdict(digit: str) -> bool:
    if digit not in {"1", "2"}:
        raise Illegal("only 1 (yes) and 2 (no) mean something here")
    return digit == "1"


def _pick(digit: str, choices: Sequence[Callable[[], None]]) -> None:
    if not digit.isdecimal() or not 1 <= int(digit) <= len(choices):
        raise Illegal(f"only 1 to {len(choices)} mean something here")
    choices[int(digit) - 1]()


def _resume(turn: Turn, digit: str) -> None:
    tasks = turn.snapshot.roots
    if len(tasks) > 1:
        _pick(digit, [partial(focus, turn, turn.snapshot.leaf_of(task)) for task in tasks])
    elif _verdict(digit):
        go_on(turn, tasks[0])
    else:
        start_over(turn, tasks[0])


def _offer(turn: Turn, digit: str) -> None:
    if _verdict(digit):
        turn.change(phase="open")
        turn.ask(turn.agent.texts.what_else, "intent")
    else:
        goodbye(turn)


def _press_in_task(turn: Turn, task: TaskInstance, digit: str) -> None:
    state = turn.state(task)
    if _wishes(turn, task, digit):
        return
    if isinstance(state, Confirm):
        verdict = _verdict(digit)
        if task.changing:
            raise Illegal("no yes or no is asked for")
        confirm(turn, task, state, verdict)
        return
    if isinstance(state, Collect) and task.verifying:
        verify(turn, task, state, _verdict(digit))
        return
    slot = turn.definition(task).slots[state.slot] if isinstance(state, Collect) else None
    if slot is None or not isinstance(state, Collect):
        raise Illegal("no key is expected here")
    if slot.type == "yes_no":
        _fill(turn, task, state.slot, _verdict(digit))
    elif slot.type == "enum":
        _pick(digit, [partial(_fill, turn, task, state.slot, name) for name in slot.values])
    elif slot.type in _TYPED or slot.unit:
        _type(turn, task, slot, digit)
    else:
        raise Illegal("this cannot be keyed in")


def _wishes(turn: Turn, task: TaskInstance, digit: str) -> bool:
    """Take a key that stands for what the caller wants; one pressed amid digits is a part of the entry."""
    state = turn.state(task)
    if not isinstance(state, Collect | Confirm) or not task.asked or task.verifying or turn.snapshot.keys:
        return False
    return follow_wishes(turn, task, tuple(edge for edge in state.edges if edge.key == digit))


def _type(turn: Turn, task: TaskInstance, slot: Slot, digit: str) -> None:
    if digit == "*":
        turn.change(keys="")
        return
    if digit == "#":
        submit(turn, task)
        return
    if not digit.isdecimal() or len(turn.snapshot.keys) >= 40:
        raise Illegal("not a digit, or too many of them")
    turn.change(keys=turn.snapshot.keys + digit)
    if slot.type == "digits" and len(turn.snapshot.keys) == slot.max_length:
        submit(turn, task)


def submit(turn: Turn, task: TaskInstance) -> None:
    """Take what was keyed in as the answer."""
    state, keys = turn.state(task), turn.snapshot.keys
    turn.change(keys="")
    if not isinstance(state, Collect) or not keys:
        raise Illegal("nothing was keyed in")
    slot = turn.definition(task).slots[state.slot]
    written = _written(keys, slot.type, turn.setting.month_first)
    readings = read(written, slot.shape, turn.setting)
    if readings:
        _fill(turn, task, state.slot, readings[-1].value)
    else:
        not_understood(turn, task, (written,), keyed=True)


def _written(keys: str, kind: str, month_first: bool) -> str:
    if kind != "date" or len(keys) not in {4, 8}:
        return keys
    return "/".join(part for part in (keys[:2], keys[2:4], keys[4:]) if part)


def _fill(turn: Turn, task: TaskInstance, name: str, value: object) -> None:
    filled = put_values(turn, task, {name: value}, "keys")
    if name in filled.refused:
        refused(turn, filled.task, name)
    else:
        settle(turn, filled, name)
