"""What a caller's SMS asks for.

The opt-out and opt-in words are those that Twilio acts upon by default when a message consists of one of them alone
(it answers them itself, and refuses later messages with error 21610): so a caller who writes YES opts in, and one who
writes CANCEL, END or QUIT opts out, whatever else he may have meant.
"""

import re
from enum import StrEnum

from opusagent.events.v1.events_pb2 import DialRequested
from opusagent.notify.v1.notify_pb2 import NotifyCommand, PlaceCall
from opusagent.session.v1 import state_pb2 as state
from session.domain import commands, drops, ids, numbers
from session.domain.effects import Effects
from session.domain.policy import Policy

MESSAGES_KEPT = 64

_STOP = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke"})
_START = frozenset({"start", "yes", "unstop"})
_CALL = frozenset({"call", "callme", "callback", "callmeback", "pleasecall", "callplease"})
_NOISE = re.compile(r"[\W_]+")


class Wish(StrEnum):
    """What an incoming message asks for."""

    CALL = "call"
    STOP = "stop"
    START = "start"
    OTHER = "other"


def wish(body: str) -> Wish:
    """Read a message; case, spaces and punctuation do not matter."""
    word = _NOISE.sub("", body).lower()
    if word in _CALL:
        return Wish.CALL
    if word in _STOP:
        return Wish.STOP
    return Wish.START if word in _START else Wish.OTHER


def take_in(caller: state.CallerRecord, message_id: str) -> bool:
    """Note a message; False when it was taken in before."""
    if message_id in caller.message_ids:
        return False
    caller.message_ids.append(message_id)
    del caller.message_ids[:-MESSAGES_KEPT]
    return True


def choose(records: list[state.SessionRecord], called: str, now: int) -> state.SessionRecord | None:
    """Return the session to ring back for: the newest drop, of the texted number's own sessions if there are any."""
    open_ones = sorted(
        (record for record in records if drops.resumable(record, now)),
        key=lambda record: record.calls[-1].ended_at_ms,
    )
    own = [record for record in open_ones if numbers.normalise(record.callee) == numbers.normalise(called)]
    return next(reversed(own or open_ones), None)


def dialling(session: state.SessionRecord, policy: Policy, now: int) -> bool:
    """Whether the caller is being rung, or was a moment ago."""
    dial = session.dial
    if not dial.command_id:
        return False
    since = now - dial.requested_at_ms
    return since < policy.dial_cooldown_ms or (not dial.over and since < policy.dial_timeout_ms)


def request_dial(session: state.SessionRecord, message_id: str, policy: Policy, now: int, effects: Effects) -> bool:
    """Have the caller rung, unless he is on the line or being rung already; return whether he will be."""
    if not drops.resumable(session, now) or dialling(session, policy, now):
        return False
    command_id = ids.dial_command(session.session_id, message_id)
    session.dial.CopyFrom(state.DialRecord(command_id=command_id, requested_at_ms=now))
    if session.drop.state == state.DROP_STATE_PENDING:
        session.drop.state = state.DROP_STATE_SETTLED
    effects.fact(
        f"{command_id}/requested",
        session.session_id,
        "",
        now,
        dial_requested=DialRequested(command_id=command_id),
    )
    commands.issue(
        session,
        NotifyCommand(
            command_id=command_id,
            session_id=session.session_id,
            requested_at_ms=now,
            expires_at_ms=now + policy.dial_timeout_ms,
            place_call=PlaceCall(
                to_number=numbers.normalise(session.caller), from_number=numbers.sender(session.callee)
            ),
        ),
        now,
        effects,
    )
    return True


def dial_over(session: state.SessionRecord, command_id: str, now: int) -> None:
    """Take in that a dial attempt led to no call."""
    if session.dial.command_id == command_id and not session.dial.over:
        session.dial.over = True
        session.dial.over_at_ms = now
