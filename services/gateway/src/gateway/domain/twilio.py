"""Twilio Media Streams, bidirectional: JSON text messages both ways, no I/O.

Twilio sends `connected`, `start`, then `media`, `dtmf` and `mark` in any order, and `stop` last; numbers inside
messages are strings. We send `media`, `mark` and `clear`, each with the stream's sid and nothing else. A mark returns
when all media sent before it has been played; after a `clear` all pending ones come back at once: "discarded".

Source: twilio.com/docs/voice/media-streams/websocket-messages.
"""

import binascii
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from audio.formats import ALAW_8K, MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, Format
from gateway.domain.wire import Malformed, ProtocolViolation, decode_audio, load_object
from opusagent.call.v1.call_pb2 import TransferOutcome

FORMATS: dict[tuple[str, int], Format] = {
    ("audio/x-mulaw", 8000): MULAW_8K,
    ("audio/x-alaw", 8000): ALAW_8K,
    ("audio/x-l16", 8000): PCM16_8K,
    ("audio/x-l16", 16000): PCM16_16K,
    ("audio/x-l16", 24000): PCM16_24K,
}
"""Documented is mu-law alone; the rest is what a `mediaFormat` could name if Twilio offered more."""

KEYS = frozenset("0123456789*#ABCD")


class Connected(NamedTuple):
    """The socket speaks our protocol; nothing about a call yet."""

    protocol: str


class Start(NamedTuple):
    """A call's stream begins."""

    stream_sid: str
    call_sid: str
    format: Format
    parameters: dict[str, str]


class Media(NamedTuple):
    """Caller audio. `timestamp_ms`: presentation time since the stream's start."""

    audio: bytes
    timestamp_ms: int


class Dtmf(NamedTuple):
    """One key press."""

    digit: str


class Mark(NamedTuple):
    """An echo of our mark."""

    name: str


class Stop(NamedTuple):
    """The stream ended: the leg did, or its TwiML went on."""

    call_sid: str


class Unknown(NamedTuple):
    """An event that this version does not know; to be ignored."""

    event: str


Event = Connected | Start | Media | Dtmf | Mark | Stop | Unknown


def parse(message: bytes) -> Event:
    """Decode one message from Twilio.

    Raises:
        Malformed: it is not what the protocol says; `reason` is one of json, not_an_object, no_event, base64, start,
            dtmf, mark.
        ProtocolViolation: a `start` in a format that cannot be served ("format").
    """
    fields = load_object(message)
    event = fields.get("event")
    if event == "media":
        return _media(fields)
    if not isinstance(event, str):
        raise Malformed("no_event")
    read = _READERS.get(event)
    return Unknown(event[:32]) if read is None else read(fields)


def _media(fields: dict[str, Any]) -> Media:
    media = fields.get("media")
    if type(media) is not dict:
        raise Malformed("media")
    timestamp = media.get("timestamp")
    try:
        timestamp_ms = int(timestamp) if timestamp is not None else 0
    except (TypeError, ValueError):
        raise Malformed("media") from None
    return Media(decode_audio(media.get("payload")), timestamp_ms)


def _body(fields: dict[str, Any], name: str) -> dict[str, Any]:
    body = fields.get(name)
    if not isinstance(body, dict):
        raise Malformed(name)
    return body


def _text(body: dict[str, Any], key: str, reason: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value or len(value) > 256:
        raise Malformed(reason)
    return value


def _connected(fields: dict[str, Any]) -> Connected:
    return Connected(str(fields.get("protocol", ""))[:32])


def _start(fields: dict[str, Any]) -> Start:
    body = _body(fields, "start")
    stream_sid = body.get("streamSid") or fields.get("streamSid")
    parameters = body.get("customParameters") or {}
    if not isinstance(stream_sid, str) or not isinstance(parameters, dict):
        raise Malformed("start")
    return Start(
        stream_sid[:256],
        _text(body, "callSid", "start"),
        _format(_body(body, "mediaFormat")),
        {str(name): value for name, value in parameters.items() if isinstance(value, str)},
    )


def _format(media_format: dict[str, Any]) -> Format:
    encoding, rate, channels = (media_format.get(key) for key in ("encoding", "sampleRate", "channels"))
    known = FORMATS.get((encoding, rate)) if isinstance(encoding, str) and isinstance(rate, int) else None
    if known is None or channels not in (1, None):
        raise ProtocolViolation("format", "unsupported media format", 1003)
    return known


def _dtmf(fields: dict[str, Any]) -> Dtmf:
    digit = _text(_body(fields, "dtmf"), "digit", "dtmf").upper()
    if digit not in KEYS:
        raise Malformed("dtmf")
    return Dtmf(digit)


def _mark(fields: dict[str, Any]) -> Mark:
    return Mark(_text(_body(fields, "mark"), "name", "mark"))


def _stop(fields: dict[str, Any]) -> Stop:
    return Stop(str(_body(fields, "stop").get("callSid", ""))[:256])


_READERS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "connected": _connected,
    "start": _start,
    "dtmf": _dtmf,
    "mark": _mark,
    "stop": _stop,
}


class StreamState(StrEnum):
    """Where a stream stands, from our side."""

    OPENED = "opened"
    CONNECTED = "connected"
    STREAMING = "streaming"
    STOPPED = "stopped"


ORDER: dict[StreamState, dict[type, StreamState]] = {
    StreamState.OPENED: {Connected: StreamState.CONNECTED},
    StreamState.CONNECTED: {Start: StreamState.STREAMING},
    StreamState.STREAMING: {
        Media: StreamState.STREAMING,
        Dtmf: StreamState.STREAMING,
        Mark: StreamState.STREAMING,
        Stop: StreamState.STOPPED,
    },
    StreamState.STOPPED: {},
}
"""Which event may come when. An absent one is a violation; `Unknown` may come at any time and changes nothing."""


class Stream:
    """One stream's messages, in and out, and their order."""

    def __init__(self) -> None:
        self.state = StreamState.OPENED
        self._media_prefix = b""
        self._sid = ""

    def receive(self, message: bytes) -> Event:
        """Decode one message and check that it may come now.

        Raises:
            Malformed: see `parse`; the state is unchanged.
            ProtocolViolation: it must not come now ("order"), or its format cannot be served ("format").
        """
        event = parse(message)
        kind = type(event)
        if kind is Unknown:
            return event
        following = ORDER[self.state].get(kind)
        if following is None:
            raise ProtocolViolation("order", f"{kind.__name__.lower()} while {self.state.value}")
        if kind is Start:
            self._sid = event.stream_sid  # type: ignore[union-attr]
            sid = orjson.dumps(self._sid)
            self._media_prefix = b'{"event":"media","streamSid":' + sid + b',"media":{"payload":"'
        self.state = following
        return event

    def media(self, audio: bytes) -> bytes:
        """Agent audio in the stream's format, any length."""
        return self._media_prefix + binascii.b2a_base64(audio, newline=False) + b'"}}'

    def mark(self, name: str) -> bytes:
        """Ask for an echo once everything sent before has been played."""
        return orjson.dumps({"event": "mark", "streamSid": self._sid, "mark": {"name": name}})

    def clear(self) -> bytes:
        """Drop everything sent and not yet played."""
        return orjson.dumps({"event": "clear", "streamSid": self._sid})


FAILED_STATUSES = frozenset({"failed", "busy", "no-answer", "canceled"})
"""Values of CallStatus for a leg that came to nothing."""

NOT_ANSWERED = {
    "busy": TransferOutcome.TRANSFER_OUTCOME_BUSY,
    "no-answer": TransferOutcome.TRANSFER_OUTCOME_NO_ANSWER,
    "canceled": TransferOutcome.TRANSFER_OUTCOME_NO_ANSWER,
    "failed": TransferOutcome.TRANSFER_OUTCOME_FAILED,
}
"""Values of DialCallStatus for a human who did not get the call."""


def dial_outcome(status: str, bridged: str) -> TransferOutcome:
    """Return what became of a `<Dial>`, by its DialCallStatus and DialBridged.

    Who picks up and hangs up before he is connected is "completed", too, but was not bridged.
    """
    if status in ("completed", "answered"):
        met = bridged.lower() != "false"
        return TransferOutcome.TRANSFER_OUTCOME_ANSWERED if met else TransferOutcome.TRANSFER_OUTCOME_NO_ANSWER
    return NOT_ANSWERED.get(status, TransferOutcome.TRANSFER_OUTCOME_FAILED)


ENDED_STATUSES = FAILED_STATUSES | {"completed"}
"""Values of CallStatus for a leg that is over."""
