from opusagent.call.v1 import call_pb2 as _call_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Speaker(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPEAKER_UNSPECIFIED: _ClassVar[Speaker]
    SPEAKER_CALLER: _ClassVar[Speaker]
    SPEAKER_AGENT: _ClassVar[Speaker]
SPEAKER_UNSPECIFIED: Speaker
SPEAKER_CALLER: Speaker
SPEAKER_AGENT: Speaker

class CallEvent(_message.Message):
    __slots__ = ("event_id", "session_id", "call_id", "occurred_at_ms", "source", "traceparent", "call_started", "call_reattached", "socket_lost", "call_ended", "turn_taken", "fsa_stepped", "tool_called", "tool_returned", "sms_requested", "sms_sent", "sms_failed", "sms_delivered", "sms_received", "dial_requested", "call_placed", "call_not_placed", "session_expired", "transfer_started", "transfer_ended")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    CALL_STARTED_FIELD_NUMBER: _ClassVar[int]
    CALL_REATTACHED_FIELD_NUMBER: _ClassVar[int]
    SOCKET_LOST_FIELD_NUMBER: _ClassVar[int]
    CALL_ENDED_FIELD_NUMBER: _ClassVar[int]
    TURN_TAKEN_FIELD_NUMBER: _ClassVar[int]
    FSA_STEPPED_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLED_FIELD_NUMBER: _ClassVar[int]
    TOOL_RETURNED_FIELD_NUMBER: _ClassVar[int]
    SMS_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    SMS_SENT_FIELD_NUMBER: _ClassVar[int]
    SMS_FAILED_FIELD_NUMBER: _ClassVar[int]
    SMS_DELIVERED_FIELD_NUMBER: _ClassVar[int]
    SMS_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    DIAL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    CALL_PLACED_FIELD_NUMBER: _ClassVar[int]
    CALL_NOT_PLACED_FIELD_NUMBER: _ClassVar[int]
    SESSION_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_STARTED_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_ENDED_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    session_id: str
    call_id: str
    occurred_at_ms: int
    source: str
    traceparent: str
    call_started: CallStarted
    call_reattached: CallReattached
    socket_lost: SocketLost
    call_ended: CallEnded
    turn_taken: TurnTaken
    fsa_stepped: FsaStepped
    tool_called: ToolCalled
    tool_returned: ToolReturned
    sms_requested: SmsRequested
    sms_sent: SmsSent
    sms_failed: SmsFailed
    sms_delivered: SmsDelivered
    sms_received: SmsReceived
    dial_requested: DialRequested
    call_placed: CallPlaced
    call_not_placed: CallNotPlaced
    session_expired: SessionExpired
    transfer_started: TransferStarted
    transfer_ended: TransferEnded
    def __init__(self, event_id: _Optional[str] = ..., session_id: _Optional[str] = ..., call_id: _Optional[str] = ..., occurred_at_ms: _Optional[int] = ..., source: _Optional[str] = ..., traceparent: _Optional[str] = ..., call_started: _Optional[_Union[CallStarted, _Mapping]] = ..., call_reattached: _Optional[_Union[CallReattached, _Mapping]] = ..., socket_lost: _Optional[_Union[SocketLost, _Mapping]] = ..., call_ended: _Optional[_Union[CallEnded, _Mapping]] = ..., turn_taken: _Optional[_Union[TurnTaken, _Mapping]] = ..., fsa_stepped: _Optional[_Union[FsaStepped, _Mapping]] = ..., tool_called: _Optional[_Union[ToolCalled, _Mapping]] = ..., tool_returned: _Optional[_Union[ToolReturned, _Mapping]] = ..., sms_requested: _Optional[_Union[SmsRequested, _Mapping]] = ..., sms_sent: _Optional[_Union[SmsSent, _Mapping]] = ..., sms_failed: _Optional[_Union[SmsFailed, _Mapping]] = ..., sms_delivered: _Optional[_Union[SmsDelivered, _Mapping]] = ..., sms_received: _Optional[_Union[SmsReceived, _Mapping]] = ..., dial_requested: _Optional[_Union[DialRequested, _Mapping]] = ..., call_placed: _Optional[_Union[CallPlaced, _Mapping]] = ..., call_not_placed: _Optional[_Union[CallNotPlaced, _Mapping]] = ..., session_expired: _Optional[_Union[SessionExpired, _Mapping]] = ..., transfer_started: _Optional[_Union[TransferStarted, _Mapping]] = ..., transfer_ended: _Optional[_Union[TransferEnded, _Mapping]] = ...) -> None: ...

class CallStarted(_message.Message):
    __slots__ = ("call", "provider_call_id")
    CALL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    call: _call_pb2.CallInfo
    provider_call_id: str
    def __init__(self, call: _Optional[_Union[_call_pb2.CallInfo, _Mapping]] = ..., provider_call_id: _Optional[str] = ...) -> None: ...

class CallReattached(_message.Message):
    __slots__ = ("gateway_generation",)
    GATEWAY_GENERATION_FIELD_NUMBER: _ClassVar[int]
    gateway_generation: int
    def __init__(self, gateway_generation: _Optional[int] = ...) -> None: ...

class SocketLost(_message.Message):
    __slots__ = ("detail",)
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    detail: str
    def __init__(self, detail: _Optional[str] = ...) -> None: ...

class CallEnded(_message.Message):
    __slots__ = ("reason", "detail", "duration_ms")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    reason: _call_pb2.EndReason
    detail: str
    duration_ms: int
    def __init__(self, reason: _Optional[_Union[_call_pb2.EndReason, str]] = ..., detail: _Optional[str] = ..., duration_ms: _Optional[int] = ...) -> None: ...

class TurnTaken(_message.Message):
    __slots__ = ("speaker", "text", "started_ms", "ended_ms", "response_ms", "interrupted")
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STARTED_MS_FIELD_NUMBER: _ClassVar[int]
    ENDED_MS_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_MS_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    speaker: Speaker
    text: str
    started_ms: int
    ended_ms: int
    response_ms: int
    interrupted: bool
    def __init__(self, speaker: _Optional[_Union[Speaker, str]] = ..., text: _Optional[str] = ..., started_ms: _Optional[int] = ..., ended_ms: _Optional[int] = ..., response_ms: _Optional[int] = ..., interrupted: _Optional[bool] = ...) -> None: ...

class FsaStepped(_message.Message):
    __slots__ = ("audit_index", "previous_hash", "hash", "record_json", "summary")
    AUDIT_INDEX_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    RECORD_JSON_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    audit_index: int
    previous_hash: str
    hash: str
    record_json: str
    summary: str
    def __init__(self, audit_index: _Optional[int] = ..., previous_hash: _Optional[str] = ..., hash: _Optional[str] = ..., record_json: _Optional[str] = ..., summary: _Optional[str] = ...) -> None: ...

class ToolCalled(_message.Message):
    __slots__ = ("tool", "intent_id", "arguments_json", "attempt")
    TOOL_FIELD_NUMBER: _ClassVar[int]
    INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    tool: str
    intent_id: str
    arguments_json: str
    attempt: int
    def __init__(self, tool: _Optional[str] = ..., intent_id: _Optional[str] = ..., arguments_json: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class ToolReturned(_message.Message):
    __slots__ = ("tool", "intent_id", "ok", "result_json")
    TOOL_FIELD_NUMBER: _ClassVar[int]
    INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    RESULT_JSON_FIELD_NUMBER: _ClassVar[int]
    tool: str
    intent_id: str
    ok: bool
    result_json: str
    def __init__(self, tool: _Optional[str] = ..., intent_id: _Optional[str] = ..., ok: _Optional[bool] = ..., result_json: _Optional[str] = ...) -> None: ...

class SmsRequested(_message.Message):
    __slots__ = ("command_id", "body")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    body: str
    def __init__(self, command_id: _Optional[str] = ..., body: _Optional[str] = ...) -> None: ...

class SmsSent(_message.Message):
    __slots__ = ("command_id", "provider_message_id")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    provider_message_id: str
    def __init__(self, command_id: _Optional[str] = ..., provider_message_id: _Optional[str] = ...) -> None: ...

class SmsFailed(_message.Message):
    __slots__ = ("command_id", "reason", "detail")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    reason: str
    detail: str
    def __init__(self, command_id: _Optional[str] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class SmsDelivered(_message.Message):
    __slots__ = ("provider_message_id", "status", "error_code")
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    provider_message_id: str
    status: str
    error_code: str
    def __init__(self, provider_message_id: _Optional[str] = ..., status: _Optional[str] = ..., error_code: _Optional[str] = ...) -> None: ...

class SmsReceived(_message.Message):
    __slots__ = ("provider_message_id", "from_number", "to_number", "body")
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TO_NUMBER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    provider_message_id: str
    from_number: str
    to_number: str
    body: str
    def __init__(self, provider_message_id: _Optional[str] = ..., from_number: _Optional[str] = ..., to_number: _Optional[str] = ..., body: _Optional[str] = ...) -> None: ...

class DialRequested(_message.Message):
    __slots__ = ("command_id",)
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    def __init__(self, command_id: _Optional[str] = ...) -> None: ...

class CallPlaced(_message.Message):
    __slots__ = ("command_id", "provider_call_id")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    provider_call_id: str
    def __init__(self, command_id: _Optional[str] = ..., provider_call_id: _Optional[str] = ...) -> None: ...

class CallNotPlaced(_message.Message):
    __slots__ = ("command_id", "reason")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    reason: str
    def __init__(self, command_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SessionExpired(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TransferStarted(_message.Message):
    __slots__ = ("target",)
    TARGET_FIELD_NUMBER: _ClassVar[int]
    target: str
    def __init__(self, target: _Optional[str] = ...) -> None: ...

class TransferEnded(_message.Message):
    __slots__ = ("outcome", "detail")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    outcome: _call_pb2.TransferOutcome
    detail: str
    def __init__(self, outcome: _Optional[_Union[_call_pb2.TransferOutcome, str]] = ..., detail: _Optional[str] = ...) -> None: ...
