"""Slots: which values an utterance holds, whether they may stand, and where a changed one leads the task."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from fsa_engine.domain.definition import Collect, Slot
from fsa_engine.domain.flow import go, run, say_slot, to_verify
from fsa_engine.domain.moving import move
from fsa_engine.domain.snapshot import SlotValue, Source, TaskInstance
from fsa_engine.domain.template import fill
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.values import read
from fsa_engine.domain.understanding.words import Reading, tokens_of

UNASKED = frozenset({"date", "time", "datetime", "enum", "email", "money"})
"""Types that are recognised where nobody asked for them: money only with its unit."""
_BARE_NUMBERS = frozenset({"integer", "decimal"})
LONGEST_DENIED = 8
"""Words of a value that is denied."""


@dataclass(frozen=True)
class Filled:
    """What became of values. `changed`: had another value before; `refused`: failed a check, now empty."""

    task: TaskInstance
    new: frozenset[str]
    changed: frozenset[str]
    refused: frozenset[str]


def heard(turn: Turn, task: TaskInstance, text: str, expected: str = "") -> dict[str, Any]:
    """Read slots out of an utterance: the expected one in any form, others only where the form is unmistakable."""
    slots = turn.definition(task).slots
    if expected and slots[expected].by_keys:
        expected = ""
    if expected and slots[expected].whole:
        value = value_in(turn, task, expected, text, plain_only=False)
        return {} if value is None else {expected: value}
    replaced = _replaced(turn, task, text)
    if replaced:
        return replaced
    found: dict[str, Any] = {}
    kinds: set[str] = set()
    names = [expected, *(n for n in slots if n != expected)] if expected else list(slots)
    for name in names:
        slot = slots[name]
        if name != expected and not slot.cues and (slot.type not in UNASKED or slot.type in kinds):
            continue
        if slot.by_keys or (slot.sensitive and name != expected) or not may_change(turn, task, name):
            continue
        value = value_in(turn, task, name, text, plain_only=name != expected)
        if value is not None:
            found[name] = value
            if slot.type != "enum":
                kinds.add(slot.type)
    return found


def _replaced(turn: Turn, task: TaskInstance, text: str) -> dict[str, Any]:
    """Read "not ten, eleven": the denied value tells which slot is meant."""
    slots = turn.definition(task).slots
    for name, known in task.slots.items():
        if name in slots and may_change(turn, task, name) and _after_denial(turn, slots[name], text, known.value):
            return {name: value_in(turn, task, name, text, plain_only=False)}
    return {}


def may_change(turn: Turn, task: TaskInstance, name: str) -> bool:
    """Tell whether a slot may change in the state that its task is in, by anyone but a tool."""
    only = getattr(turn.state(task), "may_change", None)
    return turn.definition(task).slots[name].from_ == "caller" and (only is None or name in only)


def value_in(turn: Turn, task: TaskInstance, name: str, text: str, plain_only: bool) -> Any:
    """Return the value that words give for a slot; None for none, and for a choice that was not made."""
    slot = turn.definition(task).slots[name]
    known = task.slots.get(name)
    instead = _after_denial(turn, slot, text, known.value) if known else ""
    text, plain_only = instead or text, plain_only and not instead
    tokens = tokens_of(text)
    readings = [r for r in read(text, slot.shape, turn.setting) if r.plain or not plain_only]
    readings = [r for r in readings if not _denied(tokens, r)]
    if slot.type in _BARE_NUMBERS:
        readings = _own(turn, task, name, text, readings)
    different = {str(r.value) for r in readings}
    if not readings or (len(different) > 1 and "or" in tokens):
        return None
    return readings[-1].value


def _own(turn: Turn, task: TaskInstance, name: str, text: str, readings: list[Reading]) -> list[Reading]:
    """Leave out numbers that belong to another slot by their unit or cue: "three days" is no rating of three."""
    slots = turn.definition(task).slots
    if slots[name].cues and any(r.plain for r in readings):
        return [r for r in readings if r.plain]
    taken: set[int] = set()
    for other, slot in slots.items():
        if other != name and (slot.cues or slot.type in {"money", "duration"}) and slot.from_ == "caller":
            found = read(text, replace(slot.shape, unit=None), turn.setting)
            taken |= {at for r in found if r.plain or slot.type == "duration" for at in range(r.start, r.end)}
    return [r for r in readings if not taken & set(range(r.start, r.end))]


def _after_denial(turn: Turn, slot: Slot, text: str, known: Any) -> str:
    """Return what follows a denied value, "eleven" of "not ten eleven" where ten is known; empty if none is denied.

    Without the comma both would be read as one.
    """
    tokens = tokens_of(text)
    if "not" not in tokens or slot.whole or slot.sensitive:
        return ""
    said = tokens[len(tokens) - tokens[::-1].index("not") :]
    for end in range(1, min(len(said), LONGEST_DENIED)):
        denied = read(" ".join(said[:end]), slot.shape, turn.setting)
        rest = " ".join(said[end:])
        if [r.value for r in denied] == [known] and read(rest, slot.shape, turn.setting):
            return rest
    return ""


def _denied(tokens: tuple[str, ...], reading: Reading) -> bool:
    before = tokens[: reading.start]
    before = before[:-1] if before[-1:] and before[-1] in {"at", "on", "for"} else before
    return before[-1:] == ("not",) and before[-2:-1] != ("why",)


def put_values(turn: Turn, task: TaskInstance, values: Mapping[str, Any], source: Source) -> Filled:
    """Fill slots, then run every check whose slots are all there; a value that fails is taken out again."""
    changed = {n for n, v in values.items() if n in task.slots and task.slots[n].value != v}
    slots = {
        **task.slots,
        **{n: _slot_value(turn, task, n, v, source) for n, v in values.items() if n not in task.slots or n in changed},
    }
    task = turn.put(task, slots=MappingProxyType(slots), verifying=task.verifying and not values)
    refused: set[str] = set()
    for name in turn.definition(task).slots:
        text = _objection(turn, task, name)
        if text:
            refused.add(name)
            turn.instead = turn.instead or turn.text(task, text)
            task = turn.put(task, slots=_without(task, (name,)))
            turn.reject(f"{name}: {text}")
    return Filled(task, frozenset(values) - refused, frozenset(changed) - refused, frozenset(refused))


def _slot_value(turn: Turn, task: TaskInstance, name: str, value: Any, source: Source) -> SlotValue:
    return SlotValue(value, source, sensitive=turn.definition(task).slots[name].sensitive)


def _objection(turn: Turn, task: TaskInstance, name: str) -> str:
    """Return what is to be said against a slot's value; a check whose slots are not all there waits."""
    definition = turn.definition(task)
    if name not in task.slots:
        return ""
    values = turn.values(task)
    for check in definition.slots[name].check:
        rule = definition.rules.compile(check.rule)
        ready = not (rule.names & set(definition.slots)) - set(task.slots)
        if ready and not turn.judge(task, rule, values, f"check of {name}").holds:
            return check.text
    return ""


def _without(task: TaskInstance, names: Iterable[str]) -> Mapping[str, SlotValue]:
    gone = set(names)
    return MappingProxyType({n: v for n, v in task.slots.items() if n not in gone})


def forget(turn: Turn, task: TaskInstance, names: Iterable[str]) -> TaskInstance:
    """Empty slots."""
    return turn.put(task, slots=_without(task, names))


def settle(turn: Turn, filled: Filled, expected: str = "") -> None:
    """Go where the values lead: on from the state that waited for one, or back to the collector of a changed one."""
    task, state = filled.task, turn.state(filled.task)
    back = (filled.changed | filled.refused) - {expected}
    if expected in filled.refused:
        back = back | {expected}
    if back:
        return_to(turn, task, back)
    elif isinstance(state, Collect) and expected in filled.new:
        accept(turn, task, state)
    run(turn, task.task_id)


def accept(turn: Turn, task: TaskInstance, state: Collect) -> None:
    """Go on from a collector that has its value, once the caller has agreed to it where the slot demands that."""
    slot = turn.definition(task).slots[state.slot]
    if to_verify(turn, task, state.slot):
        turn.put(task, verifying=True)
        return
    if slot.confirm == "echo" and not turn.lead:
        echo = fill(turn.agent.texts.echo, lambda name, _: say_slot(turn, task, state.slot))
        turn.lead = echo[:1].upper() + echo[1:]
    go(turn, task, state.edges)


def return_to(turn: Turn, task: TaskInstance, slots: Iterable[str]) -> None:
    """Go back to the first state that collects one of the slots, and on from there if it is filled.

    A collector that still lies ahead is not gone to: what lies in between would be passed over.
    """
    wanted = set(slots)
    behind = turn.definition(task).before[task.state] | {task.state}
    for name, state in turn.definition(task).states.items():
        if isinstance(state, Collect) and state.slot in wanted and name in behind:
            attempts = task.attempts
            if name != task.state or task.waiting:
                task = move(turn, task, name, f"{state.slot} changed")
            task = turn.put(task, asked=False, changing=False, verifying=False, attempts=attempts)
            if state.slot in task.slots:
                accept(turn, task, state)
            return
