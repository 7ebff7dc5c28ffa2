"""Commands to the notifier, from their issue until their outcome is known.

The notifier keeps no state: it claims a command here before every attempt, and a claim that ran out tells the next
process that the command may have been carried out already. A command whose outcome is not known in time is issued
again, under the same id, until it expires.
"""

from opusagent.notify.v1.notify_pb2 import NotifyCommand
from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1 import state_pb2 as state
from session.domain.effects import Effects
from session.domain.errors import Invalid, NotFound

COMMANDS_KEPT = 8

CLAIM_MS = 60_000
"""How long a claim holds; longer than the notifier waits between two attempts."""

PATIENCE_MS = 15_000
"""How long past a claim's end to wait for the outcome before a command is issued again."""

_LONGEST_WAIT_MS = 3_600_000


def issue(session: state.SessionRecord, command: NotifyCommand, now: int, effects: Effects) -> None:
    """Have a command carried out."""
    command.traceparent = effects.traceparent
    session.commands.add(command=command, issue_at_ms=now + CLAIM_MS + PATIENCE_MS, issues=1)
    del session.commands[:-COMMANDS_KEPT]
    effects.commands.append(command)


def claim(session: state.SessionRecord, request: api.ClaimCommandRequest, now: int) -> api.CommandStanding:
    """Return how a command stands with a process that wants to try it, and let it have the command if it may.

    Raises:
        NotFound: the session has issued no such command, or long ago.
        Invalid: no holder is named.
    """
    holder = request.holder
    if not holder:
        raise Invalid("a claim needs a holder")
    record = _find(session, request.command_id)
    if record is None:
        raise NotFound("no such command")
    if record.settled:
        return api.COMMAND_STANDING_SETTLED
    previous = record.holder
    if previous not in ("", holder) and now < record.claimed_until_ms:
        return api.COMMAND_STANDING_BUSY
    untried = not previous or record.undone
    record.holder = holder
    record.undone = request.undone
    record.claimed_until_ms = now + CLAIM_MS
    record.issue_at_ms = max(record.issue_at_ms, record.claimed_until_ms + PATIENCE_MS)
    if previous == holder:
        return api.COMMAND_STANDING_YOURS
    return api.COMMAND_STANDING_FRESH if untried else api.COMMAND_STANDING_UNCERTAIN


def settle(session: state.SessionRecord, command_id: str) -> None:
    """Take in that the outcome of a command is known."""
    record = _find(session, command_id)
    if record is not None:
        record.settled = True


def next_issue(session: state.SessionRecord) -> int | None:
    """Return when (Unix milliseconds) a command is to be issued again."""
    return min((record.issue_at_ms for record in session.commands if not record.settled), default=None)


def issue_again(session: state.SessionRecord, now: int, effects: Effects) -> None:
    """Issue again what is due; give up what has expired."""
    for record in session.commands:
        if record.settled or record.issue_at_ms > now:
            continue
        if 0 < record.command.expires_at_ms <= now:
            record.settled = True
            continue
        wait = (CLAIM_MS + PATIENCE_MS) << min(record.issues, 8)
        record.issue_at_ms = now + min(wait, _LONGEST_WAIT_MS)
        record.issues += 1
        effects.commands.append(record.command)


def _find(session: state.SessionRecord, command_id: str) -> state.CommandRecord | None:
    return next((record for record in session.commands if record.command.command_id == command_id), None)
