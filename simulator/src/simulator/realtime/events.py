"""Server events of the Realtime API, built as plain dictionaries in the GA shape.

Source: `openai.types.realtime` of the official SDK, which the tests validate every builder against.
"""

from typing import Any

Event = dict[str, Any]


def error(message: str, code: str, event_id: str | None = None, param: str | None = None) -> Event:
    """Return an `error` event; most are recoverable and the session stays open."""
    detail = {"type": "invalid_request_error", "message": message, "code": code, "param": param, "event_id": event_id}
    return {"type": "error", "error": detail}


def user_item(item_id: str, transcript: str | None = None, status: str = "completed") -> Event:
    """Return a user message that holds the caller's audio."""
    content = {"type": "input_audio", "transcript": transcript}
    return _message(item_id, "user", [content], status)


def assistant_item(item_id: str, transcript: str = "", status: str = "in_progress") -> Event:
    """Return an assistant message; its content is empty while it is in progress."""
    content = [{"type": "output_audio", "transcript": transcript}] if transcript else []
    return _message(item_id, "assistant", content, status)


def function_call_item(item_id: str, call_id: str, name: str, arguments: str = "", status: str = "completed") -> Event:
    """Return a function call; `arguments` is JSON text, empty while it is in progress."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def _message(item_id: str, role: str, content: list[Event], status: str) -> Event:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "role": role,
        "status": status,
        "content": content,
    }


def response(response_id: str, status: str, output: list[Event], **more: Any) -> Event:
    """Return a response object; status is in_progress, completed, cancelled, failed or incomplete."""
    body: Event = {
        "id": response_id,
        "object": "realtime.response",
        "status": status,
        "status_details": None,
        "output": output,
        "conversation_id": "conv_standin",
        "output_modalities": ["audio"],
    }
    if status == "completed":
        body["status_details"] = {"type": "completed"}
    return {**body, **more}


def cancelled(response_id: str, reason: str, output: list[Event]) -> Event:
    """Return a cancelled response; reason is turn_detected or client_cancelled."""
    details = {"type": "cancelled", "reason": reason}
    return response(response_id, "cancelled", output, status_details=details)
