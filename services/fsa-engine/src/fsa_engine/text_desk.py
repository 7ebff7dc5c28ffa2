"""What it takes to hold a call in text: steps, waiting for tools, the transcript, and its end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from chassis.facts import FactLog
from chassis.ids import Clock
from chassis.logging import get_logger
from fsa_engine.adapters.session_store import SessionStore
from fsa_engine.catalog import AgentCatalog
from fsa_engine.conversations import Conversations
from fsa_engine.domain.events import CallClosed, Event
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.task_view import TaskView, asks_for_secret, texts, view
from opusagent.call.v1.call_pb2 import (
    CHANNEL_TEXT,
    END_REASON_AGENT_HUNG_UP,
    END_REASON_CALLER_HUNG_UP,
    END_REASON_TRANSFERRED,
    CallInfo,
    EndReason,
)
from opusagent.events.v1 import events_pb2 as facts
from opusagent.session.v1.session_pb2 import LoadTaskResponse, Turn

LOOK_SECONDS = 0.5
"""How often a call that another engine works on is looked at."""

_log = get_logger(__name__)

Report = Callable[[str], Awaitable[None]]
"""Hears what the agent says while a tool is at work."""


@dataclass(frozen=True)
class TextCall:
    """A call that somebody holds in text by its `handle`."""

    handle: str
    session_id: str
    call_id: str
    started_at_ms: int

    @staticmethod
    def of(info: CallInfo, secret: str) -> "TextCall":
        """Return a call of session's as one in text."""
        return TextCall(f"{info.session_id}.{secret}", info.session_id, info.call_id, info.started_at_ms)


@dataclass
class TextDesk:
    """Holds calls in text. Keeps nothing of them but a timer each, so that any engine can go on with one.

    `wait_seconds`: how long is waited for tools. `idle_seconds`: a call that no engine has stepped for so long, or up
    to twice as long, is ended.
    """

    store: SessionStore
    conversations: Conversations
    catalog: AgentCatalog
    log: FactLog
    clock: Clock
    wait_seconds: float = 10.0
    idle_seconds: float = 900.0
    _timers: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def adopt(self) -> None:
        """See to it that calls which another engine left are ended when nobody continues them. Raises RpcError."""
        for one in await self.store.calls():
            if one.live and one.call.channel == CHANNEL_TEXT:
                self._watch(TextCall.of(one.call, ""))

    async def stop(self) -> None:
        """Leave the calls to other engines."""
        timers = list(self._timers.values())
        for timer in timers:
            timer.cancel()
        await asyncio.gather(*timers, return_exceptions=True)

    async def step(self, call: TextCall, event: Event) -> bool:
        """Have an event stepped and saved; False: it was dropped."""
        self._watch(call)
        return await self.conversations.step(call.session_id, event)

    async def at_rest(self, call: TextCall, report: Report | None = None) -> tuple[LoadTaskResponse, TaskView]:
        """Return how a call stands once no tool is at work, or after `wait_seconds`. Raises RpcError."""
        until = asyncio.get_running_loop().time() + self.wait_seconds
        told = 0
        while True:
            changed = self.conversations.changed(call.session_id)
            loaded = await self.store.load(call.session_id)
            made = view(call.handle, loaded, Snapshot.from_bytes(loaded.snapshot))
            if made.state != "working" or asyncio.get_running_loop().time() >= until:
                return loaded, made
            if report is not None:
                for text in made.said[told:]:
                    await report(text)
            told = len(made.said)
            await asyncio.wait([changed], timeout=LOOK_SECONDS)

    async def outcome(self, call: TextCall, report: Report) -> TaskView:
        """Return how a call stands once it is at rest; ends it if nothing is left to do in it. Raises RpcError."""
        loaded, made = await self.at_rest(call, report)
        if made.final and Snapshot.from_bytes(loaded.snapshot).phase != "closed":
            handed_off = made.state == "handed_off"
            await self.end(call, END_REASON_TRANSFERRED if handed_off else END_REASON_AGENT_HUNG_UP)
        return made

    async def heard(self, call: TextCall, turn_id: str, words: str, snapshot: Snapshot) -> None:
        """Put the person's words into the transcript, unless they hold a secret. Raises RpcError."""
        served = self.catalog.find(snapshot.definition_hash, snapshot.call.callee)
        if not (served and asks_for_secret(served.agent, snapshot)):
            await self._write_down(call, [(turn_id, words)], facts.SPEAKER_CALLER)

    async def delivered(self, call: TextCall, loaded: LoadTaskResponse, but_of: str = "") -> None:
        """Take note that all which was said has arrived, but what the named event led to. Raises RpcError."""
        ids = [one.output_id for one in loaded.undelivered if not but_of or not one.output_id.startswith(but_of)]
        if ids:
            await self._spoken(call, loaded)
            await self.store.mark_delivered(call.session_id, ids)

    async def end(self, call: TextCall, reason: EndReason) -> None:
        """End a call: its events are over, and session hears of it. Raises RpcError."""
        timer = self._timers.pop(call.call_id, None)
        if timer is not None and timer is not asyncio.current_task():
            timer.cancel()
        await self._spoken(call, await self.store.load(call.session_id))
        name = EndReason.Name(reason).removeprefix("END_REASON_").lower()
        closed = CallClosed(event_id=f"{call.call_id}/closed", at_ms=self.clock(), reason=name)
        await self.conversations.step(call.session_id, closed)
        ended = facts.CallEnded(reason=reason, duration_ms=max(0, self.clock() - call.started_at_ms))
        self.log.record_soon(call.session_id, call.call_id, f"{call.call_id}/ended", call_ended=ended)

    async def _spoken(self, call: TextCall, loaded: LoadTaskResponse) -> None:
        said = [(one.output_id, " ".join(texts([one]))) for one in loaded.undelivered]
        await self._write_down(call, said, facts.SPEAKER_AGENT)

    async def _write_down(self, call: TextCall, said: list[tuple[str, str]], speaker: facts.Speaker) -> None:
        now = self.clock()
        turns = [
            Turn(
                turn_id=turn_id,
                call_id=call.call_id,
                occurred_at_ms=now,
                turn=facts.TurnTaken(speaker=speaker, text=text),
            )
            for turn_id, text in said
            if text
        ]
        if turns:
            await self.store.append_turns(call.session_id, turns)

    def _watch(self, call: TextCall) -> None:
        timer = self._timers.pop(call.call_id, None)
        if timer is not None:
            timer.cancel()
        self._timers[call.call_id] = asyncio.create_task(self._end_when_idle(call), name=f"idle-{call.call_id}")

    async def _end_when_idle(self, call: TextCall) -> None:
        seen, version = -1, -2
        try:
            while seen != version:
                seen = version
                await asyncio.sleep(self.idle_seconds)
                version = (await self.store.load(call.session_id)).version
            _log.info("a call in text is ended since nobody continues it", session_id=call.session_id)
            await self.end(call, END_REASON_CALLER_HUNG_UP)
        except Exception:
            _log.exception("a call in text could not be ended", session_id=call.session_id)
