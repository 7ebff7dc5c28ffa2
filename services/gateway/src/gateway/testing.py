"""Fakes for tests of the gateway and of what uses it: a session in memory, and a relay that does as it is told."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chassis import sealing
from chassis.bus import CALL_EVENTS, FSA_INBOX, GATEWAY_INBOX, RELAY_INBOX, Bus, Headers, Record
from chassis.heads import Stamper
from chassis.rpc import RpcError, StatusCode
from opusagent.call.v1.call_pb2 import CallInfo, Channel, Route
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.media.v1.inbox_pb2 import (
    SENDER_ENGINE,
    SENDER_GATEWAY,
    SENDER_RELAY,
    FsaInbox,
    FsaItem,
    GatewayInbox,
    GatewayItem,
    RelayInbox,
    RelayItem,
)
from opusagent.session.v1.session_pb2 import (
    AttachCallRequest,
    AttachCallResponse,
    FindCallRequest,
    FindCallResponse,
    LeaseSlotRequest,
    LeaseSlotResponse,
    NoteTransferRequest,
    NoteTransferResponse,
    OpenCallRequest,
    OpenCallResponse,
    PendingTransfer,
    ReleaseSlotRequest,
    ReleaseSlotResponse,
)

RELAY_SLOT = 3
ENGINE_SLOT = 4


@dataclass
class KnownCall:
    """A call as the fake session keeps it."""

    call: CallInfo
    route: Route
    live: bool = True
    key: bytes = b""
    private: bool = False
    transfer: PendingTransfer | None = None

    def answer(self) -> dict[str, Any]:
        """What both ways to get a call answer; a transfer is forgotten with it."""
        transfer, self.transfer = self.transfer, None
        about = {"session_key": self.key, "caller_private": self.private, "transfer": transfer}
        return {"call": self.call, "route": self.route, **about}


class FakeSession:
    """The session's part in a call's life, in memory; give it to `chassis.rpc.direct`."""

    def __init__(self) -> None:
        self.calls: dict[tuple[int, str], KnownCall] = {}
        self.slots: dict[str, int] = {}
        self.requests: list[Any] = []
        self.failures: list[RpcError] = []
        """Raised, one each, by the next requests about calls."""
        self.hold: asyncio.Event | None = None
        """Where set, requests about calls wait for it."""
        self.key = sealing.new_key()
        """Of every session."""
        self.private = False
        """Whether callers of calls that begin are private."""
        self.asked = asyncio.Event()
        """Set once a request about a call has come."""

    async def LeaseSlot(self, request: LeaseSlotRequest, context: object) -> LeaseSlotResponse:
        """Give each holder a slot of its own."""
        slot = self.slots.setdefault(request.holder, len(self.slots))
        return LeaseSlotResponse(slot=slot, ttl_ms=60_000)

    async def ReleaseSlot(self, request: ReleaseSlotRequest, context: object) -> ReleaseSlotResponse:
        """Take it back."""
        self.slots.pop(request.holder, None)
        return ReleaseSlotResponse()

    async def OpenCall(self, request: OpenCallRequest, context: object) -> OpenCallResponse:
        """Begin a call, or attach to a live one."""
        await self._received(request)
        key = (request.channel, request.provider_call_id)
        known = self.calls.get(key)
        if known is not None and known.live:
            self._raise_generation(known, request.gateway_slot)
            return OpenCallResponse(reattached=True, **known.answer())
        number = len(self.calls) + 1
        call = CallInfo(
            call_id=f"call-{number}",
            session_id=request.resume_session_id or f"session-{number}",
            channel=request.channel,
            direction=request.direction,
            caller=request.caller,
            callee=request.callee,
            format=request.format,
            started_at_ms=request.now_ms,
            resumed=bool(request.resume_session_id),
        )
        route = Route(
            gateway_slot=request.gateway_slot,
            gateway_generation=1,
            relay_slot=RELAY_SLOT,
            relay_generation=1,
            engine_slot=ENGINE_SLOT,
        )
        known = self.calls[key] = KnownCall(call, route, key=self.key, private=self.private)
        return OpenCallResponse(**known.answer())

    async def AttachCall(self, request: AttachCallRequest, context: object) -> AttachCallResponse:
        """Raise the generation of a live call."""
        await self._received(request)
        known = self.calls.get((request.channel, request.provider_call_id))
        if known is None or not known.live:
            raise RpcError(StatusCode.NOT_FOUND, "no such live call")
        self._raise_generation(known, request.gateway_slot)
        return AttachCallResponse(**known.answer())

    async def FindCall(self, request: FindCallRequest, context: object) -> FindCallResponse:
        """Find a call, live or not."""
        await self._received(request)
        known = self.calls.get((request.channel, request.provider_call_id))
        if known is None:
            raise RpcError(StatusCode.NOT_FOUND, "no such call")
        return FindCallResponse(call=known.call, route=known.route, live=known.live, transfer=known.transfer)

    async def NoteTransfer(self, request: NoteTransferRequest, context: object) -> NoteTransferResponse:
        """Keep a transfer."""
        await self._received(request)
        for known in self.calls.values():
            if known.call.call_id == request.call_id and known.live:
                known.transfer = PendingTransfer.FromString(request.transfer.SerializeToString())
                return NoteTransferResponse()
        raise RpcError(StatusCode.NOT_FOUND, "no such live call")

    async def _received(self, request: Any) -> None:
        self.requests.append(request)
        self.asked.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.failures:
            raise self.failures.pop(0)

    def _raise_generation(self, known: KnownCall, slot: int) -> None:
        known.route.gateway_generation += 1
        known.route.gateway_slot = slot

    def of(self, channel: Channel, provider_call_id: str) -> KnownCall:
        """Return a call that must be known."""
        return self.calls[channel, provider_call_id]


@dataclass
class Peers:
    """Everything the gateway tells others, and a relay's way to answer."""

    bus: Bus
    relay: list[RelayItem] = field(default_factory=list)
    engine: list[FsaItem] = field(default_factory=list)
    facts: list[CallEvent] = field(default_factory=list)
    on_relay: Callable[[RelayItem], None] = lambda item: None

    def __post_init__(self) -> None:
        self._stamper = Stamper(SENDER_RELAY)
        self._engine_stamper = Stamper(SENDER_ENGINE)
        self._changed = asyncio.Event()
        self._subscriptions: list[Any] = []

    async def start(self) -> None:
        """Listen at the slots that `FakeSession` routes to, and to the log."""
        self._subscriptions = [
            await self.bus.listen(RELAY_INBOX, RELAY_SLOT, self._take_relay),
            await self.bus.listen(FSA_INBOX, ENGINE_SLOT, self._take_engine),
            await self.bus.follow(CALL_EVENTS, "peers", self._take_fact),
        ]

    async def stop(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            await subscription.close()

    def _take_relay(self, record: bytes, headers: Headers) -> None:
        for item in RelayInbox.FromString(record).items:
            self.relay.append(item)
            self.on_relay(item)
        self._changed.set()

    def _take_engine(self, record: bytes, headers: Headers) -> None:
        self.engine.extend(FsaInbox.FromString(record).items)
        self._changed.set()

    async def _take_fact(self, record: Record) -> None:
        self.facts.append(CallEvent.FromString(record.value))
        self._changed.set()

    def say(self, item: RelayItem | KnownCall, generation: int = 1, by_engine: bool = False, **body: Any) -> None:
        """Post one body to the gateway of a call, as its relay, or as its engine."""
        if isinstance(item, KnownCall):
            call_id, slot = item.call.call_id, item.route.gateway_slot
        else:
            call_id, slot = item.opened.call.call_id, item.opened.route.gateway_slot
        stamper = self._engine_stamper if by_engine else self._stamper
        head = stamper.head(call_id, generation, SENDER_GATEWAY)
        inbox = GatewayInbox(items=[GatewayItem(head=head, **body)])
        self.bus.post(GATEWAY_INBOX, slot, inbox.SerializeToString())

    async def until(self, condition: Callable[[], Any], seconds: float = 5.0) -> Any:
        """Wait until a condition on what was told holds; returns its value."""
        async with asyncio.timeout(seconds):
            while not (value := condition()):
                self._changed.clear()
                await self._changed.wait()
        return value

    async def relay_item(self, body: str, count: int = 1) -> RelayItem:
        """Wait for the count-th item of a kind to the relay."""
        items: list[RelayItem] = await self.until(lambda: self._having(self.relay, body)[count - 1 : count])
        return items[0]

    async def engine_item(self, body: str, count: int = 1) -> FsaItem:
        """Wait for the count-th item of a kind to the engine."""
        items: list[FsaItem] = await self.until(lambda: self._having(self.engine, body)[count - 1 : count])
        return items[0]

    async def fact(self, kind: str, count: int = 1) -> CallEvent:
        """Wait for the count-th fact of a kind."""
        facts: list[CallEvent] = await self.until(lambda: self._having(self.facts, kind)[count - 1 : count])
        return facts[0]

    def audio_of(self, call_id: str) -> bytes:
        """Caller audio that the relay got of a call, joined."""
        by_call: dict[str, bytes] = defaultdict(bytes)
        for item in self.relay:
            if item.HasField("audio"):
                by_call[item.head.call_id] += item.audio.audio
        return by_call[call_id]

    @staticmethod
    def _having(items: list[Any], name: str) -> list[Any]:
        return [item for item in items if item.HasField(name)]
