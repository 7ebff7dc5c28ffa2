"""Client events as they go on the wire: JSON text, in the shapes of `openai.types.realtime` (GA)."""

from binascii import b2a_base64
from typing import Any

import orjson

Json = dict[str, Any]

_APPEND = b'{"type":"input_audio_buffer.append","audio":"'
_CANCEL = '{"type":"response.cancel"}'


def append(audio: bytes) -> bytes:
    """Caller audio. Built by hand: it is sent fifty times a second."""
    return b'%b%b"}' % (_APPEND, b2a_base64(audio, newline=False))


def session_update(event_id: str, session: Json) -> str:
    """Configure the session; only the fields given change. `event_id` comes back in the error, if there is one."""
    return _text({"type": "session.update", "event_id": event_id, "session": session})


def system_text(text: str) -> str:
    """An item that tells the model something."""
    return _item({"type": "message", "role": "system", "content": [{"type": "input_text", "text": text}]})


def past_turn(text: str, by_caller: bool) -> str:
    """A turn of the conversation so far, as text: the API takes no assistant audio."""
    role, kind = ("user", "input_text") if by_caller else ("assistant", "output_text")
    return _item({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})


def function_output(function_call_id: str, output: str) -> str:
    """The answer to a function call."""
    return _item({"type": "function_call_output", "call_id": function_call_id, "output": output})


def response_create(event_id: str, response: Json) -> str:
    """Ask for a response; `event_id` comes back in the error, if there is one."""
    return _text({"type": "response.create", "event_id": event_id, "response": response})


def response_cancel() -> str:
    """Stop the active response."""
    return _CANCEL


def truncate(item_id: str, audio_end_ms: int) -> str:
    """The caller heard this much of an item. More than the item has is an error."""
    event = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
    return _text(event)


def _item(item: Json) -> str:
    return _text({"type": "conversation.item.create", "item": item})


def _text(event: Json) -> str:
    return orjson.dumps(event).decode()
