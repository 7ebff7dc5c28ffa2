"""Fakes for tests: a log that outlives the service, a clock, and ports that die when they are told to."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from chassis.bus import Bus, Headers, InboxHandler, LogHandler, Record, Subscription
from session.store import Change, Outgoing, Reading, Store


class Time:
    """A clock that stands still until it is moved; call it for Unix milliseconds."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        """Return Unix milliseconds."""
        return self.now_ms

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.now_ms += round(seconds * 1000)


class Killed(asyncio.CancelledError):
    """The process died here. A cancellation, so that nothing on the way takes it for an error to handle."""


class Fuse:
    """Lets `steps` awaits on ports begin or end, then kills: every later one dies as well."""

    def __init__(self, steps: int | None = None) -> None:
        self._left = steps
        self.blown = False

    def arm(self, steps: int) -> None:
        """Kill after so many more."""
        self._left = steps

    def blow(self) -> None:
        """Kill now."""
        self.blown = True

    def burn(self) -> None:
        """Count one beginning or end of an await on a port."""
        if self._left is not None:
            self.blown = self.blown or self._left == 0
            self._left -= 1
        if self.blown:
            raise Killed


class LogBus(Bus):
    """A log in memory, whose groups keep their positions when their members die; without inboxes."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._positions: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._members: list[_Member] = []
        self._grown = asyncio.Event()
        self._moved = asyncio.Event()

    async def start(self) -> None:
        """Nothing to connect."""

    async def stop(self) -> None:
        """End all members."""
        for member in self._members:
            await member.close()

    @property
    def healthy(self) -> bool:
        """Always."""
        return True

    def values(self, topic: str) -> list[bytes]:
        """Return the values of a topic."""
        return [record.value for record in self.records if record.topic == topic]

    def post(self, topic: str, slot: int, item: bytes, headers: Headers = ()) -> None:
        """Not there."""
        raise NotImplementedError

    async def listen(self, topic: str, slot: int, handler: InboxHandler) -> Subscription:
        """Not there."""
        raise NotImplementedError

    async def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> None:
        """Add a record."""
        self.records.append(Record(topic, key, value, tuple(headers)))
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def follow(self, topic: str, group: str, handler: LogHandler) -> Subscription:
        """Handle from the group's position; a handler that is killed ends its member."""
        member = _Member(self, (topic, group), handler)
        self._members.append(member)
        return member

    def read(self, topic: str, *, from_start: bool, until_end: bool = False) -> AsyncIterator[Record]:
        """Read without a group."""
        end = len(self.records)
        return self._read(topic, 0 if from_start else end, end if until_end else None)

    async def _read(self, topic: str, at: int, end: int | None) -> AsyncIterator[Record]:
        while end is None or at < end:
            record = await self.next(at)
            at += 1
            if record.topic == topic:
                yield record

    async def next(self, at: int) -> Record:
        """Return the record at a position once it is there."""
        while at >= len(self.records):
            await self._grown.wait()
        return self.records[at]

    async def caught_up(self) -> None:
        """Return when every living member has handled all records."""
        while any(member.behind for member in self._members):
            await self._moved.wait()

    def position(self, group: tuple[str, str]) -> int:
        """Return how many records a group has behind it."""
        return self._positions[group]

    def commit(self, group: tuple[str, str], position: int) -> None:
        """Move a group on."""
        self._positions[group] = max(position, self._positions[group])
        self.moved()

    def moved(self) -> None:
        """Wake whoever waits for members to catch up or to end."""
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


class _Member(Subscription):
    def __init__(self, bus: LogBus, group: tuple[str, str], handler: LogHandler) -> None:
        self._bus = bus
        self._group = group
        self._handler = handler
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda task: bus.moved())

    @property
    def behind(self) -> bool:
        """Whether it lives and has something to handle."""
        return not self._task.done() and self._bus.position(self._group) < len(self._bus.records)

    async def _run(self) -> None:
        at = self._bus.position(self._group)
        while True:
            record = await self._bus.next(at)
            if record.topic == self._group[0]:
                await self._handler(record)
            at += 1
            self._bus.commit(self._group, at)

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


class MortalBus(Bus):
    """A bus as a process sees it that dies with its fuse."""

    def __init__(self, bus: Bus, fuse: Fuse) -> None:
        self._bus = bus
        self._fuse = fuse

    async def start(self) -> None:
        """The bus is there already."""

    async def stop(self) -> None:
        """The bus outlives the process."""

    @property
    def healthy(self) -> bool:
        """As the bus is."""
        return self._bus.healthy

    def post(self, topic: str, slot: int, item: bytes, headers: Headers = ()) -> None:
        """Post."""
        self._bus.post(topic, slot, item, headers)

    async def listen(self, topic: str, slot: int, handler: InboxHandler) -> Subscription:
        """Listen."""
        return await self._bus.listen(topic, slot, handler)

    async def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> None:
        """Append, dying before or after it."""
        self._fuse.burn()
        await self._bus.append(topic, key, value, headers)
        self._fuse.burn()

    async def follow(self, topic: str, group: str, handler: LogHandler) -> Subscription:
        """Follow; a position is not committed once the process is dead."""

        async def handle(record: Record) -> None:
            self._fuse.burn()
            await handler(record)
            self._fuse.burn()

        return await self._bus.follow(topic, group, handle)

    def read(self, topic: str, *, from_start: bool, until_end: bool = False) -> AsyncIterator[Record]:
        """Read."""
        return self._bus.read(topic, from_start=from_start, until_end=until_end)


class MortalStore(Store):
    """A store as a process sees it that dies with its fuse, before or after each operation."""

    def __init__(self, store: Store, fuse: Fuse) -> None:
        self._store = store
        self._fuse = fuse

    async def start(self) -> None:
        """The store is there already."""

    async def stop(self) -> None:
        """The store outlives the process."""

    async def check(self) -> None:
        """Check."""
        self._fuse.burn()
        await self._store.check()

    async def read(self, partition: int, keys: Sequence[str], rows: Sequence[tuple[str, str]] = ()) -> Reading:
        """Read."""
        self._fuse.burn()
        reading = await self._store.read(partition, keys, rows)
        self._fuse.burn()
        return reading

    async def write(self, partition: int, change: Change) -> None:
        """Write."""
        self._fuse.burn()
        await self._store.write(partition, change)
        self._fuse.burn()

    async def collection(self, partition: int, name: str) -> list[bytes]:
        """Read a collection."""
        self._fuse.burn()
        return await self._store.collection(partition, name)

    async def outgoing(self, partition: int, session_id: str) -> list[Outgoing]:
        """Read an outbox."""
        self._fuse.burn()
        return await self._store.outgoing(partition, session_id)

    async def published(self, partition: int, session_id: str, row_ids: Sequence[str]) -> None:
        """Drop rows of an outbox."""
        self._fuse.burn()
        await self._store.published(partition, session_id, row_ids)
        self._fuse.burn()

    async def senders(self) -> list[str]:
        """Read who has something to send."""
        self._fuse.burn()
        return await self._store.senders()

    async def due(self, now_ms: int) -> list[str]:
        """Read whose alarm is due."""
        self._fuse.burn()
        return await self._store.due(now_ms)

    async def next_alarm(self) -> int | None:
        """Read the earliest alarm."""
        self._fuse.burn()
        return await self._store.next_alarm()

    async def members(self, index: str, limit: int) -> list[str]:
        """Read an index."""
        self._fuse.burn()
        return await self._store.members(index, limit)
