"""One WebSocket as the gateway uses it: whole text messages in and out, bounded in both directions."""

import asyncio
from abc import abstractmethod
from collections import deque

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from chassis.logging import get_logger
from gateway import metrics
from gateway.adapters.sockets import Registered, Sockets
from gateway.domain.wire import Malformed, ProtocolViolation
from gateway.ports import channel_name
from opusagent.call.v1.call_pb2 import Channel

MAX_QUEUED_FRAMES = 50
"""Agent audio kept for a peer that does not read: one second; older frames are dropped."""

MAX_QUEUED_BYTES = 256 * 1024
"""Control messages kept for such a peer; past it the socket is as good as dead."""

WRITE_HIGH_WATER = 32 * 1024
"""Bytes in the transport past which a peer counts as not reading; about two seconds of G.711."""

MAX_BAD_MESSAGES = 50
"""Malformed messages on one socket after which it is closed: the peer does not speak the protocol."""

HARD_LIMIT = 4
"""A frame this many times as large as a message may be is cut off by the library before it is read, without a word."""

_TEXT = WSMsgType.TEXT
_CLOSE_SECONDS = 2.0
_log = get_logger(__name__)


class Socket(WSListener, Registered):
    """One socket: whole text messages in, text messages out, bounded both ways. Subclasses know the protocol."""

    channel: Channel

    def __init__(self, sockets: Sockets, max_message_bytes: int) -> None:
        super().__init__()
        self._sockets = sockets
        self._max_message_bytes = max_message_bytes
        self._transport: WSTransport | None = None
        # Where messages go; None before the handshake and once goodbye was said.
        self._sink: WSTransport | None = None
        self._paused = False
        self._queue: deque[tuple[bool, bytes]] = deque()
        self._queued_frames = 0
        self._queued_bytes = 0
        self._parts: list[bytes] = []
        self._parts_type: WSMsgType | None = None
        self._bad = 0
        name = channel_name(self.channel)
        self.channel_name = name
        self._dropped = metrics.FRAMES_DROPPED.labels(name)
        self._open_gauge = metrics.SOCKETS.labels(name)

    # ---- for subclasses

    @abstractmethod
    def received(self, message: bytes) -> None:
        """Take one whole text message.

        Raises:
            Malformed: counted, the socket goes on.
            ProtocolViolation: counted, the socket ends.
        """

    @abstractmethod
    def disconnected(self, detail: str) -> None:
        """The socket is gone."""

    def refuse(self, violation: ProtocolViolation) -> None:
        """End the socket in the protocol's own words, then close."""
        self.close(violation.close_code, violation.detail)

    def send(self, message: bytes) -> None:
        """Send a message that must not be lost while the socket lives."""
        sink = self._sink
        if sink is None:
            return
        if not self._paused:
            sink.send(_TEXT, message)
            return
        self._queue.append((False, message))
        self._queued_bytes += len(message)
        if self._queued_bytes > MAX_QUEUED_BYTES:
            _log.warning("the peer does not read, giving the socket up", channel=self.channel_name)
            self._sink = None
            sink.disconnect(graceful=False)

    def send_frame(self, message: bytes) -> None:
        """Send audio; for a peer that does not read the oldest is dropped first."""
        sink = self._sink
        if sink is None:
            return
        if not self._paused:
            sink.send(_TEXT, message)
            return
        self._queue.append((True, message))
        self._queued_frames += 1
        if self._queued_frames > MAX_QUEUED_FRAMES:
            self._drop_oldest_frame()
        else:
            metrics.SEND_QUEUE.inc()

    def drop_queued_frames(self) -> None:
        """Forget audio that could not be sent yet."""
        if self._queued_frames:
            self._queue = deque(entry for entry in self._queue if not entry[0])
            metrics.SEND_QUEUE.dec(self._queued_frames)
            self._queued_frames = 0

    def started(self) -> None:
        """The socket has said which call it is; the handshake timer stops."""
        self._sockets.started(self)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye and close; at once where the peer does not answer soon. Idempotent."""
        transport, self._sink = self._transport, None
        if transport is None or transport.is_disconnected:
            return
        if not transport.is_close_frame_sent:
            transport.send_close(WSCloseCode(code), reason.encode()[:120])
        asyncio.get_running_loop().call_later(_CLOSE_SECONDS, _abort, transport)

    async def wait_closed(self) -> None:
        """Return once the socket is gone."""
        if self._transport is not None:
            await self._transport.wait_disconnected()

    # ---- from picows

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        self._transport = self._sink = transport
        transport.underlying_transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self._open_gauge.inc()
        self._sockets.entered(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame; the hot path is a whole text message."""
        if frame.msg_type is _TEXT and frame.fin:
            if not transport.is_close_frame_sent:
                self._take(frame.get_payload_as_bytes())
            return
        if frame.msg_type is WSMsgType.CLOSE:
            if not transport.is_close_frame_sent:
                transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._take_part(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone, however."""
        handshake = transport.close_handshake
        sent = handshake.sent if handshake is not None else None
        if self._sink is not None and sent is not None and sent.code == WSCloseCode.MESSAGE_TOO_BIG:
            metrics.BAD_MESSAGES.labels(self.channel_name, "oversized").inc()
        self._transport = self._sink = None
        self._open_gauge.dec()
        self.drop_queued_frames()
        self._queue.clear()
        self._sockets.left(self)
        closed = handshake.recv.code if handshake is not None and handshake.recv is not None else "no close frame"
        self.disconnected(f"socket closed: {closed}")

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._paused = True

    def resume_writing(self) -> None:
        """The peer reads again: what was kept goes out, as far as it takes it."""
        self._paused = False
        while self._queue and not self._paused and self._sink is not None:
            is_frame, message = self._queue.popleft()
            if is_frame:
                self._queued_frames -= 1
                metrics.SEND_QUEUE.dec()
            else:
                self._queued_bytes -= len(message)
            self._sink.send(_TEXT, message)

    # ---- inside

    def fail_handshake(self, reason: str) -> None:
        """The peer never said what it wants."""
        metrics.REJECTED.labels(f"handshake_{reason}").inc()
        self.refuse(ProtocolViolation(f"handshake_{reason}", "no call was started on this socket", 1008))

    def _take(self, message: bytes) -> None:
        try:
            if len(message) > self._max_message_bytes:
                raise ProtocolViolation("oversized", "message too big", 1009)
            self.received(message)
        except Malformed as error:
            self._count_bad(error.reason)
        except ProtocolViolation as violation:
            metrics.BAD_MESSAGES.labels(self.channel_name, violation.reason).inc()
            self.refuse(violation)

    def _count_bad(self, reason: str) -> None:
        metrics.BAD_MESSAGES.labels(self.channel_name, reason).inc()
        self._bad += 1
        if self._bad >= MAX_BAD_MESSAGES:
            self.refuse(ProtocolViolation("too_many", "too many malformed messages", 1008))

    def _take_part(self, frame: WSFrame) -> None:
        if frame.msg_type is not WSMsgType.CONTINUATION:
            self._parts = []
            self._parts_type = frame.msg_type
        self._parts.append(frame.get_payload_as_bytes())
        if not frame.fin and sum(map(len, self._parts)) <= self._max_message_bytes:
            return
        message, self._parts = b"".join(self._parts), []
        if self._parts_type is _TEXT:
            self._take(message)
        else:
            self._count_bad("binary")

    def _drop_oldest_frame(self) -> None:
        for index, (is_frame, _) in enumerate(self._queue):
            if is_frame:
                del self._queue[index]
                break
        self._queued_frames -= 1
        self._dropped.inc()


def _abort(transport: WSTransport) -> None:
    if not transport.is_disconnected:
        transport.disconnect(graceful=False)
