"""A relay that has no caller: it opens calls in text, posts requests to the engine's inbox and hears the answers."""

import asyncio
import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chassis.bus import FSA_INBOX, RELAY_INBOX, Bus, Headers, Subscription
from chassis.heads import Stamper
from chassis.ids import now_ms
from chassis.leases import SlotLease
from opusagent.call.v1.call_pb2 import CHANNEL_TWILIO, DIRECTION_INBOUND, CallInfo, Route
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIRECTED
from opusagent.fsa.v1.fsa_pb2 import Utterance
from opusagent.media.v1 import inbox_pb2 as media
from opusagent.session.v1.session_pb2 import ROLE_RELAY, OpenCallRequest

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

PATIENCE_SECONDS = 30.0
ROOM = 1_000_000


class EngineCaller:
    """Holds a relay's slot for the length of a block."""

    def __init__(self, bus: Bus, session: "SessionServiceAsyncStub") -> None:
        self.bus = bus
        self.session = session
        holder = f"bench-{secrets.token_hex(4)}"
        self._lease = SlotLease(session, ROLE_RELAY, holder, lambda: 0, ROOM)
        self._subscription: Subscription | None = None
        self._calls: dict[str, TextCall] = {}
        self._numbers = itertools.count()
        self.stamper = Stamper(media.SENDER_RELAY)

    async def __aenter__(self) -> "EngineCaller":
        await self._lease.start()
        self._subscription = await self.bus.listen(RELAY_INBOX, self._lease.slot, self._hear)
        await self._lease.mark_ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._subscription is not None:
            await self._subscription.close()
        await self._lease.stop()

    async def ring(self, agent: str) -> "TextCall":
        """Open a call with an agent; returns once it has greeted."""
        number = next(self._numbers)
        opened = await self.session.OpenCall(
            OpenCallRequest(
                channel=CHANNEL_TWILIO,
                direction=DIRECTION_INBOUND,
                provider_call_id=f"CA{secrets.token_hex(16)}",
                caller=f"+1555{number:07d}",
                callee=f"agent:{agent}",
                now_ms=now_ms(),
            )
        )
        call = TextCall(self, opened.call, opened.route)
        self._calls[call.info.call_id] = call
        await call.open()
        return call

    def forget(self, call: "TextCall") -> None:
        """The call is over."""
        self._calls.pop(call.info.call_id, None)
        self.stamper.forget(call.info.call_id)

    def _hear(self, record: bytes, _: Headers) -> None:
        for item in media.RelayInbox.FromString(record).items:
            call = self._calls.get(item.head.call_id)
            if call is not None:
                call.hear(item)


@dataclass
class TextCall:
    """One call. `over`: the agent has hung up or handed it on."""

    caller: EngineCaller
    info: CallInfo
    route: Route
    over: bool = False
    _events: int = 0
    _awaited: dict[str, asyncio.Future[float]] = field(default_factory=dict)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Ask for the plan."""
        styles = [STYLE_DIRECTED]
        await self._post("opened", plan=media.PlanRequest(call=self.info, styles=styles))

    async def say(self, words: str) -> float:
        """Say something; returns the milliseconds until the engine's answer was here, tools not waited for."""
        self._asked.clear()
        self._events += 1
        begun = time.perf_counter()
        answered = await self._post(f"u{self._events}", utterance=Utterance(text=words))
        return (answered - begun) * 1000

    async def my_turn(self) -> None:
        """Return once the agent has put a question, or has ended the call."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._asked.wait()

    def close(self) -> None:
        """The caller hangs up."""
        stamper = Stamper(media.SENDER_GATEWAY)
        self._send(f"{self.info.call_id}/closed", stamper, closed=media.CallClosed())
        self.caller.forget(self)

    async def _post(self, event: str, **body: Any) -> float:
        event_id = f"{self.info.call_id}/{event}"
        answer = self._awaited[event_id] = asyncio.get_running_loop().create_future()
        self._send(event_id, self.caller.stamper, **body)
        return await asyncio.wait_for(answer, PATIENCE_SECONDS)

    def _send(self, event_id: str, stamper: Stamper, **body: Any) -> None:
        item = media.FsaItem(
            head=stamper.head(self.info.call_id, self.route.relay_generation, "engine"),
            event_id=event_id,
            occurred_at_ms=now_ms(),
            route=self.route,
            session_id=self.info.session_id,
            **body,
        )
        inbox = media.FsaInbox(items=[item])
        self.caller.bus.post(FSA_INBOX, self.route.engine_slot, inbox.SerializeToString())

    def hear(self, item: media.RelayItem) -> None:
        """Take what the engine posted."""
        now = time.perf_counter()
        body = item.WhichOneof("body")
        if body == "plan" and item.plan.error:
            raise RuntimeError(f"the engine serves no such call: {item.plan.error}")
        outputs = item.plan.opening if body == "plan" else item.outputs if body == "outputs" else None
        if outputs is None:
            return
        kinds = {output.WhichOneof("body") for output in outputs.outputs}
        self.over = self.over or bool(kinds & {"hang_up", "hand_off"})
        event_id = outputs.event_id or f"{self.info.call_id}/opened"
        answer = self._awaited.pop(event_id, None)
        if answer is not None and not answer.done():
            answer.set_result(now)
        if "ask" in kinds or self.over:
            self._asked.set()
