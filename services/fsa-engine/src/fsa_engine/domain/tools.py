"""What tools gave back."""

import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from fsa_engine.domain.definition import Act
from fsa_engine.domain.events import ToolReturned
from fsa_engine.domain.flow import follow, move, run
from fsa_engine.domain.outputs import Progress
from fsa_engine.domain.rules import untyped
from fsa_engine.domain.snapshot import SlotValue, TaskInstance
from fsa_engine.domain.turn import Turn

MOST_ITEMS = 20
"""Items of a list that a tool may give."""
LONGEST = 500
"""Characters of a text that a tool may give."""
_ANY = re.compile(r".*", re.DOTALL)
_FORM = {"date": re.compile(r"\d{4}-\d{2}-\d{2}"), "time": re.compile(r"([01]\d|2[0-3]):[0-5]\d")}


def tool_returned(turn: Turn, event: ToolReturned) -> bool:
    """Take a result in; return whether the task went on. One that nobody waits for is settled and otherwise ignored.

    While nobody is on the line it is held, so that the caller is told of it when he is back.
    """
    turn.settled.append(event.intent_id)
    task = next((t for t in turn.snapshot.tasks if t.waiting == event.intent_id), None)
    if task is None:
        turn.reject("no task waits for this result")
        return False
    returned = {"ok": event.ok, "result": dict(event.result), "error": event.error[:500], "unknown": event.unknown}
    if turn.snapshot.phase in {"closing", "closed"}:
        turn.put(task, waiting="", held=returned)
        turn.note(f"{task.task}: result held, nobody is on the line")
        return False
    take_result(turn, task, returned)
    return True


def take_result(turn: Turn, task: TaskInstance, returned: Mapping[str, Any]) -> None:
    """Fill slots from a result and take the state's way out."""
    state = turn.state(task)
    if not isinstance(state, Act):
        turn.put(task, waiting="", held=None)
        run(turn, task.task_id)
        return
    if turn.lead:
        turn.say(Progress(turn.lead), task.task_id)
        turn.lead = ""
    if returned["ok"]:
        result = returned["result"]
        task = _fill(turn, task, state, result)
        follow(turn, task, state.edges, result)
    elif returned["unknown"]:
        move(turn, task, state.unknown or state.failed, "nobody can tell whether the tool acted")
    else:
        move(turn, task, state.failed, f"tool failed: {returned['error']}")
    run(turn, task.task_id)


def _fill(turn: Turn, task: TaskInstance, state: Act, result: Mapping[str, Any]) -> TaskInstance:
    definition = turn.definition(task)
    values = turn.values(task, result)
    slots = dict(task.slots)
    for name, text in state.fill.items():
        slot = definition.slots[name]
        verdict = turn.judge(task, definition.rules.compile(text, guard=False), values, f"fill {name}")
        value = checked(untyped(verdict.value, slot.type), slot.type, slot.of)
        if value is None:
            slots.pop(name, None)
            turn.reject(f"{name}: the tool gave no usable value")
        else:
            slots[name] = SlotValue(value, "tool")
    return turn.put(task, slots=MappingProxyType(slots), waiting="", held=None)


def checked(value: Any, kind: str, of: str = "text") -> Any:
    """Return a tool's value if it has exactly its slot's form, else None; tools are not trusted to keep to theirs."""
    if kind == "list":
        items = value if isinstance(value, list) and len(value) <= MOST_ITEMS else None
        good = None if items is None else [checked(item, of) for item in items]
        return None if good is None or None in good else good
    if kind == "yes_no":
        return value if isinstance(value, bool) else None
    if kind == "integer":
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if kind == "decimal":
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST:
        return None
    return value if _FORM.get(kind, _ANY).fullmatch(value) and (kind != "date" or _is_day(value)) else None


def _is_day(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
