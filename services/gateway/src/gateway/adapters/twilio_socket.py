"""WS /twilio/media: the shell around `domain.twilio`, and a Twilio leg to its call."""

import asyncio
from collections.abc import Callable

from chassis.logging import get_logger
from gateway import metrics
from gateway.adapters.sockets import Sockets
from gateway.adapters.websocket import Socket
from gateway.desk import Refused
from gateway.domain.numbers import telephone_number
from gateway.domain.twilio import Connected, Dtmf, Event, Mark, Media, Start, Stop, Stream, Unknown
from gateway.domain.wire import Malformed, ProtocolViolation
from gateway.live_call import LiveCall
from gateway.ports import Leg, outcome_name
from gateway.switchboard import Arrival, Switchboard
from opusagent.call.v1.call_pb2 import Channel, Direction, EndReason, TransferOutcome

MAX_EARLY_BYTES = 15 * 8000 * 2
"""Caller audio kept while session is asked for the call."""

Check = Callable[[Start], bool]
"""Whether a `start` carries a valid nonce."""

_log = get_logger(__name__)


class TwilioSocket(Socket, Leg):
    """One media stream."""

    channel = Channel.CHANNEL_TWILIO
    echoes_marks = True

    def __init__(
        self,
        sockets: Sockets,
        switchboard: Switchboard,
        check: Check,
        *,
        lead_ms: int,
        dead_peer_seconds: float,
        max_message_bytes: int,
    ) -> None:
        super().__init__(sockets, max_message_bytes)
        self.lead_ms = lead_ms
        self._switchboard = switchboard
        self._check = check
        self._dead_peer_seconds = dead_peer_seconds
        self._stream = Stream()
        self._call: LiveCall | None = None
        self._early: list[bytes] | None = None
        self._early_bytes = 0
        self._heard_of = False
        self._watch: asyncio.TimerHandle | None = None
        self._traffic = metrics.TRAFFIC.of(self.channel_name)

    # ---- from Twilio

    def received(self, message: bytes) -> None:
        """Take one message."""
        event = self._stream.receive(message)
        if type(event) is Media:
            self._media(event.audio)
        else:
            HANDLERS[type(event)](self, event)

    def _media(self, audio: bytes) -> None:
        self._heard_of = True
        traffic = self._traffic
        traffic.frames_in += 1
        traffic.bytes_in += len(audio)
        if self._call is not None:
            self._call.caller_audio(self, audio)
        elif self._early is not None and self._early_bytes < MAX_EARLY_BYTES:
            self._early.append(audio)
            self._early_bytes += len(audio)

    def _start(self, start: Start) -> None:
        if not self._check(start):
            raise ProtocolViolation("nonce", "this stream was not asked for", 1008)
        self.started()
        self.format = start.format
        self._early = []
        self._watch_peer()
        self._sockets.tasks.spawn(self._open(start), "open")

    async def _open(self, start: Start) -> None:
        parameters = start.parameters
        self.transfer_outcome = _OUTCOMES.get(parameters.get("transfer", ""), self.transfer_outcome)
        outbound = parameters.get("direction") == "outbound"
        arrival = Arrival(
            Channel.CHANNEL_TWILIO,
            start.call_sid,
            telephone_number(parameters.get("from", "")),
            parameters.get("to", "")[:256],
            Direction.DIRECTION_OUTBOUND if outbound else Direction.DIRECTION_INBOUND,
            parameters.get("session", ""),
        )
        try:
            call = await self._switchboard.open(arrival, self)
        except Refused as refusal:
            metrics.CALLS_REFUSED.labels(self.channel_name, refusal.reason).inc()
            _log.warning("a call was refused", reason=refusal.reason)
            self.close(1013, refusal.detail)
            return
        except Exception:
            _log.exception("a call could not be opened")
            self.close(1011, "internal error")
            return
        self._call = call
        for audio in self._early or ():
            call.caller_audio(self, audio)
        self._early = None
        if self._transport is None:
            call.socket_closed(self, "socket closed before the call was open")

    def _dtmf(self, event: Dtmf) -> None:
        if self._call is not None:
            self._call.key(self, event.digit)

    def _mark(self, event: Mark) -> None:
        if self._call is not None:
            self._call.mark_echoed(self, event.name)

    def _stop(self, event: Stop) -> None:
        if self._call is not None:
            self._call.stream_stopped(self)

    def _unknown(self, event: Event) -> None:
        metrics.UNKNOWN_MESSAGES.labels(self.channel_name).inc()

    def _connected(self, event: Connected) -> None:
        if event.protocol not in ("Call", ""):
            raise Malformed("protocol")

    def disconnected(self, detail: str) -> None:
        """The socket is gone."""
        if self._watch is not None:
            self._watch.cancel()
        if self._call is not None:
            self._call.socket_closed(self, detail)

    def _watch_peer(self) -> None:
        """Twilio sends media without a pause; a stream that falls silent is dead whatever TCP says."""
        self._heard_of = False
        self._watch = asyncio.get_running_loop().call_later(self._dead_peer_seconds, self._check_peer)

    def _check_peer(self) -> None:
        if self._heard_of:
            self._watch_peer()
        elif self._transport is not None:
            metrics.BAD_MESSAGES.labels(self.channel_name, "dead_peer").inc()
            self._transport.disconnect(graceful=False)

    # ---- to Twilio

    def send_audio(self, item_id: str, audio: bytes) -> None:
        """Send one frame."""
        traffic = self._traffic
        traffic.frames_out += 1
        traffic.bytes_out += len(audio)
        self.send_frame(self._stream.media(audio))

    def send_mark(self, name: str) -> None:
        """Ask for an echo."""
        self.send(self._stream.mark(name))

    def end_item(self, item_id: str) -> None:
        """Nothing to say: Twilio knows no items."""

    def clear(self) -> None:
        """Drop what was sent and not played."""
        self.drop_queued_frames()
        self.send(self._stream.clear())

    def hang_up(self, reason: EndReason, detail: str) -> None:
        """Close the stream; the TwiML after it asks us what to do, and is told to hang up."""
        self.close(1000, "hung up")


_OUTCOMES = {
    outcome_name(outcome): outcome
    for outcome in (
        TransferOutcome.TRANSFER_OUTCOME_BUSY,
        TransferOutcome.TRANSFER_OUTCOME_NO_ANSWER,
        TransferOutcome.TRANSFER_OUTCOME_FAILED,
    )
}

HANDLERS: dict[type, Callable[..., None]] = {
    Connected: TwilioSocket._connected,
    Start: TwilioSocket._start,
    Dtmf: TwilioSocket._dtmf,
    Mark: TwilioSocket._mark,
    Stop: TwilioSocket._stop,
    Unknown: TwilioSocket._unknown,
}
