"""What agents remember of a caller, across his sessions, for as long as each of them may."""

from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1 import state_pb2 as state


def known(caller: state.CallerRecord, now: int) -> list[api.CallerMemory]:
    """Return what may still be known."""
    return [memory for memory in caller.memory if memory.until_ms > now]


def keep(session: state.SessionRecord, caller: state.CallerRecord, memory: api.CallerMemory, now: int) -> None:
    """Let an agent's memory of a caller take the place of its last one; the session sees to it that it is forgotten."""
    kept = [other for other in known(caller, now) if other.agent != memory.agent]
    if memory.until_ms > now:
        kept.append(memory)
        session.memory_until_ms = max(session.memory_until_ms, memory.until_ms)
    _put(caller, kept)


def forget(session: state.SessionRecord, caller: state.CallerRecord, now: int) -> None:
    """Delete what is too old, if it is time for that."""
    if 0 < session.memory_until_ms <= now:
        session.memory_until_ms = 0
        _put(caller, known(caller, now))


def next_forgetting(session: state.SessionRecord) -> int | None:
    """Return when (Unix milliseconds) `forget` has something to do."""
    return session.memory_until_ms or None


def _put(caller: state.CallerRecord, memories: list[api.CallerMemory]) -> None:
    copies = [api.CallerMemory.FromString(memory.SerializeToString()) for memory in memories]
    del caller.memory[:]
    caller.memory.extend(copies)
