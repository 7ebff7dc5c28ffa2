"""Work in the background that somebody owns."""

import asyncio
from collections.abc import Coroutine

from chassis.logging import get_logger

_log = get_logger(__name__)


class Tasks:
    """Runs coroutines; their failures are logged, and `stop` ends them all."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        """Run in the background."""
        task = asyncio.get_running_loop().create_task(_guarded(work, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """Cancel what runs and wait for it."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _guarded(work: Coroutine[None, None, None], name: str) -> None:
    try:
        await work
    except Exception:
        _log.exception("background work failed", work=name)
