from opusagent.call.v1 import call_pb2 as _call_pb2
from opusagent.events.v1 import events_pb2 as _events_pb2
from opusagent.fsa.v1 import fsa_pb2 as _fsa_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_GATEWAY: _ClassVar[Role]
    ROLE_RELAY: _ClassVar[Role]
    ROLE_ENGINE: _ClassVar[Role]

class SmsPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SMS_POLICY_UNSPECIFIED: _ClassVar[SmsPolicy]
    SMS_POLICY_UNFINISHED: _ClassVar[SmsPolicy]
    SMS_POLICY_LOST_ONLY: _ClassVar[SmsPolicy]
    SMS_POLICY_NEVER: _ClassVar[SmsPolicy]

class CommandStanding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMMAND_STANDING_UNSPECIFIED: _ClassVar[CommandStanding]
    COMMAND_STANDING_FRESH: _ClassVar[CommandStanding]
    COMMAND_STANDING_YOURS: _ClassVar[CommandStanding]
    COMMAND_STANDING_BUSY: _ClassVar[CommandStanding]
    COMMAND_STANDING_UNCERTAIN: _ClassVar[CommandStanding]
    COMMAND_STANDING_SETTLED: _ClassVar[CommandStanding]
ROLE_UNSPECIFIED: Role
ROLE_GATEWAY: Role
ROLE_RELAY: Role
ROLE_ENGINE: Role
SMS_POLICY_UNSPECIFIED: SmsPolicy
SMS_POLICY_UNFINISHED: SmsPolicy
SMS_POLICY_LOST_ONLY: SmsPolicy
SMS_POLICY_NEVER: SmsPolicy
COMMAND_STANDING_UNSPECIFIED: CommandStanding
COMMAND_STANDING_FRESH: CommandStanding
COMMAND_STANDING_YOURS: CommandStanding
COMMAND_STANDING_BUSY: CommandStanding
COMMAND_STANDING_UNCERTAIN: CommandStanding
COMMAND_STANDING_SETTLED: CommandStanding

class LeaseSlotRequest(_message.Message):
    __slots__ = ("role", "holder", "load", "capacity", "draining", "ready")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    role: Role
    holder: str
    load: int
    capacity: int
    draining: bool
    ready: bool
    def __init__(self, role: _Optional[_Union[Role, str]] = ..., holder: _Optional[str] = ..., load: _Optional[int] = ..., capacity: _Optional[int] = ..., draining: _Optional[bool] = ..., ready: _Optional[bool] = ...) -> None: ...

class LeaseSlotResponse(_message.Message):
    __slots__ = ("slot", "ttl_ms")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    TTL_MS_FIELD_NUMBER: _ClassVar[int]
    slot: int
    ttl_ms: int
    def __init__(self, slot: _Optional[int] = ..., ttl_ms: _Optional[int] = ...) -> None: ...

class ReleaseSlotRequest(_message.Message):
    __slots__ = ("role", "holder")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    role: Role
    holder: str
    def __init__(self, role: _Optional[_Union[Role, str]] = ..., holder: _Optional[str] = ...) -> None: ...

class ReleaseSlotResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OpenCallRequest(_message.Message):
    __slots__ = ("channel", "direction", "provider_call_id", "caller", "callee", "format", "gateway_slot", "now_ms", "resume_session_id")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CALLEE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_SLOT_FIELD_NUMBER: _ClassVar[int]
    NOW_MS_FIELD_NUMBER: _ClassVar[int]
    RESUME_SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    channel: _call_pb2.Channel
    direction: _call_pb2.Direction
    provider_call_id: str
    caller: str
    callee: str
    format: _call_pb2.AudioFormat
    gateway_slot: int
    now_ms: int
    resume_session_id: str
    def __init__(self, channel: _Optional[_Union[_call_pb2.Channel, str]] = ..., direction: _Optional[_Union[_call_pb2.Direction, str]] = ..., provider_call_id: _Optional[str] = ..., caller: _Optional[str] = ..., callee: _Optional[str] = ..., format: _Optional[_Union[_call_pb2.AudioFormat, _Mapping]] = ..., gateway_slot: _Optional[int] = ..., now_ms: _Optional[int] = ..., resume_session_id: _Optional[str] = ...) -> None: ...

class OpenCallResponse(_message.Message):
    __slots__ = ("call", "route", "reattached", "session_key", "caller_private", "transfer", "traceparent")
    CALL_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    REATTACHED_FIELD_NUMBER: _ClassVar[int]
    SESSION_KEY_FIELD_NUMBER: _ClassVar[int]
    CALLER_PRIVATE_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    call: _call_pb2.CallInfo
    route: _call_pb2.Route
    reattached: bool
    session_key: bytes
    caller_private: bool
    transfer: PendingTransfer
    traceparent: str
    def __init__(self, call: _Optional[_Union[_call_pb2.CallInfo, _Mapping]] = ..., route: _Optional[_Union[_call_pb2.Route, _Mapping]] = ..., reattached: _Optional[bool] = ..., session_key: _Optional[bytes] = ..., caller_private: _Optional[bool] = ..., transfer: _Optional[_Union[PendingTransfer, _Mapping]] = ..., traceparent: _Optional[str] = ...) -> None: ...

class PendingTransfer(_message.Message):
    __slots__ = ("transfer", "answered")
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    transfer: _call_pb2.TransferCall
    answered: bool
    def __init__(self, transfer: _Optional[_Union[_call_pb2.TransferCall, _Mapping]] = ..., answered: _Optional[bool] = ...) -> None: ...

class NoteTransferRequest(_message.Message):
    __slots__ = ("session_id", "call_id", "transfer")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    call_id: str
    transfer: PendingTransfer
    def __init__(self, session_id: _Optional[str] = ..., call_id: _Optional[str] = ..., transfer: _Optional[_Union[PendingTransfer, _Mapping]] = ...) -> None: ...

class NoteTransferResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AttachCallRequest(_message.Message):
    __slots__ = ("channel", "provider_call_id", "gateway_slot")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_SLOT_FIELD_NUMBER: _ClassVar[int]
    channel: _call_pb2.Channel
    provider_call_id: str
    gateway_slot: int
    def __init__(self, channel: _Optional[_Union[_call_pb2.Channel, str]] = ..., provider_call_id: _Optional[str] = ..., gateway_slot: _Optional[int] = ...) -> None: ...

class AttachCallResponse(_message.Message):
    __slots__ = ("call", "route", "session_key", "caller_private", "transfer", "traceparent")
    CALL_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    SESSION_KEY_FIELD_NUMBER: _ClassVar[int]
    CALLER_PRIVATE_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    call: _call_pb2.CallInfo
    route: _call_pb2.Route
    session_key: bytes
    caller_private: bool
    transfer: PendingTransfer
    traceparent: str
    def __init__(self, call: _Optional[_Union[_call_pb2.CallInfo, _Mapping]] = ..., route: _Optional[_Union[_call_pb2.Route, _Mapping]] = ..., session_key: _Optional[bytes] = ..., caller_private: _Optional[bool] = ..., transfer: _Optional[_Union[PendingTransfer, _Mapping]] = ..., traceparent: _Optional[str] = ...) -> None: ...

class FindCallRequest(_message.Message):
    __slots__ = ("channel", "provider_call_id")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    channel: _call_pb2.Channel
    provider_call_id: str
    def __init__(self, channel: _Optional[_Union[_call_pb2.Channel, str]] = ..., provider_call_id: _Optional[str] = ...) -> None: ...

class FindCallResponse(_message.Message):
    __slots__ = ("call", "route", "live", "transfer")
    CALL_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    call: _call_pb2.CallInfo
    route: _call_pb2.Route
    live: bool
    transfer: PendingTransfer
    def __init__(self, call: _Optional[_Union[_call_pb2.CallInfo, _Mapping]] = ..., route: _Optional[_Union[_call_pb2.Route, _Mapping]] = ..., live: _Optional[bool] = ..., transfer: _Optional[_Union[PendingTransfer, _Mapping]] = ...) -> None: ...

class ListCallsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCallsResponse(_message.Message):
    __slots__ = ("calls",)
    CALLS_FIELD_NUMBER: _ClassVar[int]
    calls: _containers.RepeatedCompositeFieldContainer[FindCallResponse]
    def __init__(self, calls: _Optional[_Iterable[_Union[FindCallResponse, _Mapping]]] = ...) -> None: ...

class LoadTaskRequest(_message.Message):
    __slots__ = ("session_id", "with_memory")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    WITH_MEMORY_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    with_memory: bool
    def __init__(self, session_id: _Optional[str] = ..., with_memory: _Optional[bool] = ...) -> None: ...

class LoadTaskResponse(_message.Message):
    __slots__ = ("version", "snapshot", "undelivered", "open_intents", "audit_index", "audit_hash", "session_key", "memory")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    UNDELIVERED_FIELD_NUMBER: _ClassVar[int]
    OPEN_INTENTS_FIELD_NUMBER: _ClassVar[int]
    AUDIT_INDEX_FIELD_NUMBER: _ClassVar[int]
    AUDIT_HASH_FIELD_NUMBER: _ClassVar[int]
    SESSION_KEY_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    version: int
    snapshot: bytes
    undelivered: _containers.RepeatedCompositeFieldContainer[_fsa_pb2.Output]
    open_intents: _containers.RepeatedCompositeFieldContainer[Intent]
    audit_index: int
    audit_hash: str
    session_key: bytes
    memory: _containers.RepeatedCompositeFieldContainer[CallerMemory]
    def __init__(self, version: _Optional[int] = ..., snapshot: _Optional[bytes] = ..., undelivered: _Optional[_Iterable[_Union[_fsa_pb2.Output, _Mapping]]] = ..., open_intents: _Optional[_Iterable[_Union[Intent, _Mapping]]] = ..., audit_index: _Optional[int] = ..., audit_hash: _Optional[str] = ..., session_key: _Optional[bytes] = ..., memory: _Optional[_Iterable[_Union[CallerMemory, _Mapping]]] = ...) -> None: ...

class CallerMemory(_message.Message):
    __slots__ = ("agent", "memory_json", "until_ms")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_JSON_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    agent: str
    memory_json: str
    until_ms: int
    def __init__(self, agent: _Optional[str] = ..., memory_json: _Optional[str] = ..., until_ms: _Optional[int] = ...) -> None: ...

class Intent(_message.Message):
    __slots__ = ("intent_id", "kind", "payload_json")
    INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_JSON_FIELD_NUMBER: _ClassVar[int]
    intent_id: str
    kind: str
    payload_json: str
    def __init__(self, intent_id: _Optional[str] = ..., kind: _Optional[str] = ..., payload_json: _Optional[str] = ...) -> None: ...

class Business(_message.Message):
    __slots__ = ("open_tasks", "closing_spoken", "sms_on", "sms_text", "resume_ttl_ms", "caller_private")
    OPEN_TASKS_FIELD_NUMBER: _ClassVar[int]
    CLOSING_SPOKEN_FIELD_NUMBER: _ClassVar[int]
    SMS_ON_FIELD_NUMBER: _ClassVar[int]
    SMS_TEXT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TTL_MS_FIELD_NUMBER: _ClassVar[int]
    CALLER_PRIVATE_FIELD_NUMBER: _ClassVar[int]
    open_tasks: _containers.RepeatedCompositeFieldContainer[OpenTask]
    closing_spoken: bool
    sms_on: SmsPolicy
    sms_text: str
    resume_ttl_ms: int
    caller_private: bool
    def __init__(self, open_tasks: _Optional[_Iterable[_Union[OpenTask, _Mapping]]] = ..., closing_spoken: _Optional[bool] = ..., sms_on: _Optional[_Union[SmsPolicy, str]] = ..., sms_text: _Optional[str] = ..., resume_ttl_ms: _Optional[int] = ..., caller_private: _Optional[bool] = ...) -> None: ...

class OpenTask(_message.Message):
    __slots__ = ("task_id", "task", "state")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    task: str
    state: str
    def __init__(self, task_id: _Optional[str] = ..., task: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...

class AuditRecord(_message.Message):
    __slots__ = ("record_json", "summary")
    RECORD_JSON_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    record_json: str
    summary: str
    def __init__(self, record_json: _Optional[str] = ..., summary: _Optional[str] = ...) -> None: ...

class SaveTaskRequest(_message.Message):
    __slots__ = ("session_id", "call_id", "event_id", "expected_version", "snapshot", "audit", "outputs", "intents", "settled_intents", "business", "now_ms", "memory")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    INTENTS_FIELD_NUMBER: _ClassVar[int]
    SETTLED_INTENTS_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_FIELD_NUMBER: _ClassVar[int]
    NOW_MS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    call_id: str
    event_id: str
    expected_version: int
    snapshot: bytes
    audit: _containers.RepeatedCompositeFieldContainer[AuditRecord]
    outputs: _containers.RepeatedCompositeFieldContainer[_fsa_pb2.Output]
    intents: _containers.RepeatedCompositeFieldContainer[Intent]
    settled_intents: _containers.RepeatedScalarFieldContainer[str]
    business: Business
    now_ms: int
    memory: CallerMemory
    def __init__(self, session_id: _Optional[str] = ..., call_id: _Optional[str] = ..., event_id: _Optional[str] = ..., expected_version: _Optional[int] = ..., snapshot: _Optional[bytes] = ..., audit: _Optional[_Iterable[_Union[AuditRecord, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[_fsa_pb2.Output, _Mapping]]] = ..., intents: _Optional[_Iterable[_Union[Intent, _Mapping]]] = ..., settled_intents: _Optional[_Iterable[str]] = ..., business: _Optional[_Union[Business, _Mapping]] = ..., now_ms: _Optional[int] = ..., memory: _Optional[_Union[CallerMemory, _Mapping]] = ...) -> None: ...

class SaveTaskResponse(_message.Message):
    __slots__ = ("version", "repeated", "outputs", "intents")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    INTENTS_FIELD_NUMBER: _ClassVar[int]
    version: int
    repeated: bool
    outputs: _containers.RepeatedCompositeFieldContainer[_fsa_pb2.Output]
    intents: _containers.RepeatedCompositeFieldContainer[Intent]
    def __init__(self, version: _Optional[int] = ..., repeated: _Optional[bool] = ..., outputs: _Optional[_Iterable[_Union[_fsa_pb2.Output, _Mapping]]] = ..., intents: _Optional[_Iterable[_Union[Intent, _Mapping]]] = ...) -> None: ...

class MarkDeliveredRequest(_message.Message):
    __slots__ = ("session_id", "output_ids")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_IDS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    output_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session_id: _Optional[str] = ..., output_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class MarkDeliveredResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Turn(_message.Message):
    __slots__ = ("turn_id", "call_id", "occurred_at_ms", "turn")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    call_id: str
    occurred_at_ms: int
    turn: _events_pb2.TurnTaken
    def __init__(self, turn_id: _Optional[str] = ..., call_id: _Optional[str] = ..., occurred_at_ms: _Optional[int] = ..., turn: _Optional[_Union[_events_pb2.TurnTaken, _Mapping]] = ...) -> None: ...

class AppendTurnsRequest(_message.Message):
    __slots__ = ("session_id", "turns")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    turns: _containers.RepeatedCompositeFieldContainer[Turn]
    def __init__(self, session_id: _Optional[str] = ..., turns: _Optional[_Iterable[_Union[Turn, _Mapping]]] = ...) -> None: ...

class AppendTurnsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class GetSessionResponse(_message.Message):
    __slots__ = ("session", "turns")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    session: SessionView
    turns: _containers.RepeatedCompositeFieldContainer[Turn]
    def __init__(self, session: _Optional[_Union[SessionView, _Mapping]] = ..., turns: _Optional[_Iterable[_Union[Turn, _Mapping]]] = ...) -> None: ...

class SessionView(_message.Message):
    __slots__ = ("session_id", "caller", "callee", "business", "live_call_id", "resumable_until_ms", "created_at_ms")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CALLEE_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_FIELD_NUMBER: _ClassVar[int]
    LIVE_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    RESUMABLE_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    caller: str
    callee: str
    business: Business
    live_call_id: str
    resumable_until_ms: int
    created_at_ms: int
    def __init__(self, session_id: _Optional[str] = ..., caller: _Optional[str] = ..., callee: _Optional[str] = ..., business: _Optional[_Union[Business, _Mapping]] = ..., live_call_id: _Optional[str] = ..., resumable_until_ms: _Optional[int] = ..., created_at_ms: _Optional[int] = ...) -> None: ...

class DeleteKeyRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class DeleteKeyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[SessionView]
    def __init__(self, sessions: _Optional[_Iterable[_Union[SessionView, _Mapping]]] = ...) -> None: ...

class ClaimCommandRequest(_message.Message):
    __slots__ = ("session_id", "command_id", "holder", "undone")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    UNDONE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    command_id: str
    holder: str
    undone: bool
    def __init__(self, session_id: _Optional[str] = ..., command_id: _Optional[str] = ..., holder: _Optional[str] = ..., undone: _Optional[bool] = ...) -> None: ...

class ClaimCommandResponse(_message.Message):
    __slots__ = ("standing", "hold_ms")
    STANDING_FIELD_NUMBER: _ClassVar[int]
    HOLD_MS_FIELD_NUMBER: _ClassVar[int]
    standing: CommandStanding
    hold_ms: int
    def __init__(self, standing: _Optional[_Union[CommandStanding, str]] = ..., hold_ms: _Optional[int] = ...) -> None: ...

class WatchEventsRequest(_message.Message):
    __slots__ = ("session_id", "from_start", "until_now")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_START_FIELD_NUMBER: _ClassVar[int]
    UNTIL_NOW_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    from_start: bool
    until_now: bool
    def __init__(self, session_id: _Optional[str] = ..., from_start: _Optional[bool] = ..., until_now: _Optional[bool] = ...) -> None: ...

class WatchEventsResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _events_pb2.CallEvent
    def __init__(self, event: _Optional[_Union[_events_pb2.CallEvent, _Mapping]] = ...) -> None: ...
