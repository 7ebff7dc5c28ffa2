"""The engine's steps and the transcript: saved once each, whatever the number of their deliveries."""

import hashlib

from opusagent.events.v1.events_pb2 import FsaStepped
from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1 import state_pb2 as state
from session.domain import drops
from session.domain.effects import Effects
from session.domain.errors import Invalid, Stale
from session.domain.policy import Policy

STEPS_KEPT = 256
"""Latest steps per session whose answer is kept for a repeated delivery of their event."""

TURNS_KEPT = 10_000


def chain(previous_hash: str, record_json: str) -> str:
    """Return the hash of an audit record: sha256 over the previous hash's text and the record, hexadecimal."""
    return hashlib.sha256((previous_hash + record_json).encode()).hexdigest()


def save_task(
    session: state.SessionRecord, request: api.SaveTaskRequest, policy: Policy, now: int, effects: Effects
) -> api.SaveTaskResponse:
    """Save a step that was not saved before.

    Raises:
        Stale: the step was computed from another version than the saved one.
        Invalid: the step has no event id.
    """
    if not request.event_id:
        raise Invalid("a step needs the id of its event")
    if request.expected_version != session.version:
        raise Stale(f"version is {session.version}, not {request.expected_version}")
    session.version += 1
    session.snapshot = request.snapshot
    session.undelivered.extend(request.outputs)
    _update_intents(session, request)
    if request.HasField("business"):
        session.business.CopyFrom(request.business)
    _extend_audit(session, request, request.now_ms or now, effects)
    drops.review(session, policy)
    response = api.SaveTaskResponse(version=session.version, outputs=request.outputs, intents=request.intents)
    effects.steps.append((request.event_id, response))
    return response


def _update_intents(session: state.SessionRecord, request: api.SaveTaskRequest) -> None:
    if not (request.settled_intents or request.intents):
        return
    settled = set(request.settled_intents)
    still_open = [intent for intent in session.open_intents if intent.intent_id not in settled]
    del session.open_intents[:]
    session.open_intents.extend(still_open)
    session.open_intents.extend(request.intents)


def _extend_audit(session: state.SessionRecord, request: api.SaveTaskRequest, now: int, effects: Effects) -> None:
    for record in request.audit:
        previous = session.audit_hash
        session.audit_index += 1
        session.audit_hash = chain(previous, record.record_json)
        effects.fact(
            f"{session.session_id}/audit/{session.audit_index}",
            session.session_id,
            request.call_id,
            now,
            fsa_stepped=FsaStepped(
                audit_index=session.audit_index,
                previous_hash=previous,
                hash=session.audit_hash,
                record_json=record.record_json,
                summary=record.summary,
            ),
        )


def mark_delivered(session: state.SessionRecord, output_ids: set[str]) -> None:
    """Take outputs out of the outbox; ids that are not in it were delivered before."""
    waiting = [output for output in session.undelivered if output.output_id not in output_ids]
    del session.undelivered[:]
    session.undelivered.extend(waiting)


def append_turn(session_id: str, turn: api.Turn, now: int, effects: Effects) -> None:
    """Add a turn that is not in the transcript yet.

    Raises:
        Invalid: the turn has no id.
    """
    if not turn.turn_id:
        raise Invalid("a turn needs an id")
    effects.turns.append(turn)
    effects.fact(
        f"{session_id}/turn/{turn.turn_id}", session_id, turn.call_id, turn.occurred_at_ms or now, turn_taken=turn.turn
    )
