"""Values that come from tools and other tasks into slots: taken only in exactly the slot's form."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fsa_engine.domain.rules import untyped
from fsa_engine.domain.snapshot import SlotValue, Source, TaskInstance
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.values import LONGEST_LIST, is_value


def fill_slots(
    turn: Turn, task: TaskInstance, fills: Mapping[str, str], result: Mapping[str, Any], source: Source = "tool"
) -> TaskInstance:
    """Fill slots by expressions over a result; one that gives no usable value is emptied. `source`: who gave it."""
    definition = turn.definition(task)
    values = turn.values(task, result)
    slots = dict(task.slots)
    for name, text in fills.items():
        slot = definition.slots[name]
        rule = definition.rules.compile(text, guard=False)
        verdict = turn.judge(task, rule, values, f"fill {name}", hidden=slot.sensitive)
        value = checked(untyped(verdict.value, slot.type), slot.type, slot.of)
        if value is None:
            slots.pop(name, None)
            turn.reject(f"{name}: the {'tool' if source == 'tool' else 'part'} gave no usable value")
        else:
            slots[name] = SlotValue(value, source, sensitive=slot.sensitive)
    return turn.put(task, slots=MappingProxyType(slots))


def give_slot(turn: Turn, task: TaskInstance, name: str, value: Any, source: Source) -> TaskInstance:
    """Fill one slot with a value from elsewhere, if it has the slot's form."""
    slot = turn.definition(task).slots[name]
    usable = checked(value, slot.type, slot.of)
    if usable is None:
        if value is not None:
            turn.reject(f"{name}: no usable value")
        return task
    return turn.put(
        task, slots=MappingProxyType({**task.slots, name: SlotValue(usable, source, sensitive=slot.sensitive)})
    )


def checked(value: Any, kind: str, of: str = "text") -> Any:
    """Return a value if it has exactly its slot's form, else None; tools are not trusted to keep to theirs."""
    if kind == "list":
        items = value if isinstance(value, list) and len(value) <= LONGEST_LIST else None
        good = None if items is None else [checked(item, of) for item in items]
        return None if good is None or None in good else good
    if not is_value(value, kind):
        return None
    return float(value) if kind in {"decimal", "money"} else value
