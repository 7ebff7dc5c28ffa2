"""The log of facts as a story watches it: only what concerns its own caller."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from chassis.logging import get_logger
from chassis.rpc import RpcError
from opusagent.events.v1 import events_pb2 as events
from opusagent.session.v1 import session_pb2
from simulator.clock import Clock

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

log = get_logger("simulator.stories")

_AGAIN_S = 0.5


class Facts:
    """Follows the log in the background between `start` and `stop`; each fact once, in the log's order."""

    def __init__(
        self, session: "SessionServiceAsyncStub", clock: Clock, number: str, on_fact: Callable[[events.CallEvent], None]
    ) -> None:
        """`number`: the caller's; facts of his sessions and of legs given to `own` are kept, others are not."""
        self._session = session
        self._clock = clock
        self._number = number
        self._on_fact = on_fact
        self._legs: set[str] = set()
        self._sessions: set[str] = set()
        self._seen: set[str] = set()
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.events: list[events.CallEvent] = []

    def own(self, provider_call_id: str) -> None:
        """A leg of this story: needed where the caller's number is withheld."""
        self._legs.add(provider_call_id)

    @property
    def sessions(self) -> frozenset[str]:
        """Sessions of this story's calls."""
        return frozenset(self._sessions)

    async def start(self) -> None:
        """Begin to watch. From the start of the log, so that nothing is missed while the stream opens."""
        self._task = asyncio.create_task(self._watch(), name="facts")

    async def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def of(self, kind: str) -> list[events.CallEvent]:
        """The facts of one kind (`call_ended`, `sms_requested`, ...), oldest first."""
        return [event for event in self.events if event.WhichOneof("fact") == kind]

    async def wait_for(self, kind: str, timeout: float, count: int = 1) -> bool:
        """Whether so many facts of a kind were recorded in time."""

        async def enough() -> None:
            async with self._changed:
                await self._changed.wait_for(lambda: len(self.of(kind)) >= count)

        try:
            await self._clock.wait_for(enough(), timeout)
        except TimeoutError:
            return False
        return True

    async def _watch(self) -> None:
        while True:
            try:
                async for answer in self._session.WatchEvents(session_pb2.WatchEventsRequest(from_start=True)):
                    await self._take(answer.event)
            except RpcError as error:
                log.warning("cannot watch the log; trying again", code=error.code.name)
            except Exception:
                log.exception("watching the log broke; trying again")
            await self._clock.sleep(_AGAIN_S)

    async def _take(self, event: events.CallEvent) -> None:
        if event.event_id in self._seen or not self._is_ours(event):
            return
        self._seen.add(event.event_id)
        self.events.append(event)
        self._on_fact(event)
        async with self._changed:
            self._changed.notify_all()

    def _is_ours(self, event: events.CallEvent) -> bool:
        kind = event.WhichOneof("fact")
        if kind == "call_started":
            started = event.call_started
            if started.provider_call_id in self._legs or started.call.caller == self._number:
                self._sessions.add(event.session_id)
        if kind == "sms_received" and event.sms_received.from_number == self._number:
            return True
        return event.session_id in self._sessions
