"""The in-process adapter of the bus.

Serialised bytes travel, and they are delivered asynchronously: a handler never runs inside `post`. The log lies in a
SQLite file when a data directory is given, otherwise in memory.
"""

from collections.abc import AsyncIterator
from pathlib import Path

from typing_extensions import override

from chassis.bus import Bus, BusError, Headers, InboxHandler, LogHandler, Record, Subscription
from chassis.bus_inprocess.faults import Faults
from chassis.bus_inprocess.followers import PAGE, Group
from chassis.bus_inprocess.inbox import Inbox
from chassis.bus_inprocess.log import LogStore, MemoryLog
from chassis.bus_inprocess.sqlite_log import SqliteLog
from chassis.bus_metrics import APPENDED

LOG_FILE = "log.sqlite"


class InProcessBus(Bus):
    """Inboxes as deques, the log in memory or in `data_dir`/log.sqlite; `faults` only in tests."""

    def __init__(self, data_dir: Path | None = None, faults: Faults | None = None) -> None:
        self._store: LogStore = MemoryLog() if data_dir is None else SqliteLog(data_dir / LOG_FILE)
        self._faults = faults
        self._inboxes: dict[tuple[str, int], Inbox] = {}
        self._groups: dict[tuple[str, str], Group] = {}
        self._running = False

    @override
    async def start(self) -> None:
        await self._store.open()
        self._running = True

    @override
    async def stop(self) -> None:
        if not self._running:
            return
        self._running = False
        for inbox in self._inboxes.values():
            inbox.flush()
            inbox.close()
        for group in self._groups.values():
            await group.close()
        await self._store.close()

    @property
    @override
    def healthy(self) -> bool:
        return self._running

    @override
    def post(self, topic: str, slot: int, item: bytes, headers: Headers = ()) -> None:
        inbox = self._inboxes.get((topic, slot))
        if inbox is None:
            inbox = self._open_inbox(topic, slot)
        inbox.post(item, headers)

    def _open_inbox(self, topic: str, slot: int) -> Inbox:
        return self._inboxes.setdefault((topic, slot), Inbox(topic, self._faults))

    @override
    async def listen(self, topic: str, slot: int, handler: InboxHandler) -> Subscription:
        inbox = self._open_inbox(topic, slot)
        inbox.flush()
        return inbox.listen(handler)

    @override
    async def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> None:
        if not self._running:
            raise BusError("the bus is not running")
        await self._store.append(Record(topic, key, value, tuple(headers)))
        APPENDED.labels(topic).inc()

    @override
    async def follow(self, topic: str, group: str, handler: LogHandler) -> Subscription:
        followers = self._groups.get((topic, group))
        if followers is None:
            followers = self._groups[topic, group] = Group(self._store, topic, group, self._faults)
        return await followers.join(handler)

    @override
    def read(self, topic: str, *, from_start: bool, until_end: bool = False) -> AsyncIterator[Record]:
        end = self._store.end()
        return self._read(topic, 0 if from_start else end, end if until_end else None)

    async def _read(self, topic: str, after: int, end: int | None) -> AsyncIterator[Record]:
        while end is None or after < end:
            grown = self._store.grown(topic)
            page = await self._store.read(topic, after, PAGE)
            if not page:
                if end is not None:
                    return
                await grown.wait()
            for offset, record in page:
                if end is not None and offset > end:
                    return
                yield record
                after = offset
