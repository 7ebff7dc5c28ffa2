from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NotifyCommand(_message.Message):
    __slots__ = ("command_id", "session_id", "call_id", "expires_at_ms", "requested_at_ms", "traceparent", "send_sms", "place_call")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    SEND_SMS_FIELD_NUMBER: _ClassVar[int]
    PLACE_CALL_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    session_id: str
    call_id: str
    expires_at_ms: int
    requested_at_ms: int
    traceparent: str
    send_sms: SendSms
    place_call: PlaceCall
    def __init__(self, command_id: _Optional[str] = ..., session_id: _Optional[str] = ..., call_id: _Optional[str] = ..., expires_at_ms: _Optional[int] = ..., requested_at_ms: _Optional[int] = ..., traceparent: _Optional[str] = ..., send_sms: _Optional[_Union[SendSms, _Mapping]] = ..., place_call: _Optional[_Union[PlaceCall, _Mapping]] = ...) -> None: ...

class SendSms(_message.Message):
    __slots__ = ("to_number", "from_number", "body")
    TO_NUMBER_FIELD_NUMBER: _ClassVar[int]
    FROM_NUMBER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    to_number: str
    from_number: str
    body: str
    def __init__(self, to_number: _Optional[str] = ..., from_number: _Optional[str] = ..., body: _Optional[str] = ...) -> None: ...

class PlaceCall(_message.Message):
    __slots__ = ("to_number", "from_number")
    TO_NUMBER_FIELD_NUMBER: _ClassVar[int]
    FROM_NUMBER_FIELD_NUMBER: _ClassVar[int]
    to_number: str
    from_number: str
    def __init__(self, to_number: _Optional[str] = ..., from_number: _Optional[str] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("command", "reason", "detail", "attempts", "died_at_ms")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    DIED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    command: NotifyCommand
    reason: str
    detail: str
    attempts: int
    died_at_ms: int
    def __init__(self, command: _Optional[_Union[NotifyCommand, _Mapping]] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., attempts: _Optional[int] = ..., died_at_ms: _Optional[int] = ...) -> None: ...
