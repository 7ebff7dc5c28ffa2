"""Twilio's side of a media stream for tests: sends what Twilio sends, keeps what it is sent."""

import asyncio
import base64
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

MULAW = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}


class WirePeer(WSListener):
    """A WebSocket client that keeps every message and lets tests wait for one."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []
        self.closed: WSCloseCode | None = None
        self.close_reason = ""
        self._changed = asyncio.Event()
        self._wire: WSTransport | None = None

    async def open(self, url: str, headers: dict[str, str] | None = None) -> None:
        """Connect.

        Raises:
            picows.WSHandshakeError: the upgrade was answered with another status.
        """
        self._wire, _ = await ws_connect(lambda: self, url, extra_headers=headers or {})

    @property
    def wire(self) -> WSTransport:
        """The transport, once open."""
        assert self._wire is not None
        return self._wire

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Keep a message, or the close."""
        if frame.msg_type is WSMsgType.TEXT:
            self.messages.append(json.loads(frame.get_payload_as_bytes()))
            self.on_message(self.messages[-1])
        elif frame.msg_type is WSMsgType.CLOSE:
            self.closed = frame.get_close_code()
            self.close_reason = frame.get_close_reason() or ""
            transport.send_close(self.closed)
            transport.disconnect()
        self._changed.set()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The socket is gone."""
        if self.closed is None:
            self.closed = WSCloseCode.ABNORMAL_CLOSURE
        self._changed.set()

    def on_message(self, message: dict[str, Any]) -> None:
        """Answer a message; nothing by default."""

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self.send_raw(json.dumps(message).encode())

    def send_raw(self, message: bytes, msg_type: WSMsgType = WSMsgType.TEXT) -> None:
        """Send any bytes."""
        self.wire.send(msg_type, message)

    async def until(self, condition: Callable[[], Any], seconds: float = 5.0) -> Any:
        """Wait until a condition on what came in holds; returns its value."""
        async with asyncio.timeout(seconds):
            while not (value := condition()):
                self._changed.clear()
                await self._changed.wait()
        return value

    async def until_closed(self) -> WSCloseCode:
        """Wait for the end and return its code (1006 where there was no close frame)."""
        code: WSCloseCode = await self.until(lambda: self.closed)
        return code

    def drop(self) -> None:
        """Reset the connection without a word."""
        self.wire.disconnect(graceful=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wire is not None:
            self._wire.disconnect(graceful=False)
            await self._wire.wait_disconnected()


class TwilioPeer(WirePeer):
    """A media stream as Twilio drives it; echoes marks at once unless told not to."""

    def __init__(self, call_sid: str = "CA1", stream_sid: str = "MZ1", echo_marks: bool = True) -> None:
        super().__init__()
        self.call_sid = call_sid
        self.stream_sid = stream_sid
        self.echo_marks = echo_marks
        self._sequence = 0
        self._chunk = 0

    def on_message(self, message: dict[str, Any]) -> None:
        """Echo a mark."""
        if message["event"] == "mark" and self.echo_marks:
            self.echo(message["mark"]["name"])

    def connected(self) -> None:
        """Say hello."""
        self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self, media_format: dict[str, Any] | None = None, **parameters: str) -> None:
        """Begin the stream."""
        body = {
            "accountSid": "AC1",
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": media_format or MULAW,
            "customParameters": parameters,
        }
        self._numbered("start", start=body)

    def media(self, audio: bytes) -> None:
        """Send caller audio."""
        self._chunk += 1
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(self._chunk * 20),
            "payload": base64.b64encode(audio).decode(),
        }
        self._numbered("media", media=media)

    def dtmf(self, digit: str) -> None:
        """Press a key."""
        self._numbered("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    def echo(self, name: str) -> None:
        """Echo a mark."""
        self._numbered("mark", mark={"name": name})

    def stop(self) -> None:
        """End the stream."""
        self._numbered("stop", stop={"accountSid": "AC1", "callSid": self.call_sid})

    def _numbered(self, event: str, **body: Any) -> None:
        self._sequence += 1
        self.send({"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.stream_sid, **body})

    def audio(self) -> bytes:
        """Agent audio received, joined."""
        return b"".join(base64.b64decode(m["media"]["payload"]) for m in self.messages if m["event"] == "media")

    def events(self, event: str) -> list[dict[str, Any]]:
        """Messages of one kind."""
        return [message for message in self.messages if message["event"] == event]
