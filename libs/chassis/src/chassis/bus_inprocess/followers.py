"""Consumer groups within one process: each record goes to one member, chosen by its key."""

import asyncio
import zlib

from chassis.bus import LogHandler, Record, Subscription
from chassis.bus_inprocess.faults import Faults
from chassis.bus_inprocess.log import LogStore
from chassis.bus_metrics import HANDLER_ERRORS
from chassis.logging import get_logger
from chassis.retry import Backoff

PAGE = 200
GRACE_SECONDS = 2.0
"""How long a closing member may finish the record it is at; after that it is cancelled and the record comes again."""

_log = get_logger(__name__)


class Group:
    """The members of one group on one topic, and the task that reads for them, one record after the other."""

    def __init__(self, store: LogStore, topic: str, name: str, faults: Faults | None) -> None:
        self._store = store
        self._topic = topic
        self._name = name
        self._faults = faults
        self._members: list[_Member] = []
        self._position: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._handling = False
        self._pausing = False

    async def join(self, handler: LogHandler) -> Subscription:
        """Add a member."""
        await self._pause()
        member = _Member(self, handler)
        self._members.append(member)
        self._resume()
        return member

    async def leave(self, member: "_Member") -> None:
        """Remove a member; its handler is not called again."""
        if member not in self._members:
            return
        await self._pause()
        self._members.remove(member)
        self._resume()

    async def close(self) -> None:
        """Remove all members."""
        self._members.clear()
        await self._pause()

    def _resume(self) -> None:
        if self._members and self._task is None:
            self._pausing = False
            self._task = asyncio.create_task(self._run(), name=f"follow:{self._topic}:{self._name}")

    async def _pause(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        self._pausing = True
        if self._handling:
            await asyncio.wait([task], timeout=GRACE_SECONDS)
        task.cancel()
        await asyncio.wait([task])

    async def _run(self) -> None:
        if self._position is None:
            self._position = await self._store.committed(self._topic, self._name)
        while not self._pausing:
            grown = self._store.grown(self._topic)
            page = await self._store.read(self._topic, self._position, PAGE)
            if not page:
                await grown.wait()
            for offset, record in page:
                if self._pausing or not await self._handle(record):
                    return
                self._position = offset
                self._store.commit(self._topic, self._name, offset)

    async def _handle(self, record: Record) -> bool:
        """Have a record handled; return False when the group pauses before it was."""
        faults = self._faults
        if faults is not None:
            await asyncio.sleep(faults.wait())
        for _ in range(1 if faults is None else faults.times(may_drop=False)):
            backoff = Backoff()
            while not await self._try(record):
                if self._pausing:
                    return False
                await backoff.wait()
        return True

    async def _try(self, record: Record) -> bool:
        member = self._members[zlib.crc32(record.key.encode()) % len(self._members)]
        self._handling = True
        try:
            await member.handler(record)
        except Exception:
            HANDLER_ERRORS.labels(record.topic).inc()
            _log.exception("a log record could not be handled, trying again", topic=record.topic, group=self._name)
            return False
        finally:
            self._handling = False
        return True


class _Member(Subscription):
    def __init__(self, group: Group, handler: LogHandler) -> None:
        self._group = group
        self.handler = handler

    async def close(self) -> None:
        await self._group.leave(self)
