"""The protocol of one conversation on VoiceAI Connect's side, without I/O or clock.

    user stream:  OFF --start--> STARTING --userStream.started--> ON --stop--> STOPPING --userStream.stopped--> OFF

Chunks flow only while ON. Without `bargeIn` (the default, until the bot configures it) the user stream is stopped while
the bot plays and started again when the play-out has ended; with it the stream keeps running, and the bot's
`userStream.speech.started` (or a hypothesis) cuts the play-out. One play stream at a time: a chunk belongs to the open
one, and what was sent before `playStream.stop` is played to its end. What the bot does against these rules is counted.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from audio.formats import MULAW_8K
from audio.transcode import Transcoder
from simulator.audiocodes.messages import FORMATS, Json, Writer, fault
from simulator.playout import FRAME_MS, Playout

Warn = Callable[[str, str], None]

DEFAULT_FORMAT = "raw/lpcm16"


class UserStream(Enum):
    """Where the caller's stream stands."""

    OFF = auto()
    STARTING = auto()
    ON = auto()
    STOPPING = auto()


@dataclass(frozen=True, slots=True)
class BotEnd:
    """The bot ended the conversation: `kind` is hangup, transfer or error."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """The bot wants the caller to talk to somebody else. `headers`: of the SIP request."""

    target: str
    headers: dict[str, str]


@dataclass(slots=True)
class Settings:
    """Session parameters that the bot can change by a `config` activity; defaults are the product's."""

    bargeIn: bool = False
    bargeInOnDTMF: bool = False
    sendDTMF: bool = False
    sendEventsToBot: list[str] = field(default_factory=list)
    resumeRecognitionTimeoutMS: int = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """What the session begins with."""

    bot: str
    number: str
    formats: tuple[str, ...] = ("raw/mulaw", "raw/lpcm16")
    chunk_ms: int = 100
    # The product is configured to give the call back to the bot after a transfer that failed.
    gives_back: bool = False


class Conversation:
    """One call's state, kept over sockets. Methods return the messages to be sent, in order."""

    def __init__(self, writer: Writer, caller: Caller, playout: Playout, warn: Warn) -> None:
        """`playout`: where the bot's audio goes; `warn(code, text)`: called for each violation by the bot."""
        self._write = writer
        self._caller = caller
        self._playout = playout
        self._warn = warn
        self.accepted = False
        self.settings = Settings()
        self.user_stream = UserStream.OFF
        self.end: BotEnd | None = None
        # Under way, or the last that was.
        self.transfer: Transfer | None = None
        self.sent_dtmf: list[str] = []
        self.texts: list[str] = []
        self._started = False
        self._playing: str | None = None
        # The open play stream was cut by a barge-in: the rest of it is not played.
        self._dropping = False
        self._seen_streams: set[str] = set()
        self._decoder: Transcoder | None = None
        self._encoder = Transcoder(MULAW_8K, MULAW_8K)
        self._chunk = bytearray()
        self._off_ms = 0

    def initiate(self) -> list[Json]:
        """Begin."""
        return [self._write.initiate(self._caller.bot, self._caller.number, self._caller.formats)]

    def resume(self) -> list[Json]:
        """Begin again on a new socket: play streams are lost, the user stream starts anew."""
        self.accepted = False
        self.user_stream = UserStream.OFF
        self._playing = None
        self._playout.clear()
        self._chunk.clear()
        return [self._write.message("session.resume")]

    def carry(self, frame: bytes) -> list[Json]:
        """20 ms of the caller's mu-law."""
        if self.user_stream is not UserStream.ON:
            return self._while_off()
        self._chunk += self._encoder.feed(frame)
        size = self._encoder.dst.frame_bytes(self._caller.chunk_ms)
        if len(self._chunk) < size:
            return []
        chunk = bytes(self._chunk[:size])
        del self._chunk[:size]
        return [self._write.chunk(chunk)]

    def press(self, digits: str) -> list[Json]:
        """Keys; not delivered unless the bot asked for them (`sendDTMF`)."""
        cut = self._cut() if self.settings.bargeInOnDTMF else []
        return cut + ([self._write.activity("DTMF", value=digits)] if self.settings.sendDTMF else [])

    def played(self, stream_id: str) -> list[Json]:
        """The mark at the end of a play stream was reached."""
        if self._playing is not None:
            return []
        wanted = "playFinished" in self.settings.sendEventsToBot
        finished = [self._write.activity("playFinished")] if wanted else []
        return finished + self._start_user()

    def receive(self, message: Any) -> list[Json]:
        """Take one message of the bot."""
        wrong = fault(message)
        if not wrong and not self.accepted and message["type"] not in ("session.accepted", "session.error"):
            wrong = f"{message['type']} before session.accepted"
        if wrong:
            self._warn("message", wrong)
            return []
        handler = _HANDLERS.get(message["type"])
        return list(handler(self, message)) if handler else []

    def _while_off(self) -> list[Json]:
        """VoiceAI Connect takes the caller's audio up again when the bot says nothing for a while."""
        idle = self.user_stream is UserStream.OFF and self.accepted and self._playing is None
        self._off_ms = self._off_ms + FRAME_MS if idle and not self._playout.buffered_ms else 0
        return self._start_user() if self._off_ms >= self.settings.resumeRecognitionTimeoutMS else []

    def _accepted(self, message: Json) -> Iterator[Json]:
        if self.accepted:
            self._warn("session", "session.accepted twice")
            return
        name = message.get("mediaFormat")
        if name is None and not self._started:
            self._warn("format", "session.accepted without mediaFormat")
            name = DEFAULT_FORMAT
        if name is not None and name not in self._caller.formats:
            self._warn("format", f"{name} was not offered")
            self.end = BotEnd("error", f"format {name} was not offered")
            return
        if name is not None:
            self._encoder = Transcoder(MULAW_8K, FORMATS[name])
        self.accepted = True
        if not self._started:
            self._started = True
            yield self._write.start(self._caller.bot, self._caller.number)
        yield from self._start_user()

    def _error(self, message: Json) -> Iterator[Json]:
        self.end = BotEnd("error", message["reason"])
        yield from ()

    def _start_user(self) -> list[Json]:
        self._off_ms = 0
        if self.user_stream is not UserStream.OFF:
            return []
        self.user_stream = UserStream.STARTING
        return [self._write.message("userStream.start")]

    def _stop_user(self) -> list[Json]:
        if self.user_stream is not UserStream.ON:
            return []
        self.user_stream = UserStream.STOPPING
        self._chunk.clear()
        return [self._write.message("userStream.stop")]

    def _user_started(self, _: Json) -> Iterator[Json]:
        if self.user_stream is not UserStream.STARTING:
            self._warn("userStream", "userStream.started without userStream.start")
            return
        self.user_stream = UserStream.ON
        if self._playing is not None and not self.settings.bargeIn:
            yield from self._stop_user()

    def _user_stopped(self, _: Json) -> Iterator[Json]:
        if self.user_stream is not UserStream.STOPPING:
            self._warn("userStream", "userStream.stopped without userStream.stop")
            return
        self.user_stream = UserStream.OFF
        if self._playing is None and not self._playout.buffered_ms:
            yield from self._start_user()

    def _speech(self, _: Json) -> Iterator[Json]:
        if self.settings.bargeIn:
            yield from self._cut()

    def _recognised(self, message: Json) -> Iterator[Json]:
        self.texts += [str(item.get("text", "")) for item in message["alternatives"][:1] if isinstance(item, dict)]
        if not self.settings.bargeIn:
            yield from self._stop_user()

    def _cut(self) -> list[Json]:
        """Drop what the caller has not heard, and what the open play stream still brings."""
        self._dropping = self._playing is not None
        return self.played("") if self._playout.clear() else []

    def _play(self, message: Json) -> Iterator[Json]:
        stream_id, name = message["streamId"], message["mediaFormat"]
        if self._playing is not None:
            self._warn("playStream", "a play stream begins while another is open")
            self._close_play()
        if stream_id in self._seen_streams:
            self._warn("playStream", "a streamId is used twice")
        if name not in self._caller.formats:
            self._warn("format", f"{name} was not offered")
            return
        self._seen_streams.add(stream_id)
        self._playing, self._dropping = stream_id, False
        self._decoder = Transcoder(FORMATS[name], MULAW_8K)
        if not self.settings.bargeIn:
            yield from self._stop_user()

    def _play_chunk(self, message: Json) -> Iterator[Json]:
        if message["streamId"] != self._playing or self._decoder is None:
            self._warn("playStream", "a chunk outside of the open play stream")
            return
        try:
            audio = self._decoder.feed(base64.b64decode(message["audioChunk"], validate=True))
        except (binascii.Error, ValueError):
            self._warn("playStream", "audioChunk is not base64")
            return
        if not self._dropping:
            self._playout.push(audio)
        yield from ()

    def _play_stop(self, message: Json) -> Iterator[Json]:
        if message["streamId"] != self._playing:
            self._warn("playStream", "playStream.stop of a stream that is not open")
            return
        self._close_play()
        yield from ()

    def _close_play(self) -> None:
        if self._decoder is not None and self._playing is not None:
            rest = self._decoder.flush()
            self._playout.push(b"" if self._dropping else rest)
            self._playout.mark(self._playing)
        self._playing = self._decoder = None

    def _activities(self, message: Json) -> Iterator[Json]:
        for activity in message["activities"]:
            if not isinstance(activity, dict) or activity.get("type") not in ("event", "message"):
                self._warn("activity", "an activity without a proper type")
            elif activity["type"] == "message":
                self.texts.append(str(activity.get("text", "")))
            else:
                yield from self._event(str(activity.get("name")), activity)

    def _event(self, name: str, activity: Json) -> list[Json]:
        given = {**_params(activity, "sessionParams"), **_params(activity, "activityParams")}
        if name == "hangup":
            self.end = BotEnd("hangup", str(given.get("hangupReason", "")))
        elif name in ("transfer", "handover"):
            if not given.get("transferTarget"):
                self._warn("activity", "transfer without transferTarget")
            self._transfer(given)
        elif name == "config":
            self._configure(given)
        elif name == "abortPrompts":
            return self._cut()
        elif name == "sendDtmf":
            self.sent_dtmf.append(str(given.get("dtmfDigits", "")))
        return []

    def _transfer(self, given: Json) -> None:
        target, headers = str(given.get("transferTarget", "")), given.get("transferSipHeaders")
        pairs = headers if isinstance(headers, list) else []
        if any(not isinstance(pair, dict) or not pair.get("name") or "\n" in str(pair.get("value")) for pair in pairs):
            self._warn("activity", "transferSipHeaders are not a list of names and values")
            pairs = []
        self.transfer = Transfer(target, {str(pair["name"]): str(pair.get("value", "")) for pair in pairs})
        if not self._caller.gives_back:
            self.end = BotEnd("transfer", target)

    def transfer_status(self, code: str) -> list[Json]:
        """What became of the transfer: `code` is answered, or why it failed (no-answer, busy, declined, error)."""
        self.transfer = None
        if code == "answered":
            return [self._write.activity("transferStatus", value={"status": "answered"})]
        value = {"status": "failed", "reasonCode": code, "reason": f"SIP ;text={code}"}
        return [self._write.activity("transferStatus", value=value)]

    def _configure(self, given: Json) -> None:
        for name, value in given.items():
            if hasattr(self.settings, name):
                setattr(self.settings, name, value)


def _params(activity: Json, key: str) -> Json:
    value = activity.get(key)
    return value if isinstance(value, dict) else {}


_HANDLERS: dict[str, Callable[[Conversation, Json], Iterator[Json]]] = {
    "session.accepted": Conversation._accepted,
    "session.error": Conversation._error,
    "userStream.started": Conversation._user_started,
    "userStream.stopped": Conversation._user_stopped,
    "userStream.speech.started": Conversation._speech,
    "userStream.speech.hypothesis": Conversation._speech,
    "userStream.speech.recognition": Conversation._recognised,
    "playStream.start": Conversation._play,
    "playStream.chunk": Conversation._play_chunk,
    "playStream.stop": Conversation._play_stop,
    "activities": Conversation._activities,
}
