"""A store in one SQLite file, for one session process.

One thread owns the connection; the event loop never waits for the disk. Writes that arrive while the disk is busy are
joined into the next transaction, each under its own savepoint, so the price of a sync is shared. Write-ahead log with
`synchronous=FULL`: a write that returned has reached the disk. Writes that may be lost with the machine (leases, rows
reported published) do without the sync unless they share a transaction with one that may not.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from session.store import Change, Conflict, Document, Outgoing, Reading, Row, Store, StoreError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    key TEXT PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, row_id TEXT NOT NULL, value BLOB NOT NULL,
    UNIQUE (collection, row_id));
CREATE INDEX IF NOT EXISTS rows_by_collection ON rows (collection);
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, row_id TEXT NOT NULL, topic TEXT NOT NULL,
    value BLOB NOT NULL, UNIQUE (session_id, row_id));
CREATE INDEX IF NOT EXISTS outbox_by_session ON outbox (session_id);
CREATE TABLE IF NOT EXISTS alarms (session_id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alarms_by_time ON alarms (at);
CREATE TABLE IF NOT EXISTS listings (
    name TEXT NOT NULL, member TEXT NOT NULL, score INTEGER NOT NULL, PRIMARY KEY (name, member)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS listings_by_score ON listings (name, score);
"""

_BATCH = 64

T = TypeVar("T")
_Work = Callable[[sqlite3.Connection], Any]


class _Job:
    """Work for the thread, and where its outcome goes."""

    def __init__(self, work: _Work, writes: bool, durable: bool) -> None:
        self.work = work
        self.writes = writes
        self.durable = durable
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()

    def resolve(self, result: Any, error: Exception | None) -> None:
        """Hand the outcome to the waiting coroutine, if it and its loop still exist."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._set, result, error)

    def _set(self, result: Any, error: Exception | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class SqliteStore(Store):
    """Keeps everything in the file `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None

    async def start(self) -> None:
        """Open or create the file.

        Raises:
            StoreError: it cannot be opened; the message names it.
        """
        if self._thread is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = await asyncio.to_thread(self._open)
        self._thread = threading.Thread(target=self._work, name="session-sqlite", daemon=True)
        self._thread.start()

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=5)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error
        return connection

    async def stop(self) -> None:
        """Finish what was begun and close the file."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._jobs.put(None)
        await asyncio.to_thread(thread.join)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            more = True
            while more and len(jobs) < _BATCH and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    self._jobs.put(None)
                    more = False
                else:
                    jobs.append(following)
            self._run(cast("sqlite3.Connection", self._connection), jobs)

    def _run(self, connection: sqlite3.Connection, jobs: list[_Job]) -> None:
        """Run jobs in one transaction; nobody hears of success before the transaction is committed."""
        writes = any(job.writes for job in jobs)
        outcomes: list[tuple[_Job, Any, Exception | None]]
        try:
            if writes:
                durable = any(job.durable for job in jobs)
                connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                connection.execute("BEGIN IMMEDIATE")
            outcomes = [(job, *_outcome(connection, job)) for job in jobs]
            if writes:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            outcomes = [(job, None, StoreError(str(error))) for job in jobs]
        for job, result, failure in outcomes:
            job.resolve(result, failure)

    async def _ask(self, work: Callable[[sqlite3.Connection], T], writes: bool = False, durable: bool = False) -> T:
        if self._thread is None:
            raise StoreError("the store is closed")
        job = _Job(work, writes, durable)
        self._jobs.put(job)
        return cast("T", await job.future)

    async def check(self) -> None:
        """Ask the file something."""
        await self._ask(lambda connection: connection.execute("SELECT 1").fetchone())

    async def read(self, partition: int, keys: Sequence[str], rows: Sequence[tuple[str, str]] = ()) -> Reading:
        """Read documents and rows."""
        return await self._ask(lambda connection: _read(connection, keys, rows))

    async def write(self, partition: int, change: Change) -> None:
        """Apply a change in a transaction."""
        await self._ask(lambda connection: _write(connection, change), writes=True, durable=change.durable)

    async def collection(self, partition: int, name: str) -> list[bytes]:
        """Return a collection."""
        sql = "SELECT value FROM rows WHERE collection = ? ORDER BY seq"
        return await self._ask(lambda connection: [value for (value,) in connection.execute(sql, (name,))])

    async def outgoing(self, partition: int, session_id: str) -> list[Outgoing]:
        """Return a session's outbox."""
        sql = "SELECT row_id, topic, value FROM outbox WHERE session_id = ? ORDER BY seq"
        return await self._ask(lambda connection: [Outgoing(*row) for row in connection.execute(sql, (session_id,))])

    async def published(self, partition: int, session_id: str, row_ids: Sequence[str]) -> None:
        """Drop rows of an outbox; without a sync, since publishing twice is harmless."""
        sql = "DELETE FROM outbox WHERE session_id = ? AND row_id = ?"
        pairs = [(session_id, row_id) for row_id in row_ids]
        await self._ask(lambda connection: connection.executemany(sql, pairs).rowcount, writes=True)

    async def senders(self) -> list[str]:
        """Return who has something to send."""
        sql = "SELECT session_id FROM outbox GROUP BY session_id ORDER BY min(seq)"
        return await self._ask(lambda connection: [session_id for (session_id,) in connection.execute(sql)])

    async def due(self, now_ms: int) -> list[str]:
        """Return whose alarm is due."""
        sql = "SELECT session_id FROM alarms WHERE at <= ? ORDER BY at"
        return await self._ask(lambda connection: [session_id for (session_id,) in connection.execute(sql, (now_ms,))])

    async def next_alarm(self) -> int | None:
        """Return the earliest alarm."""
        row = await self._ask(lambda connection: connection.execute("SELECT min(at) FROM alarms").fetchone())
        return cast("int | None", row[0])

    async def members(self, index: str, limit: int) -> list[str]:
        """Return an index, highest score first."""
        sql = "SELECT member FROM listings WHERE name = ? ORDER BY score DESC, member LIMIT ?"
        return await self._ask(lambda connection: [member for (member,) in connection.execute(sql, (index, limit))])


def _outcome(connection: sqlite3.Connection, job: _Job) -> tuple[Any, Exception | None]:
    """Run one job; a conflict undoes only its own work."""
    if job.writes:
        connection.execute("SAVEPOINT job")
    try:
        result = job.work(connection)
    except Conflict as conflict:
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return None, conflict
    if job.writes:
        connection.execute("RELEASE job")
    return result, None


def _read(connection: sqlite3.Connection, keys: Sequence[str], rows: Sequence[tuple[str, str]]) -> Reading:
    document = "SELECT version, value FROM documents WHERE key = ?"
    row = "SELECT value FROM rows WHERE collection = ? AND row_id = ?"
    found = [connection.execute(document, (key,)).fetchone() for key in keys]
    values = [connection.execute(row, pair).fetchone() for pair in rows]
    return Reading(
        [Document(*hit) if hit else Document() for hit in found], [hit[0] if hit else None for hit in values]
    )


def _write(connection: sqlite3.Connection, change: Change) -> None:
    for key, version in change.checks.items():
        row = connection.execute("SELECT version FROM documents WHERE key = ?", (key,)).fetchone()
        if (row[0] if row else 0) != version:
            raise Conflict(key)
    connection.executemany(
        "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)",
        [(key, change.checks[key] + 1, value) for key, value in change.puts.items()],
    )
    for row in change.rows:
        _add_row(connection, row)
    for listing in change.listings:
        if listing.score is None:
            pair = (listing.index, listing.member)
            connection.execute("DELETE FROM listings WHERE name = ? AND member = ?", pair)
        else:
            triple = (listing.index, listing.member, listing.score)
            connection.execute("INSERT OR REPLACE INTO listings VALUES (?, ?, ?)", triple)
    if change.session_id:
        _note(connection, change)


def _note(connection: sqlite3.Connection, change: Change) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO outbox (session_id, row_id, topic, value) VALUES (?, ?, ?, ?)",
        [(change.session_id, out.row_id, out.topic, out.value) for out in change.outbox],
    )
    if change.alarm is None:
        connection.execute("DELETE FROM alarms WHERE session_id = ?", (change.session_id,))
    else:
        connection.execute("INSERT OR REPLACE INTO alarms VALUES (?, ?)", (change.session_id, change.alarm))


def _add_row(connection: sqlite3.Connection, row: Row) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO rows (collection, row_id, value) VALUES (?, ?, ?)",
        (row.collection, row.row_id, row.value),
    )
    connection.execute(
        "DELETE FROM rows WHERE collection = ?1 AND seq <= "
        "(SELECT seq FROM rows WHERE collection = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        (row.collection, row.keep),
    )
