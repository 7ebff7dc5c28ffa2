"""Items of the engine's inbox, translated to events of the core. Nothing is decided here."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import orjson

from chassis import tracing, unknown
from chassis.bus import Headers
from chassis.heads import Gate
from chassis.logging import get_logger
from fsa_engine.adapters.line_post import Line
from fsa_engine.conversations import Conversations
from fsa_engine.domain import events
from fsa_engine.jobs import Announced, Job
from opusagent.call.v1.call_pb2 import Channel, EndReason, TransferOutcome
from opusagent.fsa.v1.fsa_pb2 import TurnBegin
from opusagent.media.v1.inbox_pb2 import SENDER_RELAY, FsaInbox, FsaItem

SERVICE = "fsa-engine"
Translate = Callable[[FsaItem], events.Event | None]
_log = get_logger(__name__)


class InboxReader:
    """Takes inbox records; what is news goes to the conversation of its session."""

    def __init__(self, conversations: Conversations, gate: Gate) -> None:
        self._conversations = conversations
        self._gate = gate

    def __call__(self, record: bytes, headers: Headers) -> None:
        """Take one record; never raises for what it holds."""
        inbox = unknown.parse(FsaInbox, record, SERVICE)
        trace = tracing.extract(headers)
        for item in inbox.items if inbox is not None else ():
            task = self._task(item)
            if isinstance(task, Job):
                self._conversations.submit(item.session_id, replace(task, trace=trace))
            elif task is not None:
                self._conversations.attend(item.session_id, replace(task, trace=trace))

    def _task(self, item: FsaItem) -> Job | Announced | None:
        body = unknown.body(item, SERVICE)
        if body is None or not self._gate.admit(item.head):
            return None
        if not item.session_id or not item.event_id:
            unknown.GARBAGE.labels(SERVICE, "FsaItem").inc()
            return None
        line = Line.of(item.head.call_id, item.route)
        event = EVENTS[body](item)
        if event is None:
            return Announced(line)
        return Job(
            event=event,
            line=line,
            answer=item.head.sender == SENDER_RELAY,
            plan_styles=tuple(item.plan.styles) if body == "plan" else None,
            sealed=item.key.sealed,
        )


def _who(item: FsaItem) -> dict[str, Any]:
    return {"event_id": item.event_id, "at_ms": item.occurred_at_ms}


def _plan(item: FsaItem) -> events.Event:
    call = item.plan.call
    return events.Opened(
        **_who(item),
        call_id=item.head.call_id,
        caller=call.caller,
        callee=call.callee,
        channel=Channel.Name(call.channel).removeprefix("CHANNEL_").lower(),
        resumed=call.resumed,
    )


def _utterance(item: FsaItem) -> events.Event:
    heard = item.utterance
    return events.Utterance(
        **_who(item),
        **_begun(heard.begin),
        text=heard.text,
        alternatives=tuple(heard.alternatives),
        started_ms=heard.started_ms,
    )


def _begun(begin: TurnBegin) -> dict[str, Any]:
    return {"turn_started_ms": begin.began_at_ms, "before_question": begin.before_question}


def _start(item: FsaItem) -> events.Event:
    asked = item.start
    who = {**_who(item), **_begun(asked.begin)}
    arguments = _json_object(asked.arguments_json)
    return events.StartTask(**who, task=asked.task, arguments=arguments, caller_words=asked.caller_words)


def _answer(item: FsaItem) -> events.Event:
    given = item.answer
    who = {**_who(item), **_begun(given.begin)}
    return events.AnswerTask(**who, task_id=given.task_id, answer=given.answer, caller_words=given.caller_words)


def _cancel(item: FsaItem) -> events.Event:
    who = {**_who(item), **_begun(item.cancel.begin)}
    return events.CancelTask(**who, task_id=item.cancel.task_id, caller_words=item.cancel.caller_words)


def _key(item: FsaItem) -> events.Event:
    return events.KeyPressed(**_who(item), digit=item.key.digit)


def _no_input(item: FsaItem) -> events.Event:
    return events.NoInput(**_who(item))


def _closed(item: FsaItem) -> events.Event:
    reason = item.closed.reason
    known = EndReason.Name(reason) if reason in EndReason.values() else "END_REASON_UNSPECIFIED"
    return events.CallClosed(**_who(item), reason=known.removeprefix("END_REASON_").lower())


def _transferred(item: FsaItem) -> events.Event:
    outcome = _OUTCOMES.get(item.transferred.outcome, "failed")
    return events.TransferReturned(**_who(item), outcome=outcome, detail=item.transferred.detail)


def _opened(_: FsaItem) -> None:
    """The gateway's announcement, no event: the conversation begins with the relay's plan request."""


def _json_object(text: str) -> Mapping[str, Any]:
    """Return a model's arguments; what is no JSON object proposes nothing."""
    try:
        value = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, dict):
        return value
    _log.warning("a model's arguments are no JSON object")
    return {}


_OUTCOMES: dict[TransferOutcome, Literal["answered", "busy", "no_answer", "failed"]] = {
    TransferOutcome.TRANSFER_OUTCOME_ANSWERED: "answered",
    TransferOutcome.TRANSFER_OUTCOME_BUSY: "busy",
    TransferOutcome.TRANSFER_OUTCOME_NO_ANSWER: "no_answer",
}

EVENTS: dict[str, Translate] = {
    "opened": _opened,
    "plan": _plan,
    "utterance": _utterance,
    "key": _key,
    "start": _start,
    "answer": _answer,
    "cancel": _cancel,
    "no_input": _no_input,
    "closed": _closed,
    "transferred": _transferred,
}
