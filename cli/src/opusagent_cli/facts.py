"""The log of facts, as lines for people."""

import json
from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import MessageToDict

from opusagent.call.v1.call_pb2 import Channel, EndReason
from opusagent.events.v1 import events_pb2 as events

Line = tuple[str, str]
"""Who, and what happened."""


def describe(event: events.CallEvent) -> Line | None:
    """Return who did what, or None for a fact of no interest to a reader."""
    kind = event.WhichOneof("fact")
    teller = _TELLERS.get(kind or "")
    return teller(getattr(event, kind)) if teller and kind else None


def as_json(event: events.CallEvent) -> str:
    """Return a fact as one line of JSON."""
    body: dict[str, Any] = MessageToDict(event, preserving_proto_field_name=True)
    return json.dumps(body, ensure_ascii=False)


def _short(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", " ")


def _started(fact: events.CallStarted) -> Line:
    channel = _short(Channel.Name(fact.call.channel), "CHANNEL_")
    return "call", f"{'resumed' if fact.call.resumed else 'new'} call over {channel}"


def _ended(fact: events.CallEnded) -> Line:
    reason = _short(EndReason.Name(fact.reason), "END_REASON_")
    return "call", f"ended after {fact.duration_ms / 1000:.0f} s: {reason}"


def _turn(fact: events.TurnTaken) -> Line:
    who = "caller" if fact.speaker == events.SPEAKER_CALLER else "agent"
    took = f"  ({fact.response_ms} ms)" if fact.response_ms else ""
    return who, fact.text + (" —" if fact.interrupted else "") + took


_TELLERS: dict[str, Callable[[Any], Line]] = {
    "call_started": _started,
    "call_reattached": lambda fact: ("call", "telephony reconnected"),
    "socket_lost": lambda fact: ("call", "the socket was lost; waiting for telephony"),
    "call_ended": _ended,
    "turn_taken": _turn,
    "fsa_stepped": lambda fact: ("rules", fact.summary),
    "tool_called": lambda fact: ("tool", f"{fact.tool} {fact.arguments_json}"),
    "tool_returned": lambda fact: ("tool", f"{fact.tool} → {fact.result_json if fact.ok else 'failed'}"),
    "sms_requested": lambda fact: ("sms", f"wanted: {fact.body}"),
    "sms_sent": lambda fact: ("sms", "sent"),
    "sms_failed": lambda fact: ("sms", f"not sent: {fact.reason} {fact.detail}"),
    "sms_received": lambda fact: ("sms", f"received: {fact.body}"),
    "dial_requested": lambda fact: ("call", "dialling the caller"),
    "call_not_placed": lambda fact: ("call", f"could not dial: {fact.reason}"),
    "session_expired": lambda fact: ("call", "saved state expired"),
}
