"""What one call tells its relay and its engine."""

from opentelemetry.context import Context

from chassis import sealing, tracing
from chassis.bus import FSA_INBOX, RELAY_INBOX, Bus, Headers
from chassis.ids import Clock
from opusagent.call.v1.call_pb2 import CallInfo, EndReason, Route, TransferOutcome, TransferResult
from opusagent.fsa.v1.fsa_pb2 import KeyPress
from opusagent.media.v1.inbox_pb2 import (
    SENDER_GATEWAY,
    CallClosed,
    CallerAudio,
    CallOpened,
    FsaInbox,
    FsaItem,
    Head,
    Heard,
    RelayInbox,
    RelayItem,
)

_EVENTS_PER_GENERATION = 10_000
"""Key presses and transfers get event ids that no other generation of the call uses."""


class Poster:
    """Posts to the inboxes of one call's route, numbering what it posts.

    Events carry the call's trace. Audio and `Heard` do not, for an item with headers is a record of its own.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        call: CallInfo,
        route: Route,
        session_key: bytes = b"",
        *,
        trace: Context | None = None,
    ) -> None:
        """`session_key`: seals what is for the engine alone; `trace`: the call's."""
        self._bus = bus
        self._clock = clock
        self.call = call
        self._session_key = session_key
        self.trace = trace
        self._headers = tracing.inject(trace) if trace is not None else ()
        self._frame = RelayInbox(
            items=[
                RelayItem(head=Head(call_id=call.call_id, sender=SENDER_GATEWAY), audio=CallerAudio()),
            ]
        )
        self._frame_head = self._frame.items[0].head
        self._frame_audio = self._frame.items[0].audio
        self.reroute(route)

    def reroute(self, route: Route) -> None:
        """Follow the call to where session put it; numbering starts anew with a new generation."""
        self.route = route
        self._relay_slot = route.relay_slot
        self._to_relay = 0
        self._to_engine = 0
        self._keys = 0
        self._transfers = 0
        self._frame_head.generation = route.gateway_generation

    def opened(self, reattached: bool, media_ms: int) -> None:
        """Say that the call is here, to relay and engine."""
        opened = CallOpened(call=self.call, route=self.route, reattached=reattached)
        self._relay(RelayItem(head=self._relay_head(media_ms), opened=opened), self._headers)
        self._engine(f"g{self.route.gateway_generation}/opened", FsaItem(opened=opened))

    def caller_audio(self, media_ms: int, audio: bytes) -> None:
        """Pass a piece of caller audio on; the hot path."""
        self._to_relay = sequence = self._to_relay + 1
        head = self._frame_head
        head.sequence = sequence
        head.media_ms = media_ms
        self._frame_audio.audio = audio
        self._bus.post(RELAY_INBOX, self._relay_slot, self._frame.SerializeToString())

    def heard(self, item_id: str, heard_ms: int, ended: bool, flushed: bool) -> None:
        """Say how far the caller has heard an item."""
        heard = Heard(item_id=item_id, heard_ms=heard_ms, ended=ended, flushed=flushed)
        self._relay(RelayItem(head=self._relay_head(), heard=heard))

    def key(self, digit: str, media_ms: int, *, private: bool) -> None:
        """Pass a key press on; in private the engine alone learns which, and relay and topics that there was one."""
        self._keys += 1
        key = self._in_private(digit) if private else KeyPress(digit=digit)
        told = KeyPress(digit="" if private else digit)
        self._relay(RelayItem(head=self._relay_head(media_ms), key=told), self._headers)
        self._engine(f"k{self._number(self._keys)}", FsaItem(key=key), media_ms)

    def _in_private(self, digit: str) -> KeyPress:
        if not self._session_key:
            return KeyPress(digit=digit)
        return KeyPress(sealed=sealing.seal(self._session_key, self.call.session_id, digit.encode()))

    def transferred(self, outcome: TransferOutcome, detail: str) -> None:
        """Say what became of a transfer, to relay and engine."""
        self._transfers += 1
        event = f"t{self._number(self._transfers)}"
        result = TransferResult(outcome=outcome, detail=detail[:200], event_id=f"{self.call.call_id}/{event}")
        self._relay(RelayItem(head=self._relay_head(), transferred=result), self._headers)
        self._engine(event, FsaItem(transferred=result))

    def _number(self, count: int) -> int:
        return (max(self.route.gateway_generation, 1) - 1) * _EVENTS_PER_GENERATION + count

    def closed(self, reason: EndReason) -> None:
        """Say that the leg has ended, to relay and engine; nothing follows."""
        closed = CallClosed(reason=reason)
        self._relay(RelayItem(head=self._relay_head(), closed=closed), self._headers)
        self._engine("closed", FsaItem(closed=closed))

    def _relay_head(self, media_ms: int = 0) -> Head:
        self._to_relay += 1
        return self._head(self._to_relay, media_ms)

    def _head(self, sequence: int, media_ms: int) -> Head:
        return Head(
            call_id=self.call.call_id,
            sender=SENDER_GATEWAY,
            generation=self.route.gateway_generation,
            sequence=sequence,
            media_ms=media_ms,
        )

    def _relay(self, item: RelayItem, headers: Headers = ()) -> None:
        self._bus.post(RELAY_INBOX, self._relay_slot, RelayInbox(items=[item]).SerializeToString(), headers)

    def _engine(self, event: str, item: FsaItem, media_ms: int = 0) -> None:
        self._to_engine += 1
        item.head.CopyFrom(self._head(self._to_engine, media_ms))
        item.event_id = f"{self.call.call_id}/{event}"
        item.occurred_at_ms = self._clock()
        item.route.CopyFrom(self.route)
        item.session_id = self.call.session_id
        self._bus.post(FSA_INBOX, self.route.engine_slot, FsaInbox(items=[item]).SerializeToString(), self._headers)
