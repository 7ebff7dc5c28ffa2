"""The log without a broker: records of all topics in one sequence, and how far each group has come."""

import asyncio
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import defaultdict
from operator import itemgetter

from typing_extensions import override

from chassis.bus import Record

Page = list[tuple[int, Record]]
"""Records with their offsets, rising; offsets begin at 1 and have gaps."""


class LogStore(ABC):
    """Where the log lies. Offsets rise over all topics; 0 stands before the first record."""

    def __init__(self) -> None:
        self._grown: dict[str, asyncio.Event] = {}

    def grown(self, topic: str) -> asyncio.Event:
        """Return the event of the topic's next growth; take it before reading, wait for it after."""
        return self._grown.setdefault(topic, asyncio.Event())

    def announce(self, topic: str) -> None:
        """Wake whoever waits for the topic to grow."""
        event = self._grown.pop(topic, None)
        if event is not None:
            event.set()

    async def open(self) -> None:  # noqa: B027
        """Make it usable."""

    async def close(self) -> None:  # noqa: B027
        """Write what is left and release it."""

    @abstractmethod
    async def append(self, record: Record) -> None:
        """Add a record; returns when it is durable. Raises BusError when it could not be made so."""

    @abstractmethod
    async def read(self, topic: str, after: int, limit: int) -> Page:
        """Return at most `limit` records of a topic behind an offset."""

    @abstractmethod
    def end(self) -> int:
        """Return the last offset in use."""

    @abstractmethod
    async def committed(self, topic: str, group: str) -> int:
        """Return the offset of the last record that a group has handled; 0 for a new group."""

    @abstractmethod
    def commit(self, topic: str, group: str, offset: int) -> None:
        """Keep a group's position, soon."""


class MemoryLog(LogStore):
    """A log that ends with the process; holds the latest records only."""

    def __init__(self, max_records: int = 200_000) -> None:
        super().__init__()
        self._max = max_records
        self._topics: defaultdict[str, Page] = defaultdict(list)
        self._positions: dict[tuple[str, str], int] = {}
        self._end = 0

    @override
    async def append(self, record: Record) -> None:
        self._end += 1
        page = self._topics[record.topic]
        page.append((self._end, record))
        if len(page) > self._max:
            del page[: self._max // 2]
        self.announce(record.topic)

    @override
    async def read(self, topic: str, after: int, limit: int) -> Page:
        page = self._topics[topic]
        start = bisect_right(page, after, key=itemgetter(0))
        return page[start : start + limit]

    @override
    def end(self) -> int:
        return self._end

    @override
    async def committed(self, topic: str, group: str) -> int:
        return self._positions.get((topic, group), 0)

    @override
    def commit(self, topic: str, group: str, offset: int) -> None:
        self._positions[topic, group] = offset
