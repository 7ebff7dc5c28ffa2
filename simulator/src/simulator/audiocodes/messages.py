"""Messages of the Bot API as VoiceAI Connect sends them, and the fields that the bot's must have.

Source: AudioCodes, "Bot API, streaming mode"; where sources differ, the official SDK `@audiocodes/ac-bot-api` decides.
"""

import base64
import uuid
from datetime import UTC, datetime
from typing import Any

from audio.formats import MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, Format

Json = dict[str, Any]

FORMATS: dict[str, Format] = {
    "raw/mulaw": MULAW_8K,
    "raw/lpcm16": PCM16_16K,
    "raw/lpcm16_8": PCM16_8K,
    "raw/lpcm16_24": PCM16_24K,
}

# Message of the bot -> fields that it must have, all strings but `activities`, `alternatives` and `success`.
BOT_FIELDS: dict[str, tuple[str, ...]] = {
    "session.accepted": (),
    "session.error": ("reason",),
    "userStream.started": (),
    "userStream.stopped": (),
    "userStream.speech.started": (),
    "userStream.speech.stopped": (),
    "userStream.speech.committed": (),
    "userStream.speech.hypothesis": ("alternatives",),
    "userStream.speech.recognition": ("alternatives",),
    "playStream.start": ("streamId", "mediaFormat"),
    "playStream.chunk": ("streamId", "audioChunk"),
    "playStream.stop": ("streamId",),
    "activities": ("activities",),
    "connection.validated": ("success",),
}
_TYPES: dict[str, type] = {"alternatives": list, "activities": list, "success": bool}


def fault(message: Any) -> str:
    """What is wrong with a bot's message; empty when nothing is."""
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(kind, str) or kind not in BOT_FIELDS:
        return f"unknown message {kind!r}"
    for name in BOT_FIELDS[kind]:
        if not isinstance(message.get(name), _TYPES.get(name, str)):
            return f"{kind} without a proper {name}"
    return ""


class Writer:
    """Writes what VoiceAI Connect says in one conversation."""

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id

    def message(self, kind: str, **fields: Any) -> Json:
        """Any message."""
        return {"conversationId": self.conversation_id, "type": kind, **fields}

    def initiate(self, bot: str, caller: str, formats: tuple[str, ...]) -> Json:
        """The first message of a call."""
        wanted = {"expectAudioMessages": True, "supportedMediaFormats": list(formats)}
        return self.message("session.initiate", botName=bot, caller=caller, **wanted)

    def chunk(self, audio: bytes) -> Json:
        """The caller's audio in the accepted format."""
        return self.message("userStream.chunk", audioChunk=base64.b64encode(audio).decode())

    def end(self, code: str, reason: str) -> Json:
        """The last message."""
        return self.message("session.end", reasonCode=code, reason=reason)

    def activity(self, name: str, **fields: Any) -> Json:
        """One event activity."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event = {"type": "event", "name": name, "id": str(uuid.uuid4()), "timestamp": now, "language": "en-US"}
        return self.message("activities", activities=[event | fields])

    def start(self, bot: str, caller: str) -> Json:
        """The start activity."""
        parameters = {"locale": "en-US", "caller": caller, "callee": bot, "vaigConversationId": self.conversation_id}
        return self.activity("start", parameters=parameters)
