"""Call control: executes TwiML documents on one leg, verb by verb, until one hangs up or none is left.

`<Connect><Stream>` blocks: the next verb (or the `action` URL) runs when the server closes the WebSocket or the
connection breaks. A stream is never reconnected; what follows in the document is the application's way back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

from chassis.logging import get_logger
from simulator.clock import Clock
from simulator.line import Line
from simulator.twilio import twiml
from simulator.twilio.account import Account, new_sid
from simulator.twilio.media_socket import MediaSocket, StreamEnd, StreamError
from simulator.twilio.records import CallRecord
from simulator.twilio.stream import INVALID, MediaStream, Warn
from simulator.twilio.twiml import MAX_PARAMETER, TwimlError, Verb
from simulator.twilio.webhooks import WebhookError, Webhooks

log = get_logger("simulator.twilio")

MAX_DOCUMENTS = 100
# How fast `<Say>` reads where nobody speaks the words.
_SAY_S_PER_CHARACTER = 0.06
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


async def _in_silence(_: str) -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class Platform:
    """What all legs of a network share."""

    account: Account
    webhooks: Webhooks
    clock: Clock
    # Whether the verb after <Connect> runs when the connection breaks; where not, the leg waits for a REST update.
    next_verb_after_loss: bool = True
    # Take ws:// for any host; Twilio itself takes wss:// alone, and plain ws:// to this machine is always let through.
    plain_websockets: bool = False
    # Rings a subscriber for the caller on a line, until that is over; None = nobody can be reached from here.
    dial: "Callable[[Dialing, Line], Awaitable[Dialed]] | None" = None
    # Reads a text aloud as 8 kHz mu-law; it may give nothing, and then only the time passes.
    speak: Callable[[str], Awaitable[bytes]] = _in_silence
    # Whether a number is the application's own, and may be shown to who is called.
    owns: Callable[[str], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Source:
    """Where a document comes from: a URL to ask, or the document itself."""

    url: str = ""
    method: str = "POST"
    document: str = ""
    extra: tuple[tuple[str, str], ...] = ()


NOTHING = Source(document="<Response/>")
"""A document that does nothing."""


@dataclass(frozen=True, slots=True)
class Dialing:
    """Who is to be rung. `shown`: the number that he sees; `whisper`: what runs on his end before he is connected.

    `parent_sid`: what the platform calls the caller's leg.
    """

    number: str
    shown: str
    timeout_s: float
    parent_sid: str
    whisper: Source = NOTHING
    # Of the SIP request.
    headers: Mapping[str, str] = field(default_factory=dict)
    # Called when the two are connected.
    on_bridged: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Dialed:
    """What became of it. `status`: completed, busy, no-answer, failed or canceled."""

    status: str
    sid: str = ""
    duration_s: int = 0
    bridged: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """The script is over. `fault`: by Twilio's error code; `ran_out`: no verb was left, and none ended the call."""

    detail: str
    fault: bool = False
    ran_out: bool = False


Flow = Source | Ending | None


class Script:
    """Of one leg. `run` returns how it ended; after `stop_stream` it waits to be cancelled."""

    def __init__(
        self, call: CallRecord, platform: Platform, line: Line, warn: Warn, answer: Callable[[], None]
    ) -> None:
        """`answer` is called each time that a verb makes the call be answered; `connected` is set once it runs."""
        self._call = call
        self._platform = platform
        self._line = line
        self._warn = warn
        self._answer = answer
        self.socket: MediaSocket | None = None
        self.said: list[str] = []
        self.streams = 0
        self.stream_error = ""
        # The first verb does its work: where it opens a stream, the stream is open.
        self.connected = asyncio.Event()
        self._base = ""
        self._stream_over = asyncio.Event()

    async def run(self, source: Source) -> Ending:
        """Execute a document and those that it leads to."""
        try:
            for _ in range(MAX_DOCUMENTS):
                flow = await self._execute(await self._fetch(source))
                if not isinstance(flow, Source):
                    return flow or Ending("the document ended", ran_out=True)
                source = flow
        except WebhookError as error:
            self._warn(error.code, str(error))
            return Ending(f"{error.code}: {error}", fault=True)
        except TwimlError as error:
            self._warn("12100", str(error))
            return Ending(f"12100: {error}", fault=True)
        return Ending("11100: the documents lead in a circle", fault=True)

    async def stop_stream(self) -> None:
        """Say `stop` on the open stream, if there is one, and close it."""
        if self.socket is not None:
            over = self._stream_over
            await self.socket.stop()
            await over.wait()

    async def _fetch(self, source: Source) -> list[Verb]:
        if source.document:
            return twiml.parse(source.document)
        fields = self._call.fields() | dict(source.extra)
        answer = await self._platform.webhooks.request(source.url, fields, source.method)
        self._base = answer.url
        return twiml.parse(answer.body) if answer.body.strip() else []

    async def _execute(self, verbs: list[Verb]) -> Flow:
        for verb in verbs:
            handler = _VERBS.get(verb.name)
            if handler is None:
                self._warn("12200", f"<{verb.name}> is not executed here")
                continue
            if verb.name != "Reject":
                self._answer()
            if verb.name != "Connect":
                self.connected.set()
            flow = await handler(self, verb)
            if flow is not None:
                return flow
        return None

    async def _connect(self, verb: Verb) -> Flow:
        noun = verb.noun("Stream")
        if noun is None:
            self._warn("12200", "<Connect> without <Stream>")
            return None
        extra: tuple[tuple[str, str], ...] = ()
        try:
            end, extra = await self._stream(noun)
        except StreamError as error:
            self._warn(error.code, str(error))
            self.stream_error = f"{error.code}: {error}"
            self.connected.set()
            extra = (("StreamError", error.code),)
        else:
            if end is StreamEnd.STOPPED or (end is StreamEnd.BROKEN and not self._platform.next_verb_after_loss):
                await asyncio.Event().wait()
        action = verb.attributes.get("action")
        return Source(self._absolute(action), verb.attributes.get("method", "POST"), extra=extra) if action else None

    async def _stream(self, noun: Verb) -> tuple[StreamEnd, tuple[tuple[str, str], ...]]:
        url = self._stream_url(noun.attributes.get("url", ""))
        stream_sid, account = new_sid("MZ"), self._platform.account
        parameters = noun.parameters()
        for name, value in parameters.items():
            if len(name) + len(value) >= MAX_PARAMETER:
                self._warn("12200", f"<Parameter {name}> is longer than {MAX_PARAMETER} characters")
        stream = MediaStream(
            account.sid,
            self._call.sid,
            stream_sid=stream_sid,
            parameters=parameters,
            playout=self._line.playout,
            warn=self._warn,
        )
        socket = MediaSocket(stream, self._line)
        headers = {name.lower(): value for name, value in account.signature(url, {}).items()}
        try:
            await socket.open(url, headers)
        except StreamError as error:
            await self._report(noun, stream_sid, "stream-error", str(error))
            raise
        self.streams += 1
        self.connected.set()
        self._stream_over = asyncio.Event()
        try:
            end = await self._carry(socket, noun)
            await self._report(noun, stream_sid, "stream-error" if end is StreamEnd.BROKEN else "stream-stopped")
        finally:
            self._stream_over.set()
        return end, (("StreamSid", stream_sid),)

    async def _carry(self, socket: MediaSocket, noun: Verb) -> StreamEnd:
        started = asyncio.create_task(self._report(noun, socket.stream.stream_sid, "stream-started"))
        self.socket = socket
        try:
            return await socket.run()
        finally:
            self.socket = None
            await started

    def _stream_url(self, given: str) -> str:
        url = urljoin(self._base, given) if "://" not in given else given
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss"):
            parts = parts._replace(scheme="wss" if parts.scheme == "https" else "ws")
        if parts.scheme == "ws" and not (self._platform.plain_websockets or parts.hostname in _LOCAL):
            raise StreamError("31930", f"{given}: only wss:// is allowed")
        if parts.query:
            self._warn(INVALID, "the query string of a Stream URL is not delivered")
        return parts._replace(query="", fragment="").geturl()

    async def _report(self, noun: Verb, stream_sid: str, event: str, error: str = "") -> None:
        callback = noun.attributes.get("statusCallback")
        if not callback:
            return
        fields = {
            "AccountSid": self._call.account_sid,
            "CallSid": self._call.sid,
            "StreamSid": stream_sid,
            "StreamName": noun.attributes.get("name", ""),
            "StreamEvent": event,
            "Timestamp": datetime.now(UTC).isoformat(),
        }
        fields |= {"StreamError": error} if error else {}
        try:
            url = self._absolute(callback)
            await self._platform.webhooks.request(url, fields, noun.attributes.get("statusCallbackMethod", "POST"))
        except WebhookError as failed:
            self._warn(failed.code, str(failed))

    async def _redirect(self, verb: Verb) -> Flow:
        return Source(self._absolute(verb.text), verb.attributes.get("method", "POST"))

    async def _hangup(self, _: Verb) -> Flow:
        return Ending("<Hangup>")

    async def _reject(self, verb: Verb) -> Flow:
        return Ending(f"<Reject> {verb.attributes.get('reason', 'rejected')}")

    async def _say(self, verb: Verb) -> Flow:
        self.said.append(verb.text)
        audio = await self._platform.speak(verb.text)
        self._line.playout.push(audio)
        await self._platform.clock.sleep(len(audio) / 8000 or len(verb.text) * _SAY_S_PER_CHARACTER)
        return None

    async def _pause(self, verb: Verb) -> Flow:
        await self._platform.clock.sleep(float(verb.attributes.get("length", "1")))
        return None

    async def _dial(self, verb: Verb) -> Flow:
        """Ring who is named first; the document goes on, or `action` is asked, when that is over."""
        attributes = verb.attributes
        noun = next((noun for noun in verb.nouns if noun.name in ("Number", "Sip")), Verb("Number", {}, verb.text))
        shown = attributes.get("callerId") or self._call.from_number
        if shown != self._call.from_number and not self._platform.owns(shown):
            self._warn("13214", f"<Dial>: invalid callerId {shown}")
        whisper = noun.attributes.get("url")
        run = Source(self._absolute(whisper), noun.attributes.get("method", "POST")) if whisper else NOTHING
        wanted = Dialing(noun.text, shown, float(attributes.get("timeout", "30")), self._call.sid, run)
        dialed = Dialed("failed")
        if self._platform.dial is not None:
            dialed = await self._platform.dial(wanted, self._line)
        action = attributes.get("action")
        if not action:
            return None
        extra = (
            ("DialCallStatus", dialed.status),
            ("DialCallSid", dialed.sid),
            ("DialCallDuration", str(dialed.duration_s)),
            ("DialBridged", str(dialed.bridged).lower()),
        )
        return Source(self._absolute(action), attributes.get("method", "POST"), extra=extra)

    def _absolute(self, url: str) -> str:
        return urljoin(self._base, url)


_VERBS: dict[str, Callable[[Script, Verb], Awaitable[Flow]]] = {
    "Connect": Script._connect,
    "Dial": Script._dial,
    "Hangup": Script._hangup,
    "Pause": Script._pause,
    "Redirect": Script._redirect,
    "Reject": Script._reject,
    "Say": Script._say,
}
