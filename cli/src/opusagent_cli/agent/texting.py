"""A conversation in text with a served agent, one exchange at a time."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chassis.bus import CALL_EVENTS
from chassis.ids import new_id
from fsa_engine.domain.events import CallClosed, Event, KeyPressed, NoInput, Opened, TransferReturned, Utterance
from fsa_engine.domain.secrecy import is_private
from fsa_engine.domain.snapshot import Snapshot
from opusagent.call.v1.call_pb2 import CHANNEL_TEXT, DIRECTION_INBOUND, END_REASON_CALLER_HUNG_UP, CallInfo
from opusagent.events.v1.events_pb2 import CallEnded, CallEvent, CallStarted, FsaStepped
from opusagent.fsa.v1.fsa_pb2 import Output
from opusagent.session.v1 import session_pb2 as api
from opusagent_cli.agent.rooms import Room

LOOK_SECONDS = 0.5
"""How often a tool at work is looked after."""
PATIENCE_SECONDS = 150.0
"""After this a tool that is still at work is not waited for any more."""


@dataclass(frozen=True)
class Exchange:
    """What an event led to: outputs in order, and the audit records of the steps.

    `failures`: what tools said of calls that failed. `waiting`: a tool is still at work. `private`: on the
    telephone only keys would be heard now, and not the caller.
    """

    outputs: tuple[Output, ...]
    records: tuple[Mapping[str, Any], ...]
    failures: tuple[str, ...] = ()
    waiting: bool = False
    private: bool = False

    @property
    def over(self) -> bool:
        """Whether the agent has ended the conversation."""
        return any(output.WhichOneof("body") == "hang_up" for output in self.outputs)


@dataclass
class TextConversation:
    """One call in text. Begin with `open`; every method returns when nothing is at work any more."""

    room: Room
    caller: str = ""
    _call: CallInfo = field(default_factory=CallInfo)
    _seen: set[str] = field(default_factory=set)
    _audited: int = 0
    _events: int = 0

    @property
    def session_id(self) -> str:
        """The session, as `audit` and `replay` want it."""
        return self._call.session_id

    async def open(self) -> Exchange:
        """Ring."""
        callee = f"agent:{self.room.agent.agent}"
        request = api.OpenCallRequest(
            channel=CHANNEL_TEXT,
            direction=DIRECTION_INBOUND,
            provider_call_id=new_id("chat"),
            caller=self.caller,
            callee=callee,
            now_ms=self.room.clock(),
        )
        self._call = (await self.room.session.OpenCall(request)).call
        await self._record(call_started=CallStarted(call=self._call))
        opened = Opened(
            **self._head(),
            call_id=self._call.call_id,
            caller=self.caller,
            callee=callee,
            channel="text",
            resumed=self._call.resumed,
        )
        return await self._happen(opened)

    async def say(self, words: str) -> Exchange:
        """Say something."""
        return await self._happen(Utterance(**self._head(), text=words))

    async def press(self, digit: str) -> Exchange:
        """Press a key."""
        return await self._happen(KeyPressed(**self._head(), digit=digit))

    async def keep_silent(self) -> Exchange:
        """Say nothing for as long as the agent waits."""
        return await self._happen(NoInput(**self._head()))

    async def transferred(self, outcome: Literal["answered", "busy", "no_answer"]) -> Exchange:
        """Say what became of a transfer to a human."""
        return await self._happen(TransferReturned(**self._head(), outcome=outcome))

    async def close(self) -> None:
        """Hang up."""
        await self._happen(CallClosed(**self._head(), reason="caller_hung_up"))
        await self._record(call_ended=CallEnded(reason=END_REASON_CALLER_HUNG_UP))

    def _head(self) -> dict[str, Any]:
        self._events += 1
        return {"event_id": f"{self._call.call_id}/t{self._events}", "at_ms": self.room.clock()}

    async def _happen(self, event: Event) -> Exchange:
        """Have an event stepped, and wait for all that it sets going."""
        conversations = self.room.engine.conversations
        await conversations.step(self.session_id, event)
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            changed = conversations.changed(self.session_id)
            loaded = await self.room.session.LoadTask(api.LoadTaskRequest(session_id=self.session_id))
            late = asyncio.get_running_loop().time() > until
            if not loaded.open_intents or late:
                break
            await asyncio.wait([changed], timeout=LOOK_SECONDS)
        outputs = tuple(output for output in loaded.undelivered if output.output_id not in self._seen)
        self._seen |= {output.output_id for output in outputs}
        delivered = api.MarkDeliveredRequest(session_id=self.session_id, output_ids=sorted(self._seen))
        await self.room.session.MarkDelivered(delivered)
        records = [record async for record in self._records(loaded.audit_index)]
        failures = tuple(self.room.failures)
        self.room.failures.clear()
        return Exchange(outputs, tuple(records), failures, waiting=late, private=self._private(loaded))

    def _private(self, loaded: api.LoadTaskResponse) -> bool:
        snapshot = Snapshot.from_bytes(loaded.snapshot)
        served = self.room.engine.catalog.find(snapshot.definition_hash, snapshot.call.callee)
        return served is not None and is_private(served.agent, snapshot)

    async def _records(self, until: int) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the audit records up to a number that are new here; they reach the log soon after they are saved."""
        async for record in self.room.bus.read(CALL_EVENTS, from_start=True):
            if self._audited >= until:
                return
            event = CallEvent.FromString(record.value)
            if event.session_id == self.session_id and event.WhichOneof("fact") == "fsa_stepped":
                fact: FsaStepped = event.fsa_stepped
                if fact.audit_index > self._audited:
                    self._audited = fact.audit_index
                    yield json.loads(fact.record_json)
                    if self._audited >= until:
                        return

    async def _record(self, **fact: Any) -> None:
        event = CallEvent(
            event_id=new_id("chat"),
            session_id=self._call.session_id,
            call_id=self._call.call_id,
            occurred_at_ms=self.room.clock(),
            source="chat",
            **fact,
        )
        await self.room.bus.append(CALL_EVENTS, self._call.session_id, event.SerializeToString())
