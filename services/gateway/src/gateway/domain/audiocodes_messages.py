"""What VoiceAI Connect says on a bot's socket: its messages and activities, decoded. No order, no state, no I/O.

Source: techdocs.audiocodes.com, Bot-API/ac-bot-api-streaming; the official SDK @audiocodes/ac-bot-api 0.13.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from gateway.domain.wire import Malformed, decode_audio, load_object
from opusagent.call.v1.call_pb2 import TransferOutcome

KEYS = frozenset("0123456789*#ABCD")


class Validate(NamedTuple):
    """A probe of the connection; no call."""


class Initiate(NamedTuple):
    """A new conversation. `offered`: media formats in VAIC's order; None where it named none."""

    conversation_id: str
    bot_name: str
    caller: str
    offered: tuple[str, ...] | None
    expects_audio: bool


class Resume(NamedTuple):
    """A conversation whose socket was lost."""

    conversation_id: str


class End(NamedTuple):
    """The leg has ended."""

    reason_code: str


class StreamStart(NamedTuple):
    """Caller audio is about to come."""

    participant: str


class Chunk(NamedTuple):
    """Caller audio."""

    audio: bytes
    participant: str


class StreamStop(NamedTuple):
    """No more caller audio for now."""

    participant: str


class Began(NamedTuple):
    """The `start` activity: settings may be sent."""


class Keys(NamedTuple):
    """Keys pressed."""

    digits: str


class PlayFinished(NamedTuple):
    """What was sent has been played."""


class TransferStatus(NamedTuple):
    """What became of a transfer: sent where VAIC is configured to give the call back after one that failed."""

    outcome: TransferOutcome
    detail: str


class Other(NamedTuple):
    """An activity that means nothing to us."""

    name: str


Activity = Began | Keys | PlayFinished | TransferStatus | Other


class Activities(NamedTuple):
    """Activities, in order. `ids`: of each; empty for one that has none."""

    activities: tuple[Activity, ...]
    ids: tuple[str, ...]


class Unknown(NamedTuple):
    """A message type that this version does not know; to be ignored."""

    type: str


Event = Validate | Initiate | Resume | End | StreamStart | Chunk | StreamStop | Activities | Unknown


def parse(message: bytes) -> Event:
    """Decode one message from VAIC.

    Raises:
        Malformed: it is not what the protocol says.
    """
    fields = load_object(message)
    kind = fields.get("type")
    if kind == "userStream.chunk":
        return Chunk(decode_audio(fields.get("audioChunk")), _participant(fields))
    if not isinstance(kind, str):
        raise Malformed("no_type")
    read = _READERS.get(kind)
    return Unknown(kind[:64]) if read is None else read(fields)


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    return value[:256] if isinstance(value, str) else ""


def _participant(fields: dict[str, Any]) -> str:
    value = fields.get("participant")
    return value if type(value) is str else ""


def _conversation(fields: dict[str, Any]) -> str:
    value = fields.get("conversationId")
    if not isinstance(value, str) or not 0 < len(value) <= 256:
        raise Malformed("conversation_id")
    return value


def _initiate(fields: dict[str, Any]) -> Initiate:
    offered = fields.get("supportedMediaFormats")
    if offered is not None and not isinstance(offered, list):
        raise Malformed("media_formats")
    names = None if offered is None else tuple(name for name in offered if isinstance(name, str))
    expects_audio = fields.get("expectAudioMessages") is not False
    return Initiate(_conversation(fields), _text(fields, "botName"), _text(fields, "caller"), names, expects_audio)


def _activities(fields: dict[str, Any]) -> Activities:
    activities = fields.get("activities")
    if not isinstance(activities, list) or not all(isinstance(activity, dict) for activity in activities):
        raise Malformed("activities")
    ids = tuple(_text(activity, "id") for activity in activities)
    return Activities(tuple(_activity(activity) for activity in activities), ids)


def _activity(fields: dict[str, Any]) -> Activity:
    name = _text(fields, "name") if fields.get("type") == "event" else _text(fields, "type")
    if name == "start":
        return Began()
    if name == "playFinished":
        return PlayFinished()
    if name == "transferStatus":
        return _transfer_status(fields.get("value"))
    if name.lower() != "dtmf":
        return Other(name)
    value = fields.get("value")
    digits = str(value).upper() if isinstance(value, str | int) else ""
    if not digits or not KEYS.issuperset(digits) or len(digits) > 64:
        raise Malformed("dtmf")
    return Keys(digits)


def _transfer_status(value: Any) -> TransferStatus:
    if not isinstance(value, dict) or value.get("status") not in ("answered", "failed"):
        raise Malformed("transfer_status")
    if value["status"] == "answered":
        return TransferStatus(TransferOutcome.TRANSFER_OUTCOME_ANSWERED, "answered")
    code = _text(value, "reasonCode")
    return TransferStatus(_OUTCOMES.get(code, TransferOutcome.TRANSFER_OUTCOME_FAILED), code or "failed")


_OUTCOMES = {
    "busy": TransferOutcome.TRANSFER_OUTCOME_BUSY,
    "declined": TransferOutcome.TRANSFER_OUTCOME_BUSY,
    "no-answer": TransferOutcome.TRANSFER_OUTCOME_NO_ANSWER,
}
"""Source: VoiceAI Connect documentation, "Receiving transfer status notification"."""

_READERS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "connection.validate": lambda fields: Validate(),
    "session.initiate": _initiate,
    "session.resume": lambda fields: Resume(_conversation(fields)),
    "session.end": lambda fields: End(_text(fields, "reasonCode")),
    "userStream.start": lambda fields: StreamStart(_participant(fields)),
    "userStream.stop": lambda fields: StreamStop(_participant(fields)),
    "activities": _activities,
}
