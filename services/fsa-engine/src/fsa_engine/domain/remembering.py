"""Memory over calls of the same caller: facts marked to be remembered, and how tasks came out, for as long as allowed.

The form, which session keeps as it is: `facts` (name to `value`, `source`, `confidence`, `at_ms`) and `history` (list
of `task`, `outcome`, `at_ms`, oldest first), of one agent. What is older than the retention is never read again.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fsa_engine.domain.slotting import checked
from fsa_engine.domain.snapshot import FactValue
from fsa_engine.domain.turn import Turn

_DAY_MS = 86_400_000
_SOURCES = {"caller", "keys", "model", "tool", "operator"}


def recall(turn: Turn, memory: Mapping[str, Any]) -> None:
    """Take in what is remembered of a caller, as far as it is well-formed, declared and young enough."""
    if not turn.agent.memory.retention_days:
        return
    since = turn.event.at_ms - round(turn.agent.memory.retention_days * _DAY_MS)
    facts, history = memory.get("facts"), memory.get("history")
    known = {name: fact for name, raw in _items(facts) if (fact := _fact(turn, name, raw, since)) is not None}
    past = [dict(entry) for entry in history if _is_entry(entry, since)] if isinstance(history, list) else []
    kept = past[-turn.agent.memory.history :] if turn.agent.memory.history else []
    turn.change(facts=MappingProxyType({**turn.snapshot.facts, **known}), memory=MappingProxyType({"history": kept}))


def _items(facts: Any) -> list[tuple[str, Any]]:
    return list(facts.items())[:200] if isinstance(facts, Mapping) else []


def _fact(turn: Turn, name: str, raw: Any, since: int) -> FactValue | None:
    declared = turn.agent.context.get(name)
    if declared is None or not declared.remember or not isinstance(raw, Mapping):
        return None
    value, at_ms, confidence = checked(raw.get("value"), declared.type), raw.get("at_ms"), raw.get("confidence")
    if value is None or not isinstance(at_ms, int) or at_ms < since or raw.get("source") not in _SOURCES:
        return None
    expires = at_ms + int(declared.ttl_minutes * 60_000) if declared.ttl_minutes else 0
    sure = float(confidence) if isinstance(confidence, int | float) else 0.0
    return FactValue(value, raw["source"], sure, at_ms, expires)


def _is_entry(entry: Any, since: int) -> bool:
    return (
        isinstance(entry, Mapping)
        and isinstance(entry.get("task"), str)
        and isinstance(entry.get("outcome"), str)
        and isinstance(entry.get("at_ms"), int)
        and entry["at_ms"] >= since
    )


def record(turn: Turn) -> None:
    """Write down how tasks came out in this step."""
    policy = turn.agent.memory
    if not turn.ended or not policy.retention_days:
        return
    came = [{"task": name, "outcome": outcome, "at_ms": turn.event.at_ms} for name, outcome in turn.ended]
    history = [*turn.snapshot.memory.get("history", []), *came]
    kept = history[-policy.history :] if policy.history else []
    turn.change(memory=MappingProxyType({"history": kept}))


def to_keep(turn: Turn, before_facts: Mapping[str, FactValue], before_memory: Mapping[str, Any]) -> Any:
    """Return what is to be kept of the caller; None if nothing of it changed."""
    after = turn.snapshot
    if not turn.agent.memory.retention_days or (after.facts is before_facts and after.memory is before_memory):
        return None
    facts = {
        name: {"value": f.value, "source": f.source, "confidence": f.confidence, "at_ms": f.at_ms}
        for name, f in after.facts.items()
        if name in turn.agent.context and turn.agent.context[name].remember
    }
    return {"facts": facts, "history": list(after.memory.get("history", []))}
