from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Style(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STYLE_UNSPECIFIED: _ClassVar[Style]
    STYLE_DIALOGUE: _ClassVar[Style]
    STYLE_DIRECTED: _ClassVar[Style]
STYLE_UNSPECIFIED: Style
STYLE_DIALOGUE: Style
STYLE_DIRECTED: Style

class DialoguePlan(_message.Message):
    __slots__ = ("agent", "definition_hash", "style", "instructions", "voice", "language", "vocabulary")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_HASH_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    agent: str
    definition_hash: str
    style: Style
    instructions: str
    voice: str
    language: str
    vocabulary: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, agent: _Optional[str] = ..., definition_hash: _Optional[str] = ..., style: _Optional[_Union[Style, str]] = ..., instructions: _Optional[str] = ..., voice: _Optional[str] = ..., language: _Optional[str] = ..., vocabulary: _Optional[_Iterable[str]] = ...) -> None: ...
