"""Where steps are read from: a running session service, or the files of one process, running or not."""

import contextlib
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from google.protobuf.message import DecodeError

from chassis.bus import CALL_EVENTS, BusError
from chassis.bus_inprocess.sqlite_log import read_file
from chassis.rpc import RpcError, StatusCode
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.session.v1 import session_pb2 as api
from opusagent_cli.options import UsageError
from opusagent_cli.serve import session_at

LOG_FILE = "log.sqlite"
SESSION_FILE = "session.sqlite"


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
        if not (data / LOG_FILE).is_file():
            raise UsageError(f"{data}: holds no {LOG_FILE}; give the folder that OpusAgent was started with as --data")

    async def steps(self, session_id: str = "") -> list[LoggedStep]:
        """Read the log file."""
        try:
            records = read_file(self._data / LOG_FILE, CALL_EVENTS, session_id)
        except BusError as error:
            raise UsageError(str(error)) from error
        return _steps(_event(record.value) for record in records)

    async def heads(self, session_ids: Sequence[str]) -> dict[str, Head]:
        """Ask session's own code, on a copy of its file."""
        from session.adapters.sqlite import SqliteStore
        from session.books import Books

        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / SESSION_FILE
            if not _copied(self._data / SESSION_FILE, copy):
                return {}
            store = SqliteStore(copy)
            await store.start()
            try:
                records = [await Books(store).session(session_id) for session_id in session_ids]
            finally:
                await store.stop()
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
            raise self._failed(error) from error

    async def heads(self, session_ids: Sequence[str]) -> dict[str, Head]:
        """Ask for each."""
        found = {}
        for session_id in session_ids:
            try:
                loaded = await self._client.LoadTask(api.LoadTaskRequest(session_id=session_id))
            except RpcError as error:
                if error.code is not StatusCode.NOT_FOUND:
                    raise self._failed(error) from error
            else:
                found[session_id] = Head(loaded.audit_index, loaded.audit_hash, loaded.session_key)
        return found

    def _failed(self, error: RpcError) -> UsageError:
        advice = "start it, or read a data folder with --data" if error.retriable else error.message
        return UsageError(f"the session service at {self._target} does not answer: {advice}")


def _event(value: bytes) -> CallEvent:
    """Decode a fact; what is no fact is none of a session's steps."""
    try:
        return CallEvent.FromString(value)
    except DecodeError:
        return CallEvent()


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


def _copied(source: Path, copy: Path) -> bool:
    """Copy a database that may be in use; False where there is none."""
    if not source.is_file():
        return False
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as reader,
            contextlib.closing(sqlite3.connect(copy)) as writer,
        ):
            reader.backup(writer)
    except sqlite3.Error as error:
        raise UsageError(f"cannot read {source}: {error}") from error
    return True
