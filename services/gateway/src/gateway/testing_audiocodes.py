"""VAIC's side of a conversation for tests: sends what VAIC sends, keeps what it is sent."""

import base64
from typing import Any

from gateway.testing_twilio import WirePeer

ALL_FORMATS = ["raw/lpcm16", "raw/lpcm16_8", "raw/lpcm16_24", "raw/mulaw", "wav/mulaw"]


class AudioCodesPeer(WirePeer):
    """A conversation as VAIC drives it; opens the user stream once it was accepted and hangs up when told to."""

    def __init__(self, conversation_id: str = "conv-1", finishes: bool = False) -> None:
        super().__init__()
        self.conversation_id = conversation_id
        self.finishes = finishes

    def on_message(self, message: dict[str, Any]) -> None:
        """Answer as VAIC does."""
        if message["type"] == "session.accepted":
            self.tell("userStream.start")
        elif message["type"] == "playStream.stop" and self.finishes:
            self.activity(type="event", name="playFinished")
        elif message["type"] == "activities" and message["activities"][0].get("name") == "hangup":
            self.tell("session.end", reasonCode="bot-disconnected", reason="Bot")

    def tell(self, kind: str, **fields: Any) -> None:
        """Send a message of the conversation."""
        self.send({"conversationId": self.conversation_id, "type": kind, **fields})

    def initiate(self, formats: list[str] | None = None, **fields: Any) -> None:
        """Begin the conversation."""
        about = {"botName": "clinic", "caller": "+15550100", "expectAudioMessages": True}
        self.tell("session.initiate", **(about | {"supportedMediaFormats": formats or ALL_FORMATS} | fields))

    def chunk(self, audio: bytes) -> None:
        """Send caller audio."""
        self.tell("userStream.chunk", audioChunk=base64.b64encode(audio).decode())

    def activity(self, **fields: Any) -> None:
        """Send one activity."""
        self.tell("activities", activities=[fields])

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Messages of one type."""
        return [message for message in self.messages if message["type"] == kind]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Activities of one name."""
        found = [activity for message in self.of("activities") for activity in message["activities"]]
        return [activity for activity in found if activity.get("name") == name]

    def audio(self) -> bytes:
        """Agent audio received, joined."""
        return b"".join(base64.b64decode(message["audioChunk"]) for message in self.of("playStream.chunk"))
