"""What is written down of every step. Values of sensitive slots are masked wherever they occur."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from fsa_engine.domain.definition import Agent, Collect
from fsa_engine.domain.events import Event
from fsa_engine.domain.snapshot import Seal, Snapshot, asdict_frozen
from fsa_engine.domain.turn import Turn

MASK = "***"
_WORDS = ("text", "alternatives", "caller_words", "answer", "arguments", "digit")


def record(turn: Turn, before: Snapshot, verdict: str, why: str) -> dict[str, Any]:
    """Make the audit record of a step; JSON throughout."""
    agent, event, after = turn.agent, turn.event, turn.snapshot
    hidden = _hidden(agent, before) | _hidden(agent, after)
    said = _said(agent, before, event)
    whole = {
        "definition": agent.definition_hash,
        "agent": agent.agent,
        "event": {"kind": type(event).__name__, **said},
        "before": view(before),
        "after": view(after),
        "rules": turn.rules,
        "decisions": turn.notes,
        "rejected": turn.rejected,
        "verdict": verdict,
        "why": why,
        "outputs": [{"kind": type(o.body).__name__, **asdict_frozen(o)} for o in turn.outputs],
        "intents": [asdict_frozen(i) for i in turn.intents],
        "settled": list(turn.settled),
    }
    plain: dict[str, Any] = _plain(whole)
    return _masked(plain, sorted(hidden, key=len, reverse=True)) if hidden else plain


def _said(agent: Agent, before: Snapshot, event: Event) -> dict[str, Any]:
    """Show an event; where a secret may be in it that is no slot's value (yet), its words are hidden whole."""
    said: dict[str, Any] = asdict_frozen(event)
    secret = {name for task in agent.tasks.values() for name, slot in task.slots.items() if slot.sensitive}
    if _sensitive_state(agent, before) or any(name in str(said.get("answer", "")) for name in secret):
        said = {key: (MASK if key in _WORDS else value) for key, value in said.items()}
    if isinstance(said.get("arguments"), dict):
        said["arguments"] = {name: (MASK if name in secret else given) for name, given in said["arguments"].items()}
    return said


def with_sealed(
    made_audit: Sequence[Mapping[str, Any]], confidential: Mapping[str, Any] | None, seal: Seal | None
) -> list[dict[str, Any]]:
    """Return a step's audit records with what they mask beside them, sealed; without a seal it is left out."""
    records = [dict(record) for record in made_audit]
    if records and confidential is not None and seal is not None:
        records[0]["sealed"] = seal(orjson.dumps(_plain(confidential)).decode())
    return records


def view(snapshot: Snapshot) -> dict[str, Any]:
    """Show a snapshot as the audit does."""
    tasks = {
        t.task_id: {
            "task": t.task,
            "state": t.state,
            "slots": {n: {"value": s.value, "source": s.source, "confirmed": s.confirmed} for n, s in t.slots.items()},
            "waiting": t.waiting,
        }
        for t in snapshot.tasks
    }
    pending = snapshot.pending.kind if snapshot.pending else ""
    return {"phase": snapshot.phase, "focus": snapshot.focus, "pending": pending, "tasks": tasks}


def summary(before: Snapshot, turn: Turn) -> str:
    """Say in a line what happened, without any value."""
    if turn.notes:
        return "; ".join(note.split(" (")[0] for note in turn.notes)
    after = turn.snapshot
    return f"{before.phase} -> {after.phase}" if before.phase != after.phase else f"{type(turn.event).__name__}: stays"


def _sensitive_state(agent: Agent, snapshot: Snapshot) -> bool:
    task = snapshot.focused
    definition = agent.tasks.get(task.task) if task else None
    state = definition.states.get(task.state) if definition and task else None
    return bool(definition and isinstance(state, Collect) and definition.slots[state.slot].sensitive)


def _hidden(agent: Agent, snapshot: Snapshot) -> set[str]:
    """Return every form in which a sensitive value could stand in a text."""
    found: set[str] = {snapshot.keys} if _sensitive_state(agent, snapshot) else set()
    for task in snapshot.tasks:
        slots = agent.tasks[task.task].slots if task.task in agent.tasks else {}
        for name, filled in task.slots.items():
            if name in slots and slots[name].sensitive:
                found |= {str(filled.value), " ".join(str(filled.value))}
                if slots[name].type not in {"date", "time", "list"}:
                    found.add(str(filled.value).replace("_", " "))
    return {text for text in found if text}


def _masked(value: Any, hidden: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {key: _masked(item, hidden) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, hidden) for item in value]
    return MASK if not isinstance(value, bool) and value is not None and str(value) in hidden else value


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)
