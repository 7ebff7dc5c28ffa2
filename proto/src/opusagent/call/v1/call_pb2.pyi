from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Channel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_UNSPECIFIED: _ClassVar[Channel]
    CHANNEL_TWILIO: _ClassVar[Channel]
    CHANNEL_AUDIOCODES: _ClassVar[Channel]
    CHANNEL_BROWSER: _ClassVar[Channel]
    CHANNEL_TEXT: _ClassVar[Channel]

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    DIRECTION_INBOUND: _ClassVar[Direction]
    DIRECTION_OUTBOUND: _ClassVar[Direction]

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_UNSPECIFIED: _ClassVar[Encoding]
    ENCODING_MULAW: _ClassVar[Encoding]
    ENCODING_ALAW: _ClassVar[Encoding]
    ENCODING_PCM16: _ClassVar[Encoding]

class TransferOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSFER_OUTCOME_UNSPECIFIED: _ClassVar[TransferOutcome]
    TRANSFER_OUTCOME_ANSWERED: _ClassVar[TransferOutcome]
    TRANSFER_OUTCOME_BUSY: _ClassVar[TransferOutcome]
    TRANSFER_OUTCOME_NO_ANSWER: _ClassVar[TransferOutcome]
    TRANSFER_OUTCOME_FAILED: _ClassVar[TransferOutcome]

class EndReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    END_REASON_UNSPECIFIED: _ClassVar[EndReason]
    END_REASON_CALLER_HUNG_UP: _ClassVar[EndReason]
    END_REASON_AGENT_HUNG_UP: _ClassVar[EndReason]
    END_REASON_TRANSFERRED: _ClassVar[EndReason]
    END_REASON_LEG_LOST: _ClassVar[EndReason]
    END_REASON_PROVIDER_ERROR: _ClassVar[EndReason]
CHANNEL_UNSPECIFIED: Channel
CHANNEL_TWILIO: Channel
CHANNEL_AUDIOCODES: Channel
CHANNEL_BROWSER: Channel
CHANNEL_TEXT: Channel
DIRECTION_UNSPECIFIED: Direction
DIRECTION_INBOUND: Direction
DIRECTION_OUTBOUND: Direction
ENCODING_UNSPECIFIED: Encoding
ENCODING_MULAW: Encoding
ENCODING_ALAW: Encoding
ENCODING_PCM16: Encoding
TRANSFER_OUTCOME_UNSPECIFIED: TransferOutcome
TRANSFER_OUTCOME_ANSWERED: TransferOutcome
TRANSFER_OUTCOME_BUSY: TransferOutcome
TRANSFER_OUTCOME_NO_ANSWER: TransferOutcome
TRANSFER_OUTCOME_FAILED: TransferOutcome
END_REASON_UNSPECIFIED: EndReason
END_REASON_CALLER_HUNG_UP: EndReason
END_REASON_AGENT_HUNG_UP: EndReason
END_REASON_TRANSFERRED: EndReason
END_REASON_LEG_LOST: EndReason
END_REASON_PROVIDER_ERROR: EndReason

class AudioFormat(_message.Message):
    __slots__ = ("encoding", "sample_rate_hz")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    encoding: Encoding
    sample_rate_hz: int
    def __init__(self, encoding: _Optional[_Union[Encoding, str]] = ..., sample_rate_hz: _Optional[int] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("gateway_slot", "gateway_generation", "relay_slot", "relay_generation", "engine_slot")
    GATEWAY_SLOT_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_GENERATION_FIELD_NUMBER: _ClassVar[int]
    RELAY_SLOT_FIELD_NUMBER: _ClassVar[int]
    RELAY_GENERATION_FIELD_NUMBER: _ClassVar[int]
    ENGINE_SLOT_FIELD_NUMBER: _ClassVar[int]
    gateway_slot: int
    gateway_generation: int
    relay_slot: int
    relay_generation: int
    engine_slot: int
    def __init__(self, gateway_slot: _Optional[int] = ..., gateway_generation: _Optional[int] = ..., relay_slot: _Optional[int] = ..., relay_generation: _Optional[int] = ..., engine_slot: _Optional[int] = ...) -> None: ...

class CallInfo(_message.Message):
    __slots__ = ("call_id", "session_id", "channel", "direction", "caller", "callee", "format", "started_at_ms", "resumed")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CALLEE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    session_id: str
    channel: Channel
    direction: Direction
    caller: str
    callee: str
    format: AudioFormat
    started_at_ms: int
    resumed: bool
    def __init__(self, call_id: _Optional[str] = ..., session_id: _Optional[str] = ..., channel: _Optional[_Union[Channel, str]] = ..., direction: _Optional[_Union[Direction, str]] = ..., caller: _Optional[str] = ..., callee: _Optional[str] = ..., format: _Optional[_Union[AudioFormat, _Mapping]] = ..., started_at_ms: _Optional[int] = ..., resumed: _Optional[bool] = ...) -> None: ...

class TransferCall(_message.Message):
    __slots__ = ("target", "summary", "timeout_s")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    target: str
    summary: str
    timeout_s: int
    def __init__(self, target: _Optional[str] = ..., summary: _Optional[str] = ..., timeout_s: _Optional[int] = ...) -> None: ...

class TransferResult(_message.Message):
    __slots__ = ("outcome", "detail", "event_id")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    outcome: TransferOutcome
    detail: str
    event_id: str
    def __init__(self, outcome: _Optional[_Union[TransferOutcome, str]] = ..., detail: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...
