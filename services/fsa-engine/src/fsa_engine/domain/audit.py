"""What is written down of every step: all that is needed to understand it, and to decide it again.

Sensitive values are masked where they stand (slots, facts, arguments, words in which one may be), and what is long
enough to be looked for is masked in every text besides. The event as it was comes beside the record, to be sealed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import Event
from fsa_engine.domain.secrecy import forms, result_hidden, secret_slots, without_leaks, words_hidden
from fsa_engine.domain.snapshot import Seal, Snapshot, TaskInstance, asdict_frozen
from fsa_engine.domain.turn import MASK, NOT_KEPT, Turn

__all__ = ["MASK", "record", "summary", "view", "with_sealed"]
_SCALARS = frozenset({str, int, float, bool, type(None)})
_WORDS = ("text", "alternatives", "intents", "caller_words", "answer", "digit")
_RESULTS = ("result", "proposal", "thoughts")
_TEXTS = ("decisions", "rejected", "why", "outputs", "rules", "proposal", "scratchpad", "intents")


def record(turn: Turn, before: Snapshot, verdict: str, why: str) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    """Make the audit record of a step, JSON throughout, and its event as it was if that is masked in it."""
    agent, event, after = turn.agent, turn.event, turn.snapshot
    said, confidential = _said(agent, before, event)
    whole: dict[str, Any] = {
        "definition": agent.definition_hash,
        "agent": agent.agent,
        "event": said,
        "before": view(before),
        "after": view(after),
        "rules": turn.rules,
        "decisions": turn.notes,
        "rejected": turn.rejected,
        "verdict": verdict,
        "why": why,
        "outputs": [
            {"kind": type(o.body).__name__, "output_id": o.output_id, "task_id": o.task_id, "body": o.body.__dict__}
            for o in turn.outputs
        ],
        "intents": [_intent(i.intent_id, i.kind, i.payload) for i in turn.intents],
        "settled": turn.settled,
    }
    if turn.proposal is not None:
        whole["proposal"] = MASK if confidential is not None else turn.proposal
    if turn.scratchpad:
        whole["scratchpad"] = turn.scratchpad
    if confidential is not None:
        whole["snapshot"] = masked_snapshot(after)
    plain: dict[str, Any] = _plain(whole)
    hidden = forms((before, after)) if agent.has_secrets else []
    if hidden:
        plain |= {key: _masked(plain[key], hidden) for key in _TEXTS if key in plain}
    return plain, confidential


def with_sealed(
    made: Sequence[Mapping[str, Any]], confidential: Mapping[str, Any] | None, seal: Seal | None
) -> list[dict[str, Any]]:
    """Return a step's audit records with what they mask beside them, sealed; without a seal it is left out."""
    records = [dict(each) for each in made]
    if records and confidential is not None and seal is not None:
        records[0]["sealed"] = seal(orjson.dumps(confidential).decode())
    return records


def _said(agent: Agent, before: Snapshot, event: Event) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    """Show an event, and the whole of it if something had to be hidden."""
    whole = {"kind": type(event).__name__, **{key: _plain(value) for key, value in event.__dict__.items()}}
    if whole.get("thoughts") and not agent.reasoning.keep:
        whole["thoughts"] = NOT_KEPT
    if not agent.has_secrets:
        return whole, None
    said = dict(whole)
    if words_hidden(agent, before, event):
        said |= {key: MASK for key in _WORDS if said.get(key)}
    if result_hidden(agent, before, event):
        said |= {key: MASK for key in _RESULTS if said.get(key)}
    secret = secret_slots(agent)
    for key in ("arguments", "context"):
        if isinstance(said.get(key), dict):
            said[key] = {name: (MASK if name in secret else given) for name, given in said[key].items()}
    for key in ("arguments", "context", "proposal", "thoughts", "result", "error"):
        if said.get(key):
            said[key] = without_leaks(agent, said[key])
    if any(f'"{name}"' in str(said.get("answer", "")) for name in secret):
        said["answer"] = MASK
    hidden = forms((before,))
    if hidden:
        said = {key: _masked(value, hidden) if key in (*_WORDS, *_RESULTS) else value for key, value in said.items()}
    return said, (whole if said != whole else None)


def _intent(intent_id: str, kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Show an intent with its sensitive arguments masked."""
    shown = dict(payload)
    hidden = set(payload.get("sensitive", ()))
    for key in ("arguments", "context"):
        if hidden and isinstance(shown.get(key), Mapping):
            shown[key] = {name: (MASK if name in hidden else given) for name, given in shown[key].items()}
    lookup = shown.get("lookup")
    if lookup and lookup.get("sensitive"):
        given = {n: (MASK if n in lookup["sensitive"] else v) for n, v in lookup["arguments"].items()}
        shown["lookup"] = {**lookup, "arguments": given}
    return {"intent_id": intent_id, "kind": kind, "payload": shown}


def view(snapshot: Snapshot) -> dict[str, Any]:
    """Show a snapshot as the audit does."""
    shown: dict[str, Any] = {
        "phase": snapshot.phase,
        "focus": snapshot.focus,
        "pending": snapshot.pending.kind if snapshot.pending else "",
        "tasks": {task.task_id: _task(task) for task in snapshot.tasks},
    }
    if snapshot.facts:
        shown["facts"] = {
            name: {
                "value": MASK if f.sensitive else f.value,
                "source": f.source,
                "confidence": f.confidence,
                "expires_ms": f.expires_ms,
            }
            for name, f in snapshot.facts.items()
        }
    if snapshot.aside:
        shown["aside"] = {task.task_id: _task(task) for task in snapshot.aside}
    return shown


def _task(task: TaskInstance) -> dict[str, Any]:
    slots = {
        name: {"value": MASK if s.sensitive else s.value, "source": s.source, "confirmed": s.confirmed}
        for name, s in task.slots.items()
    }
    shown = {"task": task.task, "state": task.state, "slots": slots, "waiting": task.waiting}
    return {**shown, "parent": task.parent} if task.parent else shown


def masked_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """Return a whole snapshot as plain JSON with everything sensitive masked, to go on from in a replay."""
    raw: dict[str, Any] = asdict_frozen(snapshot)
    hidden = forms((snapshot,))
    raw["keys"] = ""
    for task in (*raw["tasks"], *raw["aside"]):
        for slot in task["slots"].values():
            if slot["sensitive"]:
                slot["value"] = MASK
        task["held"] = _masked(task["held"], hidden)
    for fact in raw["facts"].values():
        if fact["sensitive"]:
            fact["value"] = MASK
    raw["heard"] = _masked(raw["heard"], hidden)
    return raw


def summary(before: Snapshot, turn: Turn) -> str:
    """Say in a line what happened, without any value."""
    if turn.notes:
        return "; ".join(note.split(" (")[0] for note in turn.notes)
    after = turn.snapshot
    if before.phase != after.phase:
        return f"{before.phase} -> {after.phase}"
    task = after.focused
    return f"still {after.phase}" if task is None else f"still in {task.task}.{task.state}"


def _masked(value: Any, hidden: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in hidden:
            if secret in value:
                value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {key: _masked(item, hidden) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, hidden) for item in value]
    return MASK if not isinstance(value, bool) and value is not None and str(value) in hidden else value


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    # Most of a record, and of its size: plain already but for what is in it.
    if kind is dict:
        return {name if type(name) is str else str(name): _plain(item) for name, item in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(item) for name, item in value.__dict__.items()}
    return str(value)
