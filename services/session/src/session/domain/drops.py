"""What happens after a leg has ended with business unfinished.

A dropped mobile call looks like a hang-up, so *unfinished* means: a task is open and no closing was spoken. From the
end of the leg the session can be resumed until its TTL is over. Whether the caller gets an SMS is decided once per
drop, when the grace period is over: only if he is not back by then, and by what the record says at that moment.
"""

from opusagent.call.v1 import call_pb2 as call
from opusagent.events.v1.events_pb2 import SessionExpired, SmsRequested
from opusagent.notify.v1.notify_pb2 import NotifyCommand, SendSms
from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1 import state_pb2 as state
from session.domain import commands, ids, numbers
from session.domain.effects import Effects
from session.domain.policy import Policy

_DELIBERATE = frozenset({call.END_REASON_AGENT_HUNG_UP, call.END_REASON_TRANSFERRED})
_LOST = frozenset({call.END_REASON_LEG_LOST, call.END_REASON_PROVIDER_ERROR})


def live_call(session: state.SessionRecord) -> state.CallRecord | None:
    """Return the session's live call."""
    return next((known for known in reversed(session.calls) if not known.ended), None)


def unfinished(business: api.Business) -> bool:
    """Whether a task is open and the agent has not said its closing words."""
    return bool(business.open_tasks) and not business.closing_spoken


def resumable(session: state.SessionRecord, now: int) -> bool:
    """Whether a new call of this caller would go on in this session."""
    return session.resumable_until_ms > now and not session.expired and live_call(session) is None


def review(session: state.SessionRecord, policy: Policy) -> None:
    """Bring the drop up to date with the record, after a call has ended or a late step was saved."""
    if not session.calls or live_call(session) is not None:
        return
    last = session.calls[-1]
    if last.reason in _DELIBERATE or not unfinished(session.business):
        session.resumable_until_ms = 0
        return
    if not session.expired:
        wanted = session.business.resume_ttl_ms or policy.resume_ttl_ms
        session.resumable_until_ms = last.ended_at_ms + min(wanted, policy.resume_ttl_ms)
    if session.drop.call_id != last.info.call_id:
        session.drop.CopyFrom(
            state.DropRecord(
                call_id=last.info.call_id,
                state=state.DROP_STATE_PENDING,
                due_at_ms=last.ended_at_ms + policy.grace_ms,
            )
        )


def settle(session: state.SessionRecord) -> None:
    """Take note that the caller is back: no SMS for a drop that is still pending, nothing to resume meanwhile."""
    if session.drop.state == state.DROP_STATE_PENDING:
        session.drop.state = state.DROP_STATE_SETTLED
    session.resumable_until_ms = 0


def next_decision(session: state.SessionRecord) -> int | None:
    """Return when (Unix milliseconds) `decide` has something to decide."""
    times = []
    if session.drop.state == state.DROP_STATE_PENDING:
        times.append(session.drop.due_at_ms)
    if session.resumable_until_ms and not session.expired and live_call(session) is None:
        times.append(session.resumable_until_ms)
    return min(times, default=None)


def decide(session: state.SessionRecord, caller: state.CallerRecord, now: int, effects: Effects) -> None:
    """Decide what is due: the SMS of a pending drop, the end of the time to resume."""
    drop = session.drop
    if drop.state == state.DROP_STATE_PENDING and drop.due_at_ms <= now:
        if _wants_sms(session, caller, now):
            drop.state = state.DROP_STATE_SMS_REQUESTED
            _request_sms(session, now, effects)
        else:
            drop.state = state.DROP_STATE_SETTLED
    if session.resumable_until_ms and session.resumable_until_ms <= now and live_call(session) is None:
        _expire(session, now, effects)


def _wants_sms(session: state.SessionRecord, caller: state.CallerRecord, now: int) -> bool:
    business = session.business
    if not resumable(session, now) or not business.sms_text or caller.opted_out:
        return False
    if business.sms_on == api.SMS_POLICY_NEVER or not numbers.can_be_texted(numbers.normalise(session.caller)):
        return False
    return business.sms_on != api.SMS_POLICY_LOST_ONLY or session.calls[-1].reason in _LOST


def _request_sms(session: state.SessionRecord, now: int, effects: Effects) -> None:
    call_id = session.drop.call_id
    command_id = ids.sms_command(call_id)
    body = session.business.sms_text
    effects.fact(
        f"{command_id}/requested",
        session.session_id,
        call_id,
        now,
        sms_requested=SmsRequested(command_id=command_id, body=body),
    )
    commands.issue(
        session,
        NotifyCommand(
            command_id=command_id,
            session_id=session.session_id,
            call_id=call_id,
            requested_at_ms=now,
            expires_at_ms=session.resumable_until_ms,
            send_sms=SendSms(
                to_number=numbers.normalise(session.caller), from_number=numbers.sender(session.callee), body=body
            ),
        ),
        now,
        effects,
    )


def _expire(session: state.SessionRecord, now: int, effects: Effects) -> None:
    last = session.calls[-1].info.call_id
    session.expired = True
    session.resumable_until_ms = 0
    effects.fact(f"{session.session_id}/expired/{last}", session.session_id, "", now, session_expired=SessionExpired())
