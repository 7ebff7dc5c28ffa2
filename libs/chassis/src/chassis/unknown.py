"""What a receiver does with content it does not know: count it and go on."""

from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from prometheus_client import Counter

UNKNOWN = Counter(
    "opusagent_unknown_messages_total",
    "Messages whose body is absent or of a kind this version does not know",
    ["service", "message"],
)
GARBAGE = Counter(
    "opusagent_garbage_messages_total",
    "Bytes that are not the message expected of them",
    ["service", "message"],
)

M = TypeVar("M", bound=Message)


def body(item: Any, service: str) -> str | None:
    """Return which body of its oneof `body` a message carries; None, and counted, when it is none that we know."""
    known: str | None = item.WhichOneof("body")
    if known is None:
        UNKNOWN.labels(service, item.DESCRIPTOR.name).inc()
    return known


def fact(event: Any, service: str) -> str | None:
    """Return which fact a `CallEvent` carries; None, and counted, when it is none that we know."""
    known: str | None = event.WhichOneof("fact")
    if known is None:
        UNKNOWN.labels(service, event.DESCRIPTOR.name).inc()
    return known


def parse(message_class: type[M], data: bytes, service: str = "") -> M | None:
    """Decode a message; None, and counted, when the bytes are garbage."""
    try:
        return message_class.FromString(data)
    except DecodeError:
        GARBAGE.labels(service, message_class.DESCRIPTOR.name).inc()
        return None
