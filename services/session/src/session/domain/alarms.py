"""When a session must be looked at although nothing happens to it, and what is decided then."""

from opusagent.session.v1 import state_pb2 as state
from session.domain import commands, drops, memory
from session.domain.effects import Effects


def next_alarm(session: state.SessionRecord) -> int | None:
    """Return when (Unix milliseconds) `on_alarm` has something to decide."""
    times = (drops.next_decision(session), commands.next_issue(session), memory.next_forgetting(session))
    return min((at for at in times if at is not None), default=None)


def on_alarm(session: state.SessionRecord, caller: state.CallerRecord, now: int, effects: Effects) -> None:
    """Decide what is due by now; nothing happens if nothing is."""
    commands.issue_again(session, now, effects)
    drops.decide(session, caller, now, effects)
    memory.forget(session, caller, now)
