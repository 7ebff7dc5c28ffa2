"""What one process keeps in its data folder, read without it: the process may be running or not; nothing is changed."""

import contextlib
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from chassis.bus import CALL_EVENTS, BusError
from chassis.bus_inprocess.sqlite_log import read_file
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent_cli.options import UsageError

if TYPE_CHECKING:
    from session.store import Store

LOG_FILE = "log.sqlite"
SESSION_FILE = "session.sqlite"


def must_hold(data: Path, file: str) -> None:
    """Raise UsageError unless the folder holds a file of that name."""
    if not (data / file).is_file():
        raise UsageError(f"{data}: holds no {file}; give the folder that OpusAgent was started with as --data")


def facts_in(data: Path, session_id: str = "") -> Iterator[CallEvent]:
    """Read the log's facts, of a session or of all; what is no fact is left out. Raises UsageError."""
    must_hold(data, LOG_FILE)
    try:
        records = read_file(data / LOG_FILE, CALL_EVENTS, session_id)
    except BusError as error:
        raise UsageError(str(error)) from error
    for record in records:
        with contextlib.suppress(DecodeError):
            yield CallEvent.FromString(record.value)


@contextlib.asynccontextmanager
async def sessions_in(data: Path) -> AsyncIterator["Store | None"]:
    """Open a copy of session's store, which may be in use; None where there is none. Raises UsageError."""
    from session.adapters.sqlite import SqliteStore

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / SESSION_FILE
        if not _copied(data / SESSION_FILE, copy):
            yield None
            return
        store = SqliteStore(copy)
        await store.start()
        try:
            yield store
        finally:
            await store.stop()


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
