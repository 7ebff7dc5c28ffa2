"""What a Realtime session knows: configuration, items, and how much audio of each item exists. No I/O."""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


def default_session(session_id: str, model: str, expires_at: int) -> Json:
    """Return the session of a new connection, as the API documents its defaults."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "expires_at": expires_at,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
        },
    }


def merge(session: Json, update: Json) -> Json:
    """Return the session with only the given fields changed, nested objects merged; null replaces."""
    merged = copy.deepcopy(session)
    for key, value in update.items():
        nested = key in ("audio", "input", "output") and isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if nested else value
    return merged


def bytes_per_ms(audio_format: Json) -> int:
    """Return bytes per millisecond of a format object: 8 for G.711, 48 for 24 kHz PCM."""
    return 48 if audio_format["type"] == "audio/pcm" else 8


@dataclass
class Item:
    """One conversation item and, for assistant audio, how many milliseconds of it were generated."""

    body: Json
    audio_ms: int = 0

    @property
    def id(self) -> str:
        """The item's id."""
        return str(self.body["id"])

    @property
    def text(self) -> str:
        """All words in it: transcript, text, function output or arguments."""
        kind = self.body["type"]
        if kind == "function_call_output":
            return str(self.body["output"])
        if kind == "function_call":
            return str(self.body["arguments"])
        parts = self.body.get("content") or []
        return " ".join(str(part.get("text") or part.get("transcript") or "") for part in parts).strip()


@dataclass
class Conversation:
    """The session's configuration and its items in order."""

    session: Json
    items: list[Item] = field(default_factory=list)

    def find(self, item_id: str) -> Item | None:
        """Return an item by id."""
        return next((item for item in self.items if item.id == item_id), None)

    def add(self, body: Json, after: str | None = None) -> str | None:
        """Insert an item after another (`"root"` = at the front, None = at the end); returns the previous item's id."""
        if after == "root":
            self.items.insert(0, Item(body))
            return None
        at = len(self.items)
        if after is not None:
            at = next((n + 1 for n, item in enumerate(self.items) if item.id == after), at)
        self.items.insert(at, Item(body))
        return self.items[at - 1].id if at else None

    def remove(self, item_id: str) -> bool:
        """Delete an item; False when there is none."""
        kept = [item for item in self.items if item.id != item_id]
        removed = len(kept) < len(self.items)
        self.items = kept
        return removed

    def truncate(self, item_id: str, audio_end_ms: int) -> str | None:
        """Cut an assistant item's audio; returns what is wrong with the request, or None."""
        item = self.find(item_id)
        if item is None or item.body.get("role") != "assistant":
            return f"no assistant item {item_id!r}"
        if audio_end_ms > item.audio_ms:
            return f"audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms"
        item.audio_ms = audio_end_ms
        item.body["content"] = []
        return None

    def tools(self) -> dict[str, Json]:
        """Return the function tools by name."""
        return {tool["name"]: tool for tool in self.session.get("tools") or [] if tool.get("type") == "function"}


def arguments_of(item: Item) -> Json:
    """Return a function call's arguments, empty when they are no JSON object."""
    try:
        parsed = json.loads(item.body.get("arguments") or "{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
