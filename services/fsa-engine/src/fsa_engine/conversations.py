"""All conversations of this process: each session's events in order, sessions beside one another."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from chassis.logging import get_logger
from fsa_engine.conversation import Conversation
from fsa_engine.domain.events import Event
from fsa_engine.jobs import Announced, Job
from fsa_engine.metrics import SESSIONS
from fsa_engine.open_intents import Visit
from fsa_engine.stepping import Ports

_log = get_logger(__name__)


@dataclass(frozen=True)
class IdleLimits:
    """Seconds without an event after which a session is forgotten (it is saved, and loaded again when needed).

    `abandoned_seconds` holds for a session whose call was never closed.
    """

    idle_seconds: float = 60.0
    abandoned_seconds: float = 7200.0


class Conversations:
    """Makes, finds and forgets conversations."""

    def __init__(self, ports: Ports, limits: IdleLimits) -> None:
        self._ports = ports
        self._limits = limits
        self._held: dict[str, tuple[Conversation, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()
        self._news: WeakValueDictionary[str, asyncio.Future[None]] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._held

    @property
    def live_calls(self) -> int:
        """Conversations whose call goes on."""
        return sum(1 for conversation, _ in self._held.values() if conversation.lines.live is not None)

    def submit(self, session_id: str, job: Job) -> None:
        """Give an event to its session's conversation."""
        self._of(session_id).submit(job)

    async def step(self, session_id: str, event: Event) -> bool:
        """Have an event stepped that comes from no call's line; return whether the step was saved."""
        saved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def done(ok: bool) -> None:
            if not saved.done():
                saved.set_result(ok)

        self.submit(session_id, Job(event, done=done))
        return await saved

    def changed(self, session_id: str) -> "asyncio.Future[None]":
        """Return a future that is done once something of a session has been dealt with here."""
        news = self._news.get(session_id)
        if news is None:
            news = self._news[session_id] = asyncio.get_running_loop().create_future()
        return news

    def _dealt(self, session_id: str) -> None:
        self._changed.set()
        news = self._news.pop(session_id, None)
        if news is not None and not news.done():
            news.set_result(None)

    def attend(self, session_id: str, task: Visit | Announced) -> None:
        """Have a session's open intents settled, or a gateway told how its call is held."""
        self._of(session_id).attend(task)

    def _of(self, session_id: str) -> Conversation:
        if session_id not in self._held:
            conversation = Conversation(session_id, self._ports, lambda: self._dealt(session_id))
            task = asyncio.create_task(self._run(conversation), name=f"session-{session_id}")
            self._held[session_id] = (conversation, task)
            SESSIONS.set(len(self._held))
        return self._held[session_id][0]

    async def drained(self) -> None:
        """Return once no call goes on and nothing is being worked on."""
        await self._until_none(lambda conversation: conversation.lines.live is not None or conversation.busy)

    async def stop(self, seconds: float) -> None:
        """Save what was accepted, for at most `seconds`, then end."""
        try:
            async with asyncio.timeout(seconds):
                await self._until_none(lambda conversation: conversation.pending_events > 0)
        except TimeoutError:
            _log.warning("events were left unsaved at the end; the relay sends them again")
        held, self._held = list(self._held.values()), {}
        for conversation, task in held:
            await conversation.stop()
            task.cancel()
        await asyncio.gather(*(task for _, task in held), return_exceptions=True)
        SESSIONS.set(0)

    async def _until_none(self, busy: Callable[[Conversation], bool]) -> None:
        while any(busy(conversation) for conversation, _ in self._held.values()):
            self._changed.clear()
            await self._changed.wait()

    async def _run(self, conversation: Conversation) -> None:
        def idle_seconds() -> float:
            limits = self._limits
            return limits.idle_seconds if conversation.lines.live is None else limits.abandoned_seconds

        try:
            await conversation.run(idle_seconds)
        finally:
            if self._held.get(conversation.session_id, (None,))[0] is conversation:
                del self._held[conversation.session_id]
            for call_id in conversation.lines.calls:
                self._ports.post.forget(call_id)
            SESSIONS.set(len(self._held))
