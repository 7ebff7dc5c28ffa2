from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Expectation(_message.Message):
    __slots__ = ("kind", "phrases", "no_input_ms")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PHRASES_FIELD_NUMBER: _ClassVar[int]
    NO_INPUT_MS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    phrases: _containers.RepeatedScalarFieldContainer[str]
    no_input_ms: int
    def __init__(self, kind: _Optional[str] = ..., phrases: _Optional[_Iterable[str]] = ..., no_input_ms: _Optional[int] = ...) -> None: ...

class Ask(_message.Message):
    __slots__ = ("text", "expect")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EXPECT_FIELD_NUMBER: _ClassVar[int]
    text: str
    expect: Expectation
    def __init__(self, text: _Optional[str] = ..., expect: _Optional[_Union[Expectation, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Failed(_message.Message):
    __slots__ = ("text", "reason")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    text: str
    reason: str
    def __init__(self, text: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Steer(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Verbatim(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class HangUp(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HandOff(_message.Message):
    __slots__ = ("target", "summary")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    target: str
    summary: str
    def __init__(self, target: _Optional[str] = ..., summary: _Optional[str] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("output_id", "task_id", "ask", "progress", "result", "failed", "steer", "verbatim", "hang_up", "hand_off")
    OUTPUT_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    STEER_FIELD_NUMBER: _ClassVar[int]
    VERBATIM_FIELD_NUMBER: _ClassVar[int]
    HANG_UP_FIELD_NUMBER: _ClassVar[int]
    HAND_OFF_FIELD_NUMBER: _ClassVar[int]
    output_id: str
    task_id: str
    ask: Ask
    progress: Progress
    result: Result
    failed: Failed
    steer: Steer
    verbatim: Verbatim
    hang_up: HangUp
    hand_off: HandOff
    def __init__(self, output_id: _Optional[str] = ..., task_id: _Optional[str] = ..., ask: _Optional[_Union[Ask, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., failed: _Optional[_Union[Failed, _Mapping]] = ..., steer: _Optional[_Union[Steer, _Mapping]] = ..., verbatim: _Optional[_Union[Verbatim, _Mapping]] = ..., hang_up: _Optional[_Union[HangUp, _Mapping]] = ..., hand_off: _Optional[_Union[HandOff, _Mapping]] = ...) -> None: ...

class TurnBegin(_message.Message):
    __slots__ = ("began_at_ms", "before_question")
    BEGAN_AT_MS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_QUESTION_FIELD_NUMBER: _ClassVar[int]
    began_at_ms: int
    before_question: bool
    def __init__(self, began_at_ms: _Optional[int] = ..., before_question: _Optional[bool] = ...) -> None: ...

class Utterance(_message.Message):
    __slots__ = ("text", "alternatives", "confidence", "started_ms", "ended_ms", "begin")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    STARTED_MS_FIELD_NUMBER: _ClassVar[int]
    ENDED_MS_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    text: str
    alternatives: _containers.RepeatedScalarFieldContainer[str]
    confidence: float
    started_ms: int
    ended_ms: int
    begin: TurnBegin
    def __init__(self, text: _Optional[str] = ..., alternatives: _Optional[_Iterable[str]] = ..., confidence: _Optional[float] = ..., started_ms: _Optional[int] = ..., ended_ms: _Optional[int] = ..., begin: _Optional[_Union[TurnBegin, _Mapping]] = ...) -> None: ...

class StartTask(_message.Message):
    __slots__ = ("task", "arguments_json", "caller_words", "function_call_id", "begin")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_FIELD_NUMBER: _ClassVar[int]
    CALLER_WORDS_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    task: str
    arguments_json: str
    caller_words: str
    function_call_id: str
    begin: TurnBegin
    def __init__(self, task: _Optional[str] = ..., arguments_json: _Optional[str] = ..., caller_words: _Optional[str] = ..., function_call_id: _Optional[str] = ..., begin: _Optional[_Union[TurnBegin, _Mapping]] = ...) -> None: ...

class AnswerTask(_message.Message):
    __slots__ = ("task_id", "answer", "caller_words", "function_call_id", "begin")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    CALLER_WORDS_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    answer: str
    caller_words: str
    function_call_id: str
    begin: TurnBegin
    def __init__(self, task_id: _Optional[str] = ..., answer: _Optional[str] = ..., caller_words: _Optional[str] = ..., function_call_id: _Optional[str] = ..., begin: _Optional[_Union[TurnBegin, _Mapping]] = ...) -> None: ...

class CancelTask(_message.Message):
    __slots__ = ("task_id", "caller_words", "function_call_id", "begin")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_WORDS_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    caller_words: str
    function_call_id: str
    begin: TurnBegin
    def __init__(self, task_id: _Optional[str] = ..., caller_words: _Optional[str] = ..., function_call_id: _Optional[str] = ..., begin: _Optional[_Union[TurnBegin, _Mapping]] = ...) -> None: ...

class KeyPress(_message.Message):
    __slots__ = ("digit", "sealed")
    DIGIT_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    digit: str
    sealed: bytes
    def __init__(self, digit: _Optional[str] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class NoInput(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("event_id",)
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    def __init__(self, event_id: _Optional[str] = ...) -> None: ...

class Floor(_message.Message):
    __slots__ = ("gated", "secret")
    GATED_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    gated: bool
    secret: bool
    def __init__(self, gated: _Optional[bool] = ..., secret: _Optional[bool] = ...) -> None: ...

class Privacy(_message.Message):
    __slots__ = ("on",)
    ON_FIELD_NUMBER: _ClassVar[int]
    on: bool
    def __init__(self, on: _Optional[bool] = ...) -> None: ...

class Tool(_message.Message):
    __slots__ = ("name", "description", "parameters_schema_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    parameters_schema_json: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., parameters_schema_json: _Optional[str] = ...) -> None: ...

class Toolbox(_message.Message):
    __slots__ = ("tools",)
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    tools: _containers.RepeatedCompositeFieldContainer[Tool]
    def __init__(self, tools: _Optional[_Iterable[_Union[Tool, _Mapping]]] = ...) -> None: ...

class Outputs(_message.Message):
    __slots__ = ("event_id", "outputs", "floor", "toolbox")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    TOOLBOX_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    outputs: _containers.RepeatedCompositeFieldContainer[Output]
    floor: Floor
    toolbox: Toolbox
    def __init__(self, event_id: _Optional[str] = ..., outputs: _Optional[_Iterable[_Union[Output, _Mapping]]] = ..., floor: _Optional[_Union[Floor, _Mapping]] = ..., toolbox: _Optional[_Union[Toolbox, _Mapping]] = ...) -> None: ...
