"""Taking changed agents in while calls go on.

Files are looked at every few seconds. A change is taken in once it has stood still from one look to the next, so that
a file that is being written, or replaced, is not read half. New calls get what is new; a call that goes on keeps the
definition it began with; a version that is broken is reported and the one before it stays.
"""

import asyncio
from pathlib import Path

from chassis.logging import get_logger
from chassis.retry import Sleep
from fsa_engine.catalog import AgentCatalog, find_agents
from fsa_engine.metrics import RELOADS

Stamps = dict[Path, tuple[int, int, int]]
"""Of each definition file: when it was changed (ns), its size, its inode."""

_log = get_logger(__name__)


class Reloader:
    """Looks at a catalog's files every `seconds`; 0 = never. Start it before the catalog is loaded."""

    def __init__(self, catalog: AgentCatalog, seconds: float, sleep: Sleep = asyncio.sleep) -> None:
        self._catalog = catalog
        self._seconds = seconds
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None
        self._loaded: Stamps = {}
        self._seen: Stamps = {}

    async def start(self) -> None:
        """Remember the files as they are, and begin to look."""
        if self._seconds:
            self._loaded = self._seen = await asyncio.to_thread(self._look)
            self._task = asyncio.create_task(self._run(), name="reload")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while True:
            await self._sleep(self._seconds)
            try:
                await self.look()
            except Exception:
                _log.exception("the agents could not be looked at")

    async def look(self) -> bool:
        """Look once; load what has changed and stood still since. Returns whether it did."""
        seen, self._seen = self._seen, await asyncio.to_thread(self._look)
        if self._seen == self._loaded or self._seen != seen:
            return False
        self._loaded = self._seen
        _log.info("agents have changed", files=len(self._seen))
        RELOADS.inc()
        await self._catalog.load()
        return True

    def _look(self) -> Stamps:
        stamps: Stamps = {}
        for path in find_agents(self._catalog.folders):
            try:
                found = path.stat()
            except OSError:
                continue
            stamps[path] = (found.st_mtime_ns, found.st_size, found.st_ino)
        return stamps
