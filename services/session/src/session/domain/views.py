"""Records as the API shows them."""

from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1 import state_pb2 as state
from session.domain import drops


def session_view(session: state.SessionRecord, now: int) -> api.SessionView:
    """Return what others see of a session."""
    live = drops.live_call(session)
    return api.SessionView(
        session_id=session.session_id,
        caller=session.caller,
        callee=session.callee,
        business=session.business,
        live_call_id=live.info.call_id if live else "",
        resumable_until_ms=session.resumable_until_ms if drops.resumable(session, now) else 0,
        created_at_ms=session.created_at_ms,
    )


def call_view(known: state.CallRecord) -> api.FindCallResponse:
    """Return what others see of a call."""
    return api.FindCallResponse(call=known.info, route=known.route, live=not known.ended)


def opened_view(
    session: state.SessionRecord, known: state.CallRecord, transfer: api.PendingTransfer | None = None
) -> api.OpenCallResponse:
    """Return what the gateway of a call needs; `transfer`: what was under way until it took the call over."""
    traced = [known] if transfer is not None else session.calls[-2:-1]
    return api.OpenCallResponse(
        call=known.info,
        route=known.route,
        reattached=transfer is not None,
        session_key=session.session_key,
        caller_private=session.business.caller_private,
        transfer=transfer if transfer is not None and transfer.HasField("transfer") else None,
        traceparent=traced[0].traceparent if traced else "",
    )


def task_view(session: state.SessionRecord) -> api.LoadTaskResponse:
    """Return what the engine resumes from."""
    return api.LoadTaskResponse(
        version=session.version,
        snapshot=session.snapshot,
        undelivered=session.undelivered,
        open_intents=session.open_intents,
        audit_index=session.audit_index,
        audit_hash=session.audit_hash,
        session_key=session.session_key,
    )
