"""AudioCodes VoiceAI Connect, bot API in streaming mode: JSON text messages both ways, no I/O.

VAIC is the WebSocket client. Its first message on a socket is `session.initiate` (a new conversation), `session.resume`
(one whose socket was lost) or `connection.validate` (a probe). After our `session.accepted` it opens a user stream
(`userStream.start`, answered by `userStream.started`, then chunks) and sends activities; `session.end` comes last. Our
streams play one at a time (`playStream.start`, chunks, `playStream.stop`; what was sent is played to its end), and we
hang up with an activity: closing the socket does not end the call.

Source: techdocs.audiocodes.com, Bot-API/ac-bot-api-streaming; the official SDK @audiocodes/ac-bot-api 0.13.
"""

import binascii
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import orjson

from audio.formats import MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, Format
from gateway.domain.audiocodes_messages import (
    Activities,
    Chunk,
    End,
    Event,
    Initiate,
    Resume,
    StreamStart,
    StreamStop,
    Unknown,
    Validate,
    parse,
)
from gateway.domain.wire import Malformed, ProtocolViolation

MEDIA: dict[str, Format] = {
    "raw/mulaw": MULAW_8K,
    "raw/lpcm16_24": PCM16_24K,
    "raw/lpcm16": PCM16_16K,
    "raw/lpcm16_8": PCM16_8K,
}
"""The media formats that are served, best first: mu-law needs no transcoding, 24 kHz none towards the models."""

NAMES = {format: name for name, format in MEDIA.items()}

SESSION_PARAMETERS: dict[str, Any] = {
    "bargeIn": True,
    "sendDTMF": True,
    "userNoInputGiveUpTimeoutMS": 0,
    "botNoInputGiveUpTimeoutMS": 0,
    "sendEventsToBot": ["playFinished"],
}
"""Full duplex, keys, no hang-up by VAIC's own timers (the engine has its own), and word of the end of playout."""

HANDOVER_REASON = "a human is wanted"
SUMMARY_HEADER = "X-OpusAgent-Summary"

STAYED = frozenset({"client-disconnected", "error"})
"""Values of `reasonCode` of a `session.end` during a transfer that say that the human has not got the call."""

ACTIVITIES_REMEMBERED = 64
"""Ids of activities by which a repeated one is known."""


def choose_format(offered: Sequence[str] | None) -> Format:
    """Return the best format of an offer; `raw/lpcm16` where there was none.

    Raises:
        ProtocolViolation: none of them is served ("format").
    """
    if offered is None:
        return PCM16_16K
    for name, format in MEDIA.items():
        if name in offered:
            return format
    raise ProtocolViolation("format", f"none of the offered media formats is supported: use {', '.join(MEDIA)}", 1003)


class State(StrEnum):
    """Where a socket's conversation stands."""

    OPENED = "opened"
    # Asked for, and neither accepted nor declined yet.
    PENDING = "pending"
    ACCEPTED = "accepted"
    STREAMING = "streaming"
    ENDED = "ended"


ORDER: dict[State, dict[type, State]] = {
    State.OPENED: {Validate: State.OPENED, Initiate: State.PENDING, Resume: State.PENDING},
    State.PENDING: {End: State.ENDED, Activities: State.PENDING},
    State.ACCEPTED: {
        StreamStart: State.STREAMING,
        # Either of these two may overtake, or be overtaken by, our own messages.
        StreamStop: State.ACCEPTED,
        Chunk: State.ACCEPTED,
        Activities: State.ACCEPTED,
        End: State.ENDED,
    },
    State.STREAMING: {
        StreamStart: State.STREAMING,
        StreamStop: State.ACCEPTED,
        Chunk: State.STREAMING,
        Activities: State.STREAMING,
        End: State.ENDED,
    },
    State.ENDED: {},
}
"""Which message may come when. An absent one is a violation; `Unknown` may come at any time and changes nothing."""


class Conversation:
    """One socket's messages, in and out, and their order."""

    def __init__(self) -> None:
        self.state = State.OPENED
        self._participant = ""
        self._odd = b""
        self._whole_samples = False
        self._media = ""
        self._generation = 1
        self._stream = 0
        self._stream_id = ""
        self._playing = False
        self._chunk_prefix = b""
        self._seen_ids: deque[str] = deque(maxlen=ACTIVITIES_REMEMBERED)

    # ---- in

    def receive(self, message: bytes) -> Event:
        """Decode one message and check that it may come now.

        Raises:
            Malformed: see `parse`; also a chunk outside a user stream ("order"). The state is unchanged.
            ProtocolViolation: it must not come now ("order").
        """
        event = parse(message)
        kind = type(event)
        if kind is Unknown:
            return event
        following = ORDER[self.state].get(kind)
        if following is None:
            raise ProtocolViolation("order", f"{kind.__name__} while {self.state.value}")
        if kind is Chunk and following is not State.STREAMING:
            raise Malformed("order")
        if kind is StreamStart:
            self._participant = event.participant  # type: ignore[union-attr]
            self._odd = b""
        self.state = following
        return self._news(event) if type(event) is Activities else event

    def _news(self, activities: Activities) -> Activities:
        """Without those that came before: VAIC may repeat an activity."""
        pairs = list(zip(activities.activities, activities.ids, strict=True))
        news = [(activity, name) for activity, name in pairs if not name or name not in self._seen_ids]
        self._seen_ids.extend(name for _, name in news if name)
        return Activities(tuple(activity for activity, _ in news), tuple(name for _, name in news))

    def samples(self, chunk: Chunk) -> bytes:
        """Return a chunk's audio as whole samples; half a sample waits for the next chunk."""
        audio = chunk.audio
        if not self._whole_samples:
            return audio
        if self._odd:
            audio = self._odd + audio
        if len(audio) % 2:
            self._odd = audio[-1:]
            return audio[:-1]
        self._odd = b""
        return audio

    # ---- out

    def accepted(self, format: Format, generation: int = 1) -> bytes:
        """Accept the conversation, in a format that was offered.

        `generation` keeps stream ids apart: they must be unique over all sockets of the conversation.
        """
        self.state = State.ACCEPTED
        self._generation = generation
        self._media = NAMES[format]
        self._whole_samples = format.sample_bytes == 2
        return orjson.dumps({"type": "session.accepted", "mediaFormat": self._media})

    def error(self, reason: str) -> bytes:
        """Decline, or end in an error: VAIC disconnects the call."""
        self.state = State.ENDED
        return orjson.dumps({"type": "session.error", "reason": reason})

    def validated(self) -> bytes:
        """Answer a probe."""
        return b'{"type":"connection.validated","success":true}'

    def stream_started(self) -> bytes:
        """Allow chunks."""
        return self._user("userStream.started")

    def stream_stopped(self, participant: str) -> bytes:
        """Agree to the end of the user stream."""
        return self._user("userStream.stopped", participant=participant)

    def speech(self, phase: str) -> bytes:
        """Tell that speech was `started`, `stopped` or `committed`."""
        return self._user(f"userStream.speech.{phase}")

    def hypothesis(self, text: str) -> bytes:
        """Tell what seems to be said."""
        return self._user("userStream.speech.hypothesis", alternatives=[{"text": text}])

    def recognition(self, text: str, confidence: float) -> bytes:
        """Tell what was said; confidence 0 to 1."""
        alternatives = [{"text": text, "confidence": round(confidence, 4)}]
        return self._user("userStream.speech.recognition", alternatives=alternatives)

    def play_start(self) -> bytes:
        """Begin the next play stream; the one before must have been stopped."""
        self._stream += 1
        self._playing = True
        self._stream_id = f"{self._generation}.{self._stream}"
        self._chunk_prefix = f'{{"type":"playStream.chunk","streamId":"{self._stream_id}","audioChunk":"'.encode()
        return orjson.dumps({"type": "playStream.start", "streamId": self._stream_id, "mediaFormat": self._media})

    def play_chunk(self, audio: bytes) -> bytes:
        """Agent audio of the running play stream, any length."""
        return self._chunk_prefix + binascii.b2a_base64(audio, newline=False) + b'"}'

    def play_stop(self) -> bytes:
        """End the running play stream; what was sent is still played."""
        self._playing = False
        return orjson.dumps({"type": "playStream.stop", "streamId": self._stream_id})

    @property
    def playing(self) -> bool:
        """Whether a play stream is open."""
        return self._playing

    def configure(self) -> bytes:
        """Set what the session needs."""
        return _event("config", sessionParams=SESSION_PARAMETERS)

    def abort_prompts(self) -> bytes:
        """Drop what has not been played."""
        return _event("abortPrompts")

    def hang_up(self, reason: str) -> bytes:
        """End the call."""
        return _event("hangup", activityParams={"hangupReason": reason})

    def transfer(self, target: str, summary: str) -> bytes:
        """Hand the caller over to a tel: or sip: URI; the summary, one line of it, travels in a SIP header."""
        parameters: dict[str, Any] = {"transferTarget": target, "handoverReason": HANDOVER_REASON}
        if summary:
            parameters["transferSipHeaders"] = [{"name": SUMMARY_HEADER, "value": summary}]
        return _event("transfer", activityParams=parameters)

    def _user(self, kind: str, **fields: Any) -> bytes:
        fields.setdefault("participant", self._participant)
        if not fields["participant"]:
            del fields["participant"]
        return orjson.dumps({"type": kind, **fields})


def _event(name: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": "activities", "activities": [{"type": "event", "name": name, **fields}]})
