"""Finding intents whose engine is gone, without waiting for the caller's next event.

When an engine starts, and from time to time after, it looks through the newest sessions with a task open. An intent
that is another process's and whose try is over has lost its engine: the session is visited, which settles it. Several
engines may find the same one; settling allows for that.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping

from chassis.logging import get_logger
from chassis.retry import Sleep
from chassis.rpc import RpcError
from fsa_engine.adapters.line_post import Line
from fsa_engine.adapters.session_store import SessionStore
from fsa_engine.conversations import Conversations
from fsa_engine.intents import IntentRunner
from fsa_engine.metrics import INTENTS_ORPHANED
from fsa_engine.open_intents import Visit
from opusagent.call.v1.call_pb2 import CHANNEL_TEXT
from opusagent.session.v1.session_pb2 import Intent

LIMIT = 500
"""Sessions looked through, newest first."""

_log = get_logger(__name__)


class Sweeper:
    """Looks every `seconds`, and sooner where a try of another process ends sooner; 0 = only when started."""

    def __init__(
        self,
        store: SessionStore,
        conversations: Conversations,
        runner: IntentRunner,
        seconds: float,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._runner = runner
        self._seconds = seconds
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the background."""
        self._task = asyncio.create_task(self._run(), name="sweep")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while True:
            soonest = await self._guarded(self.sweep)
            if not self._seconds and soonest is None:
                return
            rest = self._seconds * random.uniform(0.5, 1.0) if self._seconds else float("inf")
            await self._sleep(min(rest, soonest if soonest is not None else rest))

    async def _guarded(self, sweep: Callable[[], Awaitable[float | None]]) -> float | None:
        try:
            return await sweep()
        except RpcError as error:
            _log.warning("sessions could not be looked through", problem=str(error))
        except Exception:
            _log.exception("sessions could not be looked through")
        return None

    async def sweep(self) -> float | None:
        """Visit every session that lost its engine; return after how many seconds the next try of another one ends."""
        orphaned: list[str] = []
        waits: list[float] = []
        for view in await self._store.sessions(LIMIT):
            if not view.business.open_tasks or view.session_id in self._conversations:
                continue
            others = await self._open_elsewhere(view.session_id)
            if not others:
                continue
            wait = max(self._runner.left_seconds(intent) for intent in others)
            (orphaned.append(view.session_id) if not wait else waits.append(wait))
        if orphaned:
            await self._visit(orphaned)
        return min(waits, default=None)

    async def _open_elsewhere(self, session_id: str) -> list[Intent]:
        loaded = await self._store.load(session_id)
        return [intent for intent in loaded.open_intents if not self._runner.owns(intent)]

    async def _visit(self, session_ids: Iterable[str]) -> None:
        lines = await self._lines()
        for session_id in session_ids:
            INTENTS_ORPHANED.inc()
            _log.warning("an intent's engine is gone, it is settled", session_id=session_id)
            self._conversations.attend(session_id, Visit(lines.get(session_id)))

    async def _lines(self) -> Mapping[str, Line]:
        """Return the relay of every live call that has one, by session; a call in text has none."""
        calls = await self._store.calls()
        spoken = [one for one in calls if one.live and one.call.channel != CHANNEL_TEXT]
        return {one.call.session_id: Line.of(one.call.call_id, one.route) for one in spoken}
