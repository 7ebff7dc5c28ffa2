"""Calls of a session: opened, attached to a new socket, ended; and which session a new call belongs to."""

from collections.abc import Iterable

from opusagent.call.v1 import call_pb2 as call
from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1 import state_pb2 as state
from session.domain import drops, numbers
from session.domain.errors import NotFound, Occupied
from session.domain.policy import Policy

CALLS_KEPT = 16
"""Ended calls remembered in a session's record; older ones are on the log only."""

SESSIONS_KEPT = 16
"""Sessions remembered of one caller."""


def note_trace(session: state.SessionRecord, call_id: str, traceparent: str) -> None:
    """Keep the trace that a call belongs to, for what follows from it; one that is not traced keeps none."""
    known = find(session, call_id)
    if known is not None and traceparent:
        known.traceparent = traceparent


def find(session: state.SessionRecord, call_id: str) -> state.CallRecord | None:
    """Return a call of a session."""
    return next((known for known in session.calls if known.info.call_id == call_id), None)


def candidates(records: Iterable[state.SessionRecord], callee: str, now: int) -> list[state.SessionRecord]:
    """Return the sessions that a call to `callee` could resume, newest drop first."""
    wanted = numbers.normalise(callee)
    fitting = [
        record for record in records if numbers.normalise(record.callee) == wanted and drops.resumable(record, now)
    ]
    return sorted(fitting, key=lambda record: record.calls[-1].ended_at_ms, reverse=True)


def remember(caller: state.CallerRecord, session_id: str) -> None:
    """Add a session to those of a caller."""
    if session_id not in caller.session_ids:
        caller.session_ids.append(session_id)
        del caller.session_ids[:-SESSIONS_KEPT]


def open_call(
    session: state.SessionRecord, request: api.OpenCallRequest, call_id: str, route: call.Route, now: int
) -> state.CallRecord:
    """Add a call to a session, new or resumed; with generation 1 for its gateway and its relay.

    Raises:
        Occupied: the session has another live call.
    """
    if drops.live_call(session) is not None:
        raise Occupied(session.session_id)
    resumed = bool(session.calls) and drops.unfinished(session.business)
    drops.settle(session)
    if request.direction == call.DIRECTION_OUTBOUND and session.dial.command_id and not session.dial.over:
        session.dial.over = True
        session.dial.over_at_ms = now
    session.expired = False
    opened = session.calls.add(
        info=call.CallInfo(
            call_id=call_id,
            session_id=session.session_id,
            channel=request.channel,
            direction=request.direction or call.DIRECTION_INBOUND,
            caller=session.caller,
            callee=session.callee,
            format=request.format,
            started_at_ms=request.now_ms or now,
            resumed=resumed,
        ),
        route=route,
        provider_call_id=request.provider_call_id,
    )
    del session.calls[:-CALLS_KEPT]
    return opened


def attach(session: state.SessionRecord, call_id: str, gateway_slot: int) -> state.CallRecord:
    """Give a live call to a new socket: its gateway's generation rises.

    Raises:
        NotFound: no such call, or it has ended.
    """
    known = find(session, call_id)
    if known is None or known.ended:
        raise NotFound(f"no live call {call_id}")
    known.route.gateway_slot = gateway_slot
    known.route.gateway_generation += 1
    known.ClearField("transfer")
    return known


def note_transfer(session: state.SessionRecord, call_id: str, transfer: api.PendingTransfer) -> None:
    """Keep what is known of a live call's transfer; an empty one says that there is none any more.

    Raises:
        NotFound: no such call, or it has ended.
    """
    known = find(session, call_id)
    if known is None or known.ended:
        raise NotFound(f"no live call {call_id}")
    known.ClearField("transfer")
    if transfer.HasField("transfer"):
        known.transfer.CopyFrom(transfer)


def end_call(session: state.SessionRecord, call_id: str, reason: call.EndReason, ended_at: int, policy: Policy) -> bool:
    """Take in that a leg has ended; return whether that was news."""
    known = find(session, call_id)
    if known is None or known.ended:
        return False
    known.ended = True
    known.reason = reason
    known.ended_at_ms = ended_at
    known.ClearField("transfer")
    drops.review(session, policy)
    return True
