"""What the wire formats share: how bad input is named, and audio inside JSON."""

import binascii
from typing import Any

import orjson

from audio.formats import Format
from opusagent.call.v1.call_pb2 import AudioFormat, Encoding

_ENCODINGS: dict[str, Encoding] = {
    "mulaw": Encoding.ENCODING_MULAW,
    "alaw": Encoding.ENCODING_ALAW,
    "pcm16": Encoding.ENCODING_PCM16,
}
_NAMES = {number: name for name, number in _ENCODINGS.items()}


class Malformed(Exception):
    """One message is not what its protocol says; the socket may go on. `reason` names it in metrics."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProtocolViolation(Exception):
    """The peer broke the protocol's order or asked for what cannot be; the socket must not go on.

    `reason` names it in metrics, `close_code` is the RFC 6455 code that says it to the peer.
    """

    def __init__(self, reason: str, detail: str, close_code: int = 1002) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.close_code = close_code


def load_object(message: bytes) -> dict[str, Any]:
    """Decode one JSON object.

    Raises:
        Malformed: not JSON ("json"), or not an object ("not_an_object").
    """
    try:
        value = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise Malformed("json") from None
    if type(value) is not dict:
        raise Malformed("not_an_object")
    return value


def decode_audio(payload: object) -> bytes:
    """Decode base64 audio.

    Raises:
        Malformed: "base64", also when it is absent or no string.
    """
    try:
        return binascii.a2b_base64(payload, strict_mode=True)  # type: ignore[arg-type]
    except (binascii.Error, ValueError, TypeError):
        raise Malformed("base64") from None


def to_message(format: Format) -> AudioFormat:
    """Return a format as the contract writes it."""
    return AudioFormat(encoding=_ENCODINGS[format.encoding], sample_rate_hz=format.rate)


def from_message(message: AudioFormat) -> Format:
    """Return a format as `libs/audio` takes it.

    Raises:
        ValueError: an encoding this version does not know.
    """
    name = _NAMES.get(message.encoding)
    if name is None:
        raise ValueError(f"unknown encoding {message.encoding}")
    return Format(name, message.sample_rate_hz)  # type: ignore[arg-type]
