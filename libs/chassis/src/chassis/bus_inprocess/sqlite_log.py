"""The log in a SQLite file, written by one thread; appends that wait together are committed together."""

import asyncio
import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from typing_extensions import override

from chassis.bus import BusError, Headers, Record
from chassis.bus_inprocess.log import LogStore, Page
from chassis.logging import get_logger

RETENTION_DAYS = 30
"""Older records are deleted when the log is opened."""

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS log (
    "offset" INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    headers TEXT,
    appended_at_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS log_by_topic ON log (topic, "offset");
CREATE TABLE IF NOT EXISTS position (
    topic TEXT NOT NULL,
    consumer_group TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    PRIMARY KEY (topic, consumer_group)
);
"""
_INSERT = "INSERT INTO log (topic, key, value, headers, appended_at_ms) VALUES (?, ?, ?, ?, ?)"
_COMMIT = "INSERT OR REPLACE INTO position VALUES (?, ?, ?)"
_READ = 'SELECT "offset", key, value, headers FROM log WHERE topic = ? AND "offset" > ? ORDER BY "offset" LIMIT ?'
_POSITION = 'SELECT "offset" FROM position WHERE topic = ? AND consumer_group = ?'
_READ_ALL = 'SELECT key, value, headers FROM log WHERE topic = ? ORDER BY "offset"'
_READ_KEY = 'SELECT key, value, headers FROM log WHERE topic = ? AND key = ? ORDER BY "offset"'
_END = "SELECT seq FROM sqlite_sequence WHERE name = 'log'"

_Write = tuple[str, tuple[Any, ...], "asyncio.Future[None] | None"]
_log = get_logger(__name__)


class SqliteLog(LogStore):
    """A log that outlives the process."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._thread = ThreadPoolExecutor(1, "log")
        self._database: sqlite3.Connection | None = None
        self._queue: list[_Write] = []
        self._writer: asyncio.Task[None] | None = None
        self._end = 0

    @override
    async def open(self) -> None:
        """Open or create the file.

        Raises:
            BusError: it cannot be opened.
        """
        try:
            self._end = await self._run(self._open)
        except (sqlite3.Error, OSError) as error:
            raise BusError(f"cannot open {self._path}: {error}") from error

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(self._path, check_same_thread=False, timeout=5.0)
        self._database.executescript(_SCHEMA)
        with self._database:
            oldest = _now_ms() - RETENTION_DAYS * 86_400_000
            self._database.execute("DELETE FROM log WHERE appended_at_ms < ?", (oldest,))
        row = self._database.execute(_END).fetchone()
        return row[0] if row else 0

    @override
    async def close(self) -> None:
        if self._writer is not None:
            await asyncio.wait([self._writer])
        if self._database is not None:
            await self._run(self._database.close)
            self._database = None
        self._thread.shutdown(wait=False)

    async def _run(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    @override
    async def append(self, record: Record) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        row = (record.topic, record.key, record.value, _pack(record.headers), _now_ms())
        self._write(_INSERT, row, done)
        await done

    @override
    def commit(self, topic: str, group: str, offset: int) -> None:
        self._write(_COMMIT, (topic, group, offset), None)

    def _write(self, statement: str, row: tuple[Any, ...], done: "asyncio.Future[None] | None") -> None:
        self._queue.append((statement, row, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all(), name="log-writer")

    async def _write_all(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue, []
                error = await self._run(self._apply, batch)
                self._settle(batch, error)
        finally:
            self._writer = None

    def _apply(self, batch: list[_Write]) -> sqlite3.Error | None:
        assert self._database is not None
        try:
            with self._database:
                for statement, row, _ in batch:
                    cursor = self._database.execute(statement, row)
                    if statement is _INSERT:
                        self._end = cursor.lastrowid or self._end
        except sqlite3.Error as error:
            return error
        return None

    def _settle(self, batch: list[_Write], error: sqlite3.Error | None) -> None:
        if error is not None:
            _log.error("the log could not be written", error=str(error), records=len(batch))
        for _, _, done in batch:
            if done is None or done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(BusError(f"the log could not be written: {error}"))
        for topic in {row[0] for statement, row, _ in batch if statement is _INSERT}:
            self.announce(topic)

    @override
    async def read(self, topic: str, after: int, limit: int) -> Page:
        rows = await self._run(self._fetch, _READ, (topic, after, limit))
        return [(offset, Record(topic, key, value, _unpack(headers))) for offset, key, value, headers in rows]

    def _fetch(self, query: str, arguments: tuple[Any, ...]) -> list[Any]:
        assert self._database is not None
        return self._database.execute(query, arguments).fetchall()

    @override
    def end(self) -> int:
        return self._end

    @override
    async def committed(self, topic: str, group: str) -> int:
        rows = await self._run(self._fetch, _POSITION, (topic, group))
        return rows[0][0] if rows else 0


def read_file(path: Path, topic: str, key: str = "") -> list[Record]:
    """Read a topic (of one key, or of all) from a log file that another process may be writing; changes nothing.

    Raises:
        BusError: the file cannot be read or is no log.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as database:
            rows = database.execute(_READ_KEY if key else _READ_ALL, (topic, key) if key else (topic,)).fetchall()
    except sqlite3.Error as error:
        raise BusError(f"cannot read {path}: {error}") from error
    return [Record(topic, found, value, _unpack(headers)) for found, value, headers in rows]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _pack(headers: Headers) -> str | None:
    return json.dumps([[name, value.hex()] for name, value in headers]) if headers else None


def _unpack(packed: str | None) -> Headers:
    return tuple((name, bytes.fromhex(value)) for name, value in json.loads(packed)) if packed else ()
