"""Where steps are read from: a running session service, or the files of one process, running or not."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chassis.rpc import RpcError, StatusCode
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.session.v1 import session_pb2 as api
from opusagent_cli.datafolder import LOG_FILE, facts_in, must_hold, sessions_in
from opusagent_cli.serve import session_at
from opusagent_cli.visiting import unanswered


@dataclass(frozen=True)
class LoggedStep:
    """One FsaStepped fact, with the call it belongs to and its time in Unix milliseconds."""

    session_id: str
    call_id: str
    at_ms: int
    index: int
    previous_hash: str
    hash: str
    record_json: str
    summary: str


@dataclass(frozen=True)
class Head:
    """Where session says a chain must end. `key`: of what is sealed in it; empty where it was deleted."""

    index: int
    hash: str
    key: bytes = b""


class Log(Protocol):
    """What is known of past sessions."""

    async def steps(self, session_id: str = "") -> list[LoggedStep]:
        """Return the steps of a session, or of all, in the order of the log. Raises UsageError."""

    async def heads(self, session_ids: Sequence[str]) -> dict[str, Head]:
        """Return where the chains of sessions must end, of those that session still knows. Raises UsageError."""


@contextlib.asynccontextmanager
async def opened(session: str, data: Path | None) -> AsyncIterator[Log]:
    """Open the log behind a session service's HOST:PORT, or in a data folder. Raises UsageError."""
    if data is not None:
        yield FileLog(data)
        return
    async with session_at(session) as client:
        yield RemoteLog(client, session)


class FileLog:
    """The files that one process keeps; read only, also while it runs."""

    def __init__(self, data: Path) -> None:
        self._data = data
        must_hold(data, LOG_FILE)

    async def steps(self, session_id: str = "") -> list[LoggedStep]:
        """Read the log file."""
        return _steps(facts_in(self._data, session_id))

    async def heads(self, session_ids: Sequence[str]) -> dict[str, Head]:
        """Ask session's own code, on a copy of its file."""
        from session.books import Books

        async with sessions_in(self._data) as store:
            if store is None:
                return {}
            records = [await Books(store).session(session_id) for session_id in session_ids]
        known = [record for record in records if record is not None]
        return {one.session_id: Head(one.audit_index, one.audit_hash, one.session_key) for one in known}


class RemoteLog:
    """A running session service."""

    def __init__(self, client: "api.SessionServiceAsyncStub", target: str) -> None:  # type: ignore[name-defined]
        self._client = client
        self._target = target

    async def steps(self, session_id: str = "") -> list[LoggedStep]:
        """Read the log to its present end."""
        request = api.WatchEventsRequest(session_id=session_id, from_start=True, until_now=True)
        try:
            return _steps([answer.event async for answer in self._client.WatchEvents(request)])
        except RpcError as error:
            raise unanswered(self._target, error) from error

    async def heads(self, session_ids: Sequence[str]) -> dict[str, Head]:
        """Ask for each."""
        found = {}
        for session_id in session_ids:
            try:
                loaded = await self._client.LoadTask(api.LoadTaskRequest(session_id=session_id))
            except RpcError as error:
                if error.code is not StatusCode.NOT_FOUND:
                    raise unanswered(self._target, error) from error
            else:
                found[session_id] = Head(loaded.audit_index, loaded.audit_hash, loaded.session_key)
        return found


def _steps(events: Iterable[CallEvent]) -> list[LoggedStep]:
    """Return the steps among facts; one that was delivered twice alike is one."""
    found: dict[LoggedStep, None] = {}
    for event in events:
        if event.WhichOneof("fact") != "fsa_stepped":
            continue
        fact = event.fsa_stepped
        step = LoggedStep(
            event.session_id,
            event.call_id,
            event.occurred_at_ms,
            fact.audit_index,
            fact.previous_hash,
            fact.hash,
            fact.record_json,
            fact.summary,
        )
        found[step] = None
    return list(found)
