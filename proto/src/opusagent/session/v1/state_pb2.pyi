from opusagent.call.v1 import call_pb2 as _call_pb2
from opusagent.fsa.v1 import fsa_pb2 as _fsa_pb2
from opusagent.notify.v1 import notify_pb2 as _notify_pb2
from opusagent.session.v1 import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DropState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DROP_STATE_UNSPECIFIED: _ClassVar[DropState]
    DROP_STATE_PENDING: _ClassVar[DropState]
    DROP_STATE_SMS_REQUESTED: _ClassVar[DropState]
    DROP_STATE_SETTLED: _ClassVar[DropState]
DROP_STATE_UNSPECIFIED: DropState
DROP_STATE_PENDING: DropState
DROP_STATE_SMS_REQUESTED: DropState
DROP_STATE_SETTLED: DropState

class SessionRecord(_message.Message):
    __slots__ = ("session_id", "caller", "callee", "created_at_ms", "calls", "session_key", "version", "snapshot", "business", "undelivered", "open_intents", "audit_index", "audit_hash", "resumable_until_ms", "expired", "drop", "dial", "commands", "memory_until_ms")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CALLEE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    SESSION_KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_FIELD_NUMBER: _ClassVar[int]
    UNDELIVERED_FIELD_NUMBER: _ClassVar[int]
    OPEN_INTENTS_FIELD_NUMBER: _ClassVar[int]
    AUDIT_INDEX_FIELD_NUMBER: _ClassVar[int]
    AUDIT_HASH_FIELD_NUMBER: _ClassVar[int]
    RESUMABLE_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    DROP_FIELD_NUMBER: _ClassVar[int]
    DIAL_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    caller: str
    callee: str
    created_at_ms: int
    calls: _containers.RepeatedCompositeFieldContainer[CallRecord]
    session_key: bytes
    version: int
    snapshot: bytes
    business: _session_pb2.Business
    undelivered: _containers.RepeatedCompositeFieldContainer[_fsa_pb2.Output]
    open_intents: _containers.RepeatedCompositeFieldContainer[_session_pb2.Intent]
    audit_index: int
    audit_hash: str
    resumable_until_ms: int
    expired: bool
    drop: DropRecord
    dial: DialRecord
    commands: _containers.RepeatedCompositeFieldContainer[CommandRecord]
    memory_until_ms: int
    def __init__(self, session_id: _Optional[str] = ..., caller: _Optional[str] = ..., callee: _Optional[str] = ..., created_at_ms: _Optional[int] = ..., calls: _Optional[_Iterable[_Union[CallRecord, _Mapping]]] = ..., session_key: _Optional[bytes] = ..., version: _Optional[int] = ..., snapshot: _Optional[bytes] = ..., business: _Optional[_Union[_session_pb2.Business, _Mapping]] = ..., undelivered: _Optional[_Iterable[_Union[_fsa_pb2.Output, _Mapping]]] = ..., open_intents: _Optional[_Iterable[_Union[_session_pb2.Intent, _Mapping]]] = ..., audit_index: _Optional[int] = ..., audit_hash: _Optional[str] = ..., resumable_until_ms: _Optional[int] = ..., expired: _Optional[bool] = ..., drop: _Optional[_Union[DropRecord, _Mapping]] = ..., dial: _Optional[_Union[DialRecord, _Mapping]] = ..., commands: _Optional[_Iterable[_Union[CommandRecord, _Mapping]]] = ..., memory_until_ms: _Optional[int] = ...) -> None: ...

class CallRecord(_message.Message):
    __slots__ = ("info", "route", "provider_call_id", "ended", "reason", "ended_at_ms", "transfer", "traceparent")
    INFO_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    info: _call_pb2.CallInfo
    route: _call_pb2.Route
    provider_call_id: str
    ended: bool
    reason: _call_pb2.EndReason
    ended_at_ms: int
    transfer: _session_pb2.PendingTransfer
    traceparent: str
    def __init__(self, info: _Optional[_Union[_call_pb2.CallInfo, _Mapping]] = ..., route: _Optional[_Union[_call_pb2.Route, _Mapping]] = ..., provider_call_id: _Optional[str] = ..., ended: _Optional[bool] = ..., reason: _Optional[_Union[_call_pb2.EndReason, str]] = ..., ended_at_ms: _Optional[int] = ..., transfer: _Optional[_Union[_session_pb2.PendingTransfer, _Mapping]] = ..., traceparent: _Optional[str] = ...) -> None: ...

class DropRecord(_message.Message):
    __slots__ = ("call_id", "state", "due_at_ms")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    state: DropState
    due_at_ms: int
    def __init__(self, call_id: _Optional[str] = ..., state: _Optional[_Union[DropState, str]] = ..., due_at_ms: _Optional[int] = ...) -> None: ...

class DialRecord(_message.Message):
    __slots__ = ("command_id", "requested_at_ms", "over", "over_at_ms")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    OVER_AT_MS_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    requested_at_ms: int
    over: bool
    over_at_ms: int
    def __init__(self, command_id: _Optional[str] = ..., requested_at_ms: _Optional[int] = ..., over: _Optional[bool] = ..., over_at_ms: _Optional[int] = ...) -> None: ...

class CommandRecord(_message.Message):
    __slots__ = ("command", "settled", "holder", "claimed_until_ms", "issue_at_ms", "issues", "undone")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    ISSUE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    UNDONE_FIELD_NUMBER: _ClassVar[int]
    command: _notify_pb2.NotifyCommand
    settled: bool
    holder: str
    claimed_until_ms: int
    issue_at_ms: int
    issues: int
    undone: bool
    def __init__(self, command: _Optional[_Union[_notify_pb2.NotifyCommand, _Mapping]] = ..., settled: _Optional[bool] = ..., holder: _Optional[str] = ..., claimed_until_ms: _Optional[int] = ..., issue_at_ms: _Optional[int] = ..., issues: _Optional[int] = ..., undone: _Optional[bool] = ...) -> None: ...

class CallerRecord(_message.Message):
    __slots__ = ("number", "session_ids", "opted_out", "message_ids", "memory")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SESSION_IDS_FIELD_NUMBER: _ClassVar[int]
    OPTED_OUT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    number: str
    session_ids: _containers.RepeatedScalarFieldContainer[str]
    opted_out: bool
    message_ids: _containers.RepeatedScalarFieldContainer[str]
    memory: _containers.RepeatedCompositeFieldContainer[_session_pb2.CallerMemory]
    def __init__(self, number: _Optional[str] = ..., session_ids: _Optional[_Iterable[str]] = ..., opted_out: _Optional[bool] = ..., message_ids: _Optional[_Iterable[str]] = ..., memory: _Optional[_Iterable[_Union[_session_pb2.CallerMemory, _Mapping]]] = ...) -> None: ...

class ProviderCallRecord(_message.Message):
    __slots__ = ("session_id", "call_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    call_id: str
    def __init__(self, session_id: _Optional[str] = ..., call_id: _Optional[str] = ...) -> None: ...

class SlotsRecord(_message.Message):
    __slots__ = ("leases",)
    LEASES_FIELD_NUMBER: _ClassVar[int]
    leases: _containers.RepeatedCompositeFieldContainer[SlotLease]
    def __init__(self, leases: _Optional[_Iterable[_Union[SlotLease, _Mapping]]] = ...) -> None: ...

class SlotLease(_message.Message):
    __slots__ = ("slot", "holder", "load", "capacity", "draining", "ready", "expires_at_ms", "assigned")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_FIELD_NUMBER: _ClassVar[int]
    slot: int
    holder: str
    load: int
    capacity: int
    draining: bool
    ready: bool
    expires_at_ms: int
    assigned: int
    def __init__(self, slot: _Optional[int] = ..., holder: _Optional[str] = ..., load: _Optional[int] = ..., capacity: _Optional[int] = ..., draining: _Optional[bool] = ..., ready: _Optional[bool] = ..., expires_at_ms: _Optional[int] = ..., assigned: _Optional[int] = ...) -> None: ...
