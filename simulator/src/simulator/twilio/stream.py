"""One bidirectional Media Stream without I/O: what Twilio says on the WebSocket, and what it makes of what it is told.

Numbers in messages are strings, counters start at 1; messages from the server are taken strictly: an unknown event, a
missing or an extra field, a wrong streamSid or what is not JSON is ignored and counted as Twilio's warnings are
(31950, 31951). Source: Twilio's "Media Streams - WebSocket Messages".
"""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from simulator.playout import FRAME_MS, Playout

Json = dict[str, Any]
Warn = Callable[[str, str], None]

MALFORMED = "31950"
INVALID = "31951"

# Event name -> the key of its body and the body's fields; None = no body.
_SERVER_EVENTS: dict[str, tuple[str, str] | None] = {
    "media": ("media", "payload"),
    "mark": ("mark", "name"),
    "clear": None,
}


class MediaStream:
    """Of one `<Connect><Stream>`. Times are milliseconds since its start."""

    def __init__(
        self,
        account_sid: str,
        call_sid: str,
        *,
        stream_sid: str,
        parameters: dict[str, str],
        playout: Playout,
        warn: Warn,
    ) -> None:
        """`playout`: where the server's audio goes; `warn(code, text)`: called for each thing Twilio would warn of."""
        self.account_sid = account_sid
        self.call_sid = call_sid
        self.stream_sid = stream_sid
        self._parameters = parameters
        self._playout = playout
        self._warn = warn
        self._sequence = 0
        self._chunks = 0

    def opening(self) -> list[str]:
        """`connected` and `start`."""
        started = {
            "accountSid": self.account_sid,
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": self._parameters,
        }
        connected = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        return [connected, self._message("start", started)]

    def media(self, frame: bytes) -> str:
        """20 ms of the caller."""
        timestamp = self._chunks * FRAME_MS
        self._chunks += 1
        payload = base64.b64encode(frame).decode()
        body = {"track": "inbound", "chunk": str(self._chunks), "timestamp": str(timestamp), "payload": payload}
        return self._message("media", body)

    def dtmf(self, digit: str) -> str:
        """A key that the caller pressed."""
        return self._message("dtmf", {"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> str:
        """A mark was played, or dropped by a clear."""
        return self._message("mark", {"name": name})

    def stop(self) -> str:
        """The call or the stream has ended."""
        return self._message("stop", {"accountSid": self.account_sid, "callSid": self.call_sid})

    def receive(self, message: str | bytes) -> list[str]:
        """Take one message of the server; returns what Twilio says to it at once (the marks of a clear)."""
        if isinstance(message, bytes):
            self._warn(MALFORMED, "a binary frame")
            return []
        try:
            parsed = json.loads(message)
        except ValueError:
            self._warn(INVALID, "not JSON")
            return []
        fault = self._fault(parsed)
        if fault:
            self._warn(INVALID, fault)
            return []
        return self._apply(parsed)

    def _message(self, event: str, body: Json) -> str:
        self._sequence += 1
        envelope = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.stream_sid}
        return json.dumps({**envelope, event: body})

    def _fault(self, message: Any) -> str:
        """What is wrong with a message; empty when nothing is."""
        event = message.get("event") if isinstance(message, dict) else None
        if not isinstance(event, str) or event not in _SERVER_EVENTS:
            return f"unknown event {event!r}"
        body = _SERVER_EVENTS[event]
        wanted = {"event", "streamSid"} | ({body[0]} if body else set())
        if set(message) != wanted:
            return f"{event} has the fields {sorted(message)}, not {sorted(wanted)}"
        if message["streamSid"] != self.stream_sid:
            return f"{event} with a wrong streamSid"
        if body is None:
            return ""
        inner = message[body[0]]
        if not isinstance(inner, dict) or set(inner) != {body[1]} or not isinstance(inner[body[1]], str):
            return f"{event}.{body[0]} must have the one field {body[1]}, a string"
        return ""

    def _apply(self, message: Json) -> list[str]:
        if message["event"] == "clear":
            return [self.mark(name) for name in self._playout.clear()]
        if message["event"] == "mark":
            self._playout.mark(message["mark"]["name"])
            return []
        try:
            self._playout.push(base64.b64decode(message["media"]["payload"], validate=True))
        except (binascii.Error, ValueError):
            self._warn(INVALID, "media.payload is not base64")
        return []
