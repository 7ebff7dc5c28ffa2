"""A step for people: what happened, what was proposed, which rules said what, and what followed."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from opusagent_cli.audit.log import LoggedStep

LONGEST = 160
_SAID = {
    "Utterance": "text",
    "KeyPressed": "digit",
    "StartTask": "task",
    "AnswerTask": "answer",
    "CancelTask": "task_id",
}
"""What says most of an event, by its kind."""
_HEAD = ("kind", "event_id", "at_ms")


def record_of(step: LoggedStep) -> dict[str, Any]:
    """Return a step's record; an empty one where it is no JSON any more."""
    try:
        record = json.loads(step.record_json)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def tell(step: LoggedStep) -> Iterator[tuple[str, str]]:
    """Yield what a step was, as (what, words)."""
    record = record_of(step)
    if not record:
        yield "broken", "the record cannot be read"
        return
    yield "event", happened(record.get("event", {}))
    yield from (("rule", line) for line in rules(record))
    for thought in thoughts(record):
        yield "thought", thought
    yield from (("decided", str(note)) for note in record.get("decisions", ()))
    yield from (("refused", str(note)) for note in record.get("rejected", ()))
    for output in record.get("outputs", ()):
        yield "output", _output(output)
    for intent in record.get("intents", ()):
        yield "intent", _intent(intent)
    why = f": {record['why']}" if record.get("why") else ""
    yield "verdict", f"{record.get('verdict', '?')}{why}{_now(record)}"


def when(at_ms: int) -> str:
    """Return a time to the millisecond, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def happened(event: Mapping[str, Any]) -> str:
    """Say what the event was; a proposal of a model is shown with the caller's own words beside it."""
    kind = str(event.get("kind", "?"))
    said = event.get(_SAID.get(kind, ""))
    head = f"{kind} {_short(said)}" if said is not None else kind
    rest = {key: value for key, value in event.items() if key not in (*_HEAD, _SAID.get(kind, "")) and value}
    return " ".join([head, *(f"{key}={_short(value)}" for key, value in rest.items())])


def rules(record: Mapping[str, Any]) -> Iterator[str]:
    """Say of each rule of a step what it was for and what it gave, or why it was not asked."""
    names = {
        task_id: str(task.get("task", task_id))
        for view in (record.get("before") or {}, record.get("after") or {})
        for task_id, task in (view.get("tasks") or {}).items()
    }
    for entry in record.get("rules", ()):
        task = str(entry.get("task", ""))
        where = f"{names.get(task, task)}.{entry.get('state', '')} " if task else ""
        yield where + _rule(entry)


def _rule(entry: Mapping[str, Any]) -> str:
    if entry.get("rule") == "intent":
        return f"words mean {entry.get('for')}, by {_compared(entry)}"
    text = f"{entry.get('for', '')}: {entry.get('rule') or 'always'}"
    if "skipped" in entry:
        return f"{text} — not asked: {entry['skipped']}"
    error = f" (error: {entry['error']})" if entry.get("error") else ""
    return f"{text} = {_short(entry.get('value'))}{error}"


def _compared(entry: Mapping[str, Any]) -> str:
    """Say what words were like: the phrases of which labels, by the words in common or by their meaning."""
    alike = ", ".join(f"{label} {score}" for label, score in (entry.get("value") or ()) if score)
    by = "likeness of meaning" if entry.get("by") == "embedding" else "words in common"
    return f"{by}: {alike}" if alike else by


def thoughts(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a model proposed and thought in a step."""
    if record.get("proposal"):
        yield f"proposal {_short(record['proposal'])}"
    scratchpad = record.get("scratchpad") or ()
    for thought in [scratchpad] if isinstance(scratchpad, str) else scratchpad:
        yield str(thought.get("text", thought) if isinstance(thought, Mapping) else thought)


def _output(output: Mapping[str, Any]) -> str:
    body = output.get("body") or {}
    text = body.get("text") or body.get("target") or ""
    return f"{output.get('kind', '?')} {_short(text) if text else ''}".rstrip()


def _intent(intent: Mapping[str, Any]) -> str:
    payload = intent.get("payload") or {}
    what = payload.get("tool") or intent.get("kind", "?")
    return f"{what} {_short(payload.get('arguments', {}))} as {intent.get('intent_id', '?')}"


def _now(record: Mapping[str, Any]) -> str:
    after = record.get("after") or {}
    tasks = [f"{task.get('task')}.{task.get('state')}" for task in (after.get("tasks") or {}).values()]
    return f"; now {after.get('phase', '?')}" + (f", {', '.join(tasks)}" if tasks else "")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
