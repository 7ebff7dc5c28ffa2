"""Facts as entries of a timeline."""

from collections.abc import Callable
from typing import Any

from opusagent.call.v1.call_pb2 import EndReason, TransferOutcome
from opusagent.events.v1 import events_pb2 as events

Telling = tuple[str, str, str]
"""Who, what, and the kind of entry."""


def tell(event: events.CallEvent) -> Telling | None:
    """How a fact reads; None for one that the caller's own ears tell better, or that says nothing to people."""
    kind = event.WhichOneof("fact")
    teller = _TELLERS.get(kind or "")
    if teller is None or not kind:
        return None
    told = teller(getattr(event, kind))
    # What `opusagent audit` and `replay` want to know.
    return (told[0], f"{told[1]}, session {event.session_id}", told[2]) if told and kind == "call_started" else told


def _turn(fact: events.TurnTaken) -> Telling | None:
    return ("caller", fact.text, "recognised") if fact.speaker == events.SPEAKER_CALLER else None


def _ended(fact: events.CallEnded) -> Telling:
    if fact.reason == EndReason.END_REASON_TRANSFERRED:
        return "call", "ended for the agent: transferred to a human", "call"
    reason = EndReason.Name(fact.reason).removeprefix("END_REASON_").lower().replace("_", " ")
    return "call", f"ended: {reason}", "call"


def _transferred(fact: events.TransferEnded) -> Telling:
    if fact.outcome == TransferOutcome.TRANSFER_OUTCOME_ANSWERED:
        return "call", "the human took the call", "call"
    outcome = TransferOutcome.Name(fact.outcome).removeprefix("TRANSFER_OUTCOME_").lower().replace("_", " ")
    return "call", f"the human did not take the call ({outcome}); the caller is back", "call"


def _returned(fact: events.ToolReturned) -> Telling:
    return "tool", f"{fact.tool} -> {fact.result_json if fact.ok else 'failed'}", "tool"


_TELLERS: dict[str, Callable[[Any], Telling | None]] = {
    "call_started": lambda fact: ("call", "resumed" if fact.call.resumed else "new", "call"),
    "call_reattached": lambda _: ("call", "telephony reconnected", "call"),
    "socket_lost": lambda _: ("call", "socket lost", "call"),
    "call_ended": _ended,
    "transfer_started": lambda fact: ("call", f"a human is being called: {fact.target}", "call"),
    "transfer_ended": _transferred,
    "turn_taken": _turn,
    "fsa_stepped": lambda fact: ("rules", fact.summary, "state") if fact.summary else None,
    "tool_called": lambda fact: ("tool", f"{fact.tool} {fact.arguments_json}", "tool"),
    "tool_returned": _returned,
    "sms_requested": lambda _: ("sms", "asked for", "sms"),
    "sms_failed": lambda fact: ("sms", f"not sent: {fact.reason}", "sms"),
    "sms_received": lambda fact: ("sms", f"the caller replies: {fact.body}", "sms"),
    "dial_requested": lambda _: ("call", "the caller is being dialled", "call"),
    "call_not_placed": lambda fact: ("call", f"could not dial: {fact.reason}", "call"),
    "session_expired": lambda _: ("call", "the saved state expired", "call"),
}
