from opusagent.call.v1 import call_pb2 as _call_pb2
from opusagent.dialogue.v1 import plan_pb2 as _plan_pb2
from opusagent.fsa.v1 import fsa_pb2 as _fsa_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Sender(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SENDER_UNSPECIFIED: _ClassVar[Sender]
    SENDER_GATEWAY: _ClassVar[Sender]
    SENDER_RELAY: _ClassVar[Sender]
    SENDER_ENGINE: _ClassVar[Sender]

class SpeechPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPEECH_PHASE_UNSPECIFIED: _ClassVar[SpeechPhase]
    SPEECH_PHASE_STARTED: _ClassVar[SpeechPhase]
    SPEECH_PHASE_STOPPED: _ClassVar[SpeechPhase]
    SPEECH_PHASE_COMMITTED: _ClassVar[SpeechPhase]
SENDER_UNSPECIFIED: Sender
SENDER_GATEWAY: Sender
SENDER_RELAY: Sender
SENDER_ENGINE: Sender
SPEECH_PHASE_UNSPECIFIED: SpeechPhase
SPEECH_PHASE_STARTED: SpeechPhase
SPEECH_PHASE_STOPPED: SpeechPhase
SPEECH_PHASE_COMMITTED: SpeechPhase

class Head(_message.Message):
    __slots__ = ("call_id", "sender", "generation", "sequence", "media_ms")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    MEDIA_MS_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    sender: Sender
    generation: int
    sequence: int
    media_ms: int
    def __init__(self, call_id: _Optional[str] = ..., sender: _Optional[_Union[Sender, str]] = ..., generation: _Optional[int] = ..., sequence: _Optional[int] = ..., media_ms: _Optional[int] = ...) -> None: ...

class RelayInbox(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[RelayItem]
    def __init__(self, items: _Optional[_Iterable[_Union[RelayItem, _Mapping]]] = ...) -> None: ...

class RelayItem(_message.Message):
    __slots__ = ("head", "opened", "audio", "heard", "key", "closed", "transferred", "plan", "accepted", "outputs")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    TRANSFERRED_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    head: Head
    opened: CallOpened
    audio: CallerAudio
    heard: Heard
    key: _fsa_pb2.KeyPress
    closed: CallClosed
    transferred: _call_pb2.TransferResult
    plan: PlanReady
    accepted: _fsa_pb2.Accepted
    outputs: _fsa_pb2.Outputs
    def __init__(self, head: _Optional[_Union[Head, _Mapping]] = ..., opened: _Optional[_Union[CallOpened, _Mapping]] = ..., audio: _Optional[_Union[CallerAudio, _Mapping]] = ..., heard: _Optional[_Union[Heard, _Mapping]] = ..., key: _Optional[_Union[_fsa_pb2.KeyPress, _Mapping]] = ..., closed: _Optional[_Union[CallClosed, _Mapping]] = ..., transferred: _Optional[_Union[_call_pb2.TransferResult, _Mapping]] = ..., plan: _Optional[_Union[PlanReady, _Mapping]] = ..., accepted: _Optional[_Union[_fsa_pb2.Accepted, _Mapping]] = ..., outputs: _Optional[_Union[_fsa_pb2.Outputs, _Mapping]] = ...) -> None: ...

class CallOpened(_message.Message):
    __slots__ = ("call", "route", "reattached")
    CALL_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    REATTACHED_FIELD_NUMBER: _ClassVar[int]
    call: _call_pb2.CallInfo
    route: _call_pb2.Route
    reattached: bool
    def __init__(self, call: _Optional[_Union[_call_pb2.CallInfo, _Mapping]] = ..., route: _Optional[_Union[_call_pb2.Route, _Mapping]] = ..., reattached: _Optional[bool] = ...) -> None: ...

class CallerAudio(_message.Message):
    __slots__ = ("audio",)
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    audio: bytes
    def __init__(self, audio: _Optional[bytes] = ...) -> None: ...

class Heard(_message.Message):
    __slots__ = ("item_id", "heard_ms", "ended", "flushed")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    HEARD_MS_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    FLUSHED_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    heard_ms: int
    ended: bool
    flushed: bool
    def __init__(self, item_id: _Optional[str] = ..., heard_ms: _Optional[int] = ..., ended: _Optional[bool] = ..., flushed: _Optional[bool] = ...) -> None: ...

class CallClosed(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: _call_pb2.EndReason
    def __init__(self, reason: _Optional[_Union[_call_pb2.EndReason, str]] = ...) -> None: ...

class PlanReady(_message.Message):
    __slots__ = ("plan", "opening", "error")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    OPENING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    plan: _plan_pb2.DialoguePlan
    opening: _fsa_pb2.Outputs
    error: str
    def __init__(self, plan: _Optional[_Union[_plan_pb2.DialoguePlan, _Mapping]] = ..., opening: _Optional[_Union[_fsa_pb2.Outputs, _Mapping]] = ..., error: _Optional[str] = ...) -> None: ...

class GatewayInbox(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[GatewayItem]
    def __init__(self, items: _Optional[_Iterable[_Union[GatewayItem, _Mapping]]] = ...) -> None: ...

class GatewayItem(_message.Message):
    __slots__ = ("head", "audio", "flush", "speech", "transcript", "hang_up", "heard_through", "transfer", "privacy")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    FLUSH_FIELD_NUMBER: _ClassVar[int]
    SPEECH_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    HANG_UP_FIELD_NUMBER: _ClassVar[int]
    HEARD_THROUGH_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    PRIVACY_FIELD_NUMBER: _ClassVar[int]
    head: Head
    audio: AgentAudio
    flush: Flush
    speech: CallerSpeech
    transcript: CallerTranscript
    hang_up: HangUpCall
    heard_through: HeardThrough
    transfer: _call_pb2.TransferCall
    privacy: _fsa_pb2.Privacy
    def __init__(self, head: _Optional[_Union[Head, _Mapping]] = ..., audio: _Optional[_Union[AgentAudio, _Mapping]] = ..., flush: _Optional[_Union[Flush, _Mapping]] = ..., speech: _Optional[_Union[CallerSpeech, _Mapping]] = ..., transcript: _Optional[_Union[CallerTranscript, _Mapping]] = ..., hang_up: _Optional[_Union[HangUpCall, _Mapping]] = ..., heard_through: _Optional[_Union[HeardThrough, _Mapping]] = ..., transfer: _Optional[_Union[_call_pb2.TransferCall, _Mapping]] = ..., privacy: _Optional[_Union[_fsa_pb2.Privacy, _Mapping]] = ...) -> None: ...

class AgentAudio(_message.Message):
    __slots__ = ("item_id", "audio", "transcript", "last")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    audio: bytes
    transcript: str
    last: bool
    def __init__(self, item_id: _Optional[str] = ..., audio: _Optional[bytes] = ..., transcript: _Optional[str] = ..., last: _Optional[bool] = ...) -> None: ...

class Flush(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CallerSpeech(_message.Message):
    __slots__ = ("phase",)
    PHASE_FIELD_NUMBER: _ClassVar[int]
    phase: SpeechPhase
    def __init__(self, phase: _Optional[_Union[SpeechPhase, str]] = ...) -> None: ...

class CallerTranscript(_message.Message):
    __slots__ = ("text", "final", "confidence")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    text: str
    final: bool
    confidence: float
    def __init__(self, text: _Optional[str] = ..., final: _Optional[bool] = ..., confidence: _Optional[float] = ...) -> None: ...

class HangUpCall(_message.Message):
    __slots__ = ("reason", "detail")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    reason: _call_pb2.EndReason
    detail: str
    def __init__(self, reason: _Optional[_Union[_call_pb2.EndReason, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class HeardThrough(_message.Message):
    __slots__ = ("media_ms",)
    MEDIA_MS_FIELD_NUMBER: _ClassVar[int]
    media_ms: int
    def __init__(self, media_ms: _Optional[int] = ...) -> None: ...

class FsaInbox(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[FsaItem]
    def __init__(self, items: _Optional[_Iterable[_Union[FsaItem, _Mapping]]] = ...) -> None: ...

class FsaItem(_message.Message):
    __slots__ = ("head", "event_id", "occurred_at_ms", "route", "session_id", "opened", "key", "closed", "transferred", "plan", "utterance", "start", "answer", "cancel", "no_input")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    TRANSFERRED_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    NO_INPUT_FIELD_NUMBER: _ClassVar[int]
    head: Head
    event_id: str
    occurred_at_ms: int
    route: _call_pb2.Route
    session_id: str
    opened: CallOpened
    key: _fsa_pb2.KeyPress
    closed: CallClosed
    transferred: _call_pb2.TransferResult
    plan: PlanRequest
    utterance: _fsa_pb2.Utterance
    start: _fsa_pb2.StartTask
    answer: _fsa_pb2.AnswerTask
    cancel: _fsa_pb2.CancelTask
    no_input: _fsa_pb2.NoInput
    def __init__(self, head: _Optional[_Union[Head, _Mapping]] = ..., event_id: _Optional[str] = ..., occurred_at_ms: _Optional[int] = ..., route: _Optional[_Union[_call_pb2.Route, _Mapping]] = ..., session_id: _Optional[str] = ..., opened: _Optional[_Union[CallOpened, _Mapping]] = ..., key: _Optional[_Union[_fsa_pb2.KeyPress, _Mapping]] = ..., closed: _Optional[_Union[CallClosed, _Mapping]] = ..., transferred: _Optional[_Union[_call_pb2.TransferResult, _Mapping]] = ..., plan: _Optional[_Union[PlanRequest, _Mapping]] = ..., utterance: _Optional[_Union[_fsa_pb2.Utterance, _Mapping]] = ..., start: _Optional[_Union[_fsa_pb2.StartTask, _Mapping]] = ..., answer: _Optional[_Union[_fsa_pb2.AnswerTask, _Mapping]] = ..., cancel: _Optional[_Union[_fsa_pb2.CancelTask, _Mapping]] = ..., no_input: _Optional[_Union[_fsa_pb2.NoInput, _Mapping]] = ...) -> None: ...

class PlanRequest(_message.Message):
    __slots__ = ("call", "styles")
    CALL_FIELD_NUMBER: _ClassVar[int]
    STYLES_FIELD_NUMBER: _ClassVar[int]
    call: _call_pb2.CallInfo
    styles: _containers.RepeatedScalarFieldContainer[_plan_pb2.Style]
    def __init__(self, call: _Optional[_Union[_call_pb2.CallInfo, _Mapping]] = ..., styles: _Optional[_Iterable[_Union[_plan_pb2.Style, str]]] = ...) -> None: ...
