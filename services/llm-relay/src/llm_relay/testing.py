"""Fakes that subclass the ports, and a call driven by hand: virtual time, a bus that shows what was posted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from typing_extensions import override

from chassis.bus import FSA_INBOX, GATEWAY_INBOX, Bus, Headers, InboxHandler, LogHandler, Record, Subscription
from llm_relay.adapters.timers import Cancel, Timers
from llm_relay.backends.port import Backend, BackendError, Capabilities, Listener, ModelSession, Opening, Part
from opusagent.call.v1.call_pb2 import CHANNEL_TWILIO, ENCODING_MULAW, AudioFormat, CallInfo, Route
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIALOGUE, STYLE_DIRECTED
from opusagent.fsa.v1.fsa_pb2 import Expectation, Tool, Toolbox
from opusagent.media.v1.inbox_pb2 import (
    SENDER_ENGINE,
    SENDER_GATEWAY,
    CallOpened,
    FsaInbox,
    FsaItem,
    GatewayInbox,
    GatewayItem,
    Head,
    RelayInbox,
    RelayItem,
)
from opusagent.session.v1.session_pb2 import (
    AppendTurnsRequest,
    AppendTurnsResponse,
    LeaseSlotRequest,
    LeaseSlotResponse,
    MarkDeliveredRequest,
    MarkDeliveredResponse,
    ReleaseSlotRequest,
    ReleaseSlotResponse,
    Turn,
)

SPEAKER = Capabilities(styles=(STYLE_DIRECTED,), speaks_text=True, takes_steering=False, truncates=False)
"""What a backend that says what it is told can do."""
TALKER = Capabilities(styles=(STYLE_DIALOGUE,), speaks_text=False, takes_steering=True, truncates=True)
"""What a backend that converses by itself can do."""


class VirtualTimers(Timers):
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self._now_ms = 1_000_000
        self._alarms: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    @override
    def now_ms(self) -> int:
        return self._now_ms

    @override
    def at(self, moment_ms: int, call: Callable[[], None]) -> Cancel:
        self._count += 1
        alarm = (moment_ms, self._count, call)
        self._alarms.append(alarm)
        return lambda: self._alarms.remove(alarm) if alarm in self._alarms else None

    def advance(self, milliseconds: int) -> None:
        """Let time pass; alarms ring at their moments, in order."""
        end_ms = self._now_ms + milliseconds
        while due := [alarm for alarm in self._alarms if alarm[0] <= end_ms]:
            alarm = min(due)
            self._alarms.remove(alarm)
            self._now_ms = max(self._now_ms, alarm[0])
            alarm[2]()
        self._now_ms = end_ms

    @property
    def waiting(self) -> int:
        """Alarms not yet rung."""
        return len(self._alarms)


class PostBox(Bus):
    """A bus that keeps what is posted."""

    def __init__(self) -> None:
        self.to_gateway: list[GatewayItem] = []
        self.to_engine: list[FsaItem] = []
        self.slots: list[tuple[str, int]] = []
        self.inbox: InboxHandler | None = None

    @override
    async def start(self) -> None:
        """Nothing to connect to."""

    @override
    async def stop(self) -> None:
        """Nothing to disconnect from."""

    @property
    @override
    def healthy(self) -> bool:
        return True

    @override
    def post(self, topic: str, slot: int, item: bytes, headers: Headers = ()) -> None:
        self.slots.append((topic, slot))
        if topic == GATEWAY_INBOX:
            self.to_gateway += GatewayInbox.FromString(item).items
        elif topic == FSA_INBOX:
            self.to_engine += FsaInbox.FromString(item).items

    @override
    async def listen(self, topic: str, slot: int, handler: InboxHandler) -> Subscription:
        self.inbox = handler
        return _Subscribed(self)

    @override
    async def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> None:
        raise NotImplementedError("the relay writes no log")

    @override
    async def follow(self, topic: str, group: str, handler: LogHandler) -> Subscription:
        raise NotImplementedError("the relay follows no log")

    @override
    def read(self, topic: str, *, from_start: bool, until_end: bool = False) -> AsyncIterator[Record]:
        raise NotImplementedError("the relay reads no log")


class _Subscribed(Subscription):
    def __init__(self, box: PostBox) -> None:
        self._box = box

    @override
    async def close(self) -> None:
        self._box.inbox = None


class SessionFake:
    """A session servicer that keeps what it is told; for `chassis.rpc.direct`."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.delivered: list[str] = []
        self.leases: list[LeaseSlotRequest] = []
        self.released = 0
        # Errors that the next writes meet, one each.
        self.errors: list[Exception] = []

    async def LeaseSlot(self, request: LeaseSlotRequest, context: object) -> LeaseSlotResponse:
        """Slot 3, for ever."""
        self.leases.append(request)
        return LeaseSlotResponse(slot=3, ttl_ms=60_000)

    async def ReleaseSlot(self, request: ReleaseSlotRequest, context: object) -> ReleaseSlotResponse:
        """Taken back."""
        self.released += 1
        return ReleaseSlotResponse()

    async def AppendTurns(self, request: AppendTurnsRequest, context: object) -> AppendTurnsResponse:
        """Kept, or an error."""
        self._fail()
        self.turns += request.turns
        return AppendTurnsResponse()

    async def MarkDelivered(self, request: MarkDeliveredRequest, context: object) -> MarkDeliveredResponse:
        """Kept, or an error."""
        self._fail()
        self.delivered += request.output_ids
        return MarkDeliveredResponse()

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


@dataclass
class FakeSession(ModelSession):
    """A model session that shows what it was asked; the test plays the model through `listener`."""

    opening: Opening
    listener: Listener
    busy: bool = False
    heard: list[tuple[bytes, int]] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    deliveries: list[tuple[str, list[Part]]] = field(default_factory=list)
    silenced: int = 0
    truncated: list[tuple[str, int]] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)
    closed: bool = False

    @property
    @override
    def free(self) -> bool:
        return not self.busy

    @override
    def hear(self, audio: bytes, media_ms: int) -> None:
        self.heard.append((audio, media_ms))

    @override
    def expect(self, expectation: Expectation) -> None:
        self.expectations.append(expectation)

    @override
    def offer(self, tools: Sequence[Tool]) -> None:
        self.tools = [tool.name for tool in tools]

    @override
    def deliver(self, delivery_id: str, parts: Sequence[Part]) -> None:
        assert not self.busy, "a delivery while the session is not free"
        self.busy = True
        self.deliveries.append((delivery_id, list(parts)))

    @override
    def silence(self) -> None:
        self.silenced += 1
        if self.busy:
            self.busy = False
            asyncio.get_running_loop().call_soon(self.listener.generated, self.deliveries[-1][0])

    @override
    def truncate(self, item_id: str, heard_ms: int) -> None:
        self.truncated.append((item_id, heard_ms))

    @override
    def answer_tool(self, function_call_id: str, output: str) -> None:
        self.answers.append((function_call_id, output))

    @override
    async def close(self) -> None:
        self.closed = True

    # ---- the model's part

    @property
    def texts(self) -> list[str]:
        """What it was asked to say, one text for each delivery."""
        return [" ".join(part.text for part in parts) for _, parts in self.deliveries]

    def speak(self, milliseconds: int = 1000) -> str:
        """Make the last delivery's speech, mu-law, as one item named like it; returns the item's id."""
        delivery_id, parts = self.deliveries[-1]
        self.listener.item_begun(delivery_id, delivery_id)
        text = " ".join(part.text for part in parts)
        self.listener.item_audio(delivery_id, b"\xff" * (8 * milliseconds), text, False)
        self.listener.item_audio(delivery_id, b"", "", True)
        self.end()
        return delivery_id

    def end(self) -> None:
        """Be done with the last delivery."""
        self.busy = False
        self.listener.generated(self.deliveries[-1][0])


class FakeBackend(Backend):
    """Opens fake sessions."""

    def __init__(self, capabilities: Capabilities = SPEAKER, failures: int = 0) -> None:
        self._capabilities = capabilities
        self.failures = failures
        self.sessions: list[FakeSession] = []
        self.running = False

    @property
    @override
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @override
    async def start(self) -> None:
        self.running = True

    @override
    async def stop(self) -> None:
        self.running = False

    @override
    async def open(self, opening: Opening, listener: Listener) -> ModelSession:
        if self.failures:
            self.failures -= 1
            raise BackendError("not now")
        session = FakeSession(opening, listener)
        self.sessions.append(session)
        return session


def call_opened(call_id: str = "call-1", *, reattached: bool = False, **route: int) -> CallOpened:
    """A mu-law call on gateway slot 5, relay slot 3 and engine slot 7, all of generation 1 unless given."""
    slots = {"gateway_slot": 5, "gateway_generation": 1, "relay_slot": 3, "relay_generation": 1, "engine_slot": 7}
    return CallOpened(
        call=CallInfo(
            call_id=call_id,
            session_id="session-1",
            channel=CHANNEL_TWILIO,
            format=AudioFormat(encoding=ENCODING_MULAW, sample_rate_hz=8000),
        ),
        route=Route(**(slots | route)),
        reattached=reattached,
    )


def toolbox(start: Sequence[str] = (), answer: Sequence[str] = (), cancel: Sequence[str] = ()) -> Toolbox:
    """What a model may call: tasks to start, tasks to answer, tasks to cancel."""
    offers = (("start_task", "task", start), ("answer_task", "task_id", answer), ("cancel_task", "task_id", cancel))
    tools = (
        Tool(
            name=name, parameters_schema_json=orjson.dumps({"properties": {argument: {"enum": list(values)}}}).decode()
        )
        for name, argument, values in offers
        if values
    )
    return Toolbox(tools=tools)


class Wire:
    """The gateway's and the engine's ends of a relay's inbox."""

    def __init__(self, deliver: Callable[[bytes, Headers], None], call_id: str = "call-1") -> None:
        self._deliver = deliver
        self._call_id = call_id
        self._sequence = 0
        self.generation = 1

    def gateway(self, media_ms: int = 0, **body: Any) -> None:
        """Deliver one item of the gateway."""
        self._send(SENDER_GATEWAY, media_ms, body)

    def engine(self, **body: Any) -> None:
        """Deliver one item of the engine."""
        self._send(SENDER_ENGINE, 0, body)

    def _send(self, sender: Any, media_ms: int, body: dict[str, Any]) -> None:
        self._sequence += 1
        head = Head(
            call_id=self._call_id,
            sender=sender,
            generation=self.generation,
            sequence=self._sequence,
            media_ms=media_ms,
        )
        self._deliver(RelayInbox(items=[RelayItem(head=head, **body)]).SerializeToString(), ())
