"""One simulated caller straight against a gateway: what is behind `opusagent call`.

A ws:// URL is dialled as the platform's media socket with made-up identifiers. An http:// URL is a Twilio voice webhook
(its path, when it has none, is /twilio/voice): the TwiML it answers is executed, nonce and all.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from audio import wav
from audio.g711 import mulaw_encode
from audio.transcode import resample
from simulator.audiocodes.client import AudioCodesLeg
from simulator.audiocodes.conversation import Caller as AudioCodesCaller
from simulator.caller import Caller, Heard, Voice
from simulator.caller.voice import TELEPHONE_RATE
from simulator.clock import Clock, RealClock
from simulator.legs import VALID_DIGITS, CallFailedError, Leg
from simulator.twilio.account import Account, Number, new_sid
from simulator.twilio.leg import TwilioLeg
from simulator.twilio.network import PhoneNetwork
from simulator.twilio.records import CallRecord
from simulator.twilio.script import Platform, Source
from simulator.twilio.webhooks import Webhooks

PROTOCOLS = ("twilio", "audiocodes")
GREETING_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 20.0
# An agent need not answer keys.
KEYS_TIMEOUT_S = 5.0
# The agent's turn is over when he has been quiet for so long (he may announce a result before it comes).
QUIET_S = 2.0


@dataclass(frozen=True)
class CallRequest:
    """What to do. `say` and `wav` are turns, the words first; `drop_after` is in seconds from the answer."""

    url: str
    protocol: str = "twilio"
    say: Sequence[str] = ()
    wav: Sequence[Path] = ()
    dtmf: str = ""
    drop_after: float | None = None
    record: Path | None = None
    caller: str = "+15550100"
    callee: str = "+15550199"
    # AudioCodes: the bearer token. Twilio: the account's auth token, which signs what Twilio would sign.
    token: str = ""

    def __post_init__(self) -> None:
        """Check what can be checked before anybody is rung.

        Raises:
            ValueError: keys that no telephone has, or a drop before the call.
        """
        if wrong := set(self.dtmf.upper()) - VALID_DIGITS:
            raise ValueError(f"keys are 0-9 * # A-D, not {''.join(sorted(wrong))!r}")
        if self.drop_after is not None and self.drop_after < 0:
            raise ValueError(f"a call cannot be dropped {self.drop_after} seconds after its answer")


@dataclass(frozen=True)
class Spoken:
    """One line of the transcript: `who` is caller, agent or call."""

    at_s: float
    who: str
    text: str
    response_ms: int | None = None


@dataclass
class CallReport:
    """What happened."""

    answered: bool = False
    transcript: list[Spoken] = field(default_factory=list)
    # caller, agent or platform; with a detail.
    ended_by: str = ""
    detail: str = ""
    # What the gateway did against the protocol.
    warnings: list[str] = field(default_factory=list)

    @property
    def heard(self) -> list[str]:
        """The agent's turns."""
        return [line.text for line in self.transcript if line.who == "agent"]


async def ring(
    request: CallRequest, voice: Voice, on_line: Callable[[Spoken], None] = lambda _: None, clock: Clock | None = None
) -> CallReport:
    """Place the call and see it through; a call that fails is in the report.

    Raises:
        ValueError: the request makes no sense (protocol, URL or keys).
        WavError, FileNotFoundError: a WAV file cannot be used.
    """
    clock = clock or RealClock()
    turns: list[str | tuple[str, bytes]] = [*request.say]
    turns += [(path.name, _telephone_audio(path)) for path in request.wav]
    account = Account(auth_token=request.token)
    webhooks = Webhooks(account)
    network: PhoneNetwork | None = None
    try:
        if request.protocol == "twilio" and _is_http(request.url):
            network = _network(request, account, clock)
            leg: Leg = network.place_call(request.caller, request.callee)
        else:
            leg = direct_leg(request, account, webhooks, clock)
        return await _Call(request, leg, voice, on_line).run(turns)
    finally:
        await webhooks.close()
        if network is not None:
            await network.stop()


class _Call:
    def __init__(self, request: CallRequest, leg: Leg, voice: Voice, on_line: Callable[[Spoken], None]) -> None:
        self._request = request
        self._leg = leg
        self._on_line = on_line
        self._report = CallReport()
        self._began = leg.clock.now()
        self._caller = Caller(leg, voice, lambda text: self._line("caller", text), self._heard)

    async def run(self, turns: Sequence[str | tuple[str, bytes]]) -> CallReport:
        if self._request.record is not None:
            self._leg.record(self._request.record)
        try:
            await self._leg.dial()
        except CallFailedError as error:
            return self._not_answered(str(error))
        if self._leg.silent_because:
            await self._leg.hang_up()
            return self._not_answered(self._leg.silent_because)
        self._report.answered = True
        self._line("call", "answered")
        dropping = asyncio.create_task(self._drop())
        try:
            await self._converse(turns)
        finally:
            dropping.cancel()
            await asyncio.wait([dropping])
            await self._leg.hang_up()
        await self._conclude()
        return self._report

    def _not_answered(self, why: str) -> CallReport:
        self._report.detail = why
        self._line("call", f"not answered: {why}")
        return self._report

    async def _converse(self, turns: Sequence[str | tuple[str, bytes]]) -> None:
        await self._caller.hears_out(QUIET_S, GREETING_TIMEOUT_S)
        if self._request.dtmf and not self._leg.ended.done():
            self._line("caller", f"[keys {self._request.dtmf}]")
            await self._leg.press(self._request.dtmf)
            await self._caller.hears_out(QUIET_S, KEYS_TIMEOUT_S)
        for turn in turns:
            if self._leg.ended.done():
                return
            if isinstance(turn, str):
                await self._caller.says(turn)
            else:
                await self._caller.plays(turn[1], f"[{turn[0]}]")
            await self._caller.hears_out(QUIET_S, ANSWER_TIMEOUT_S)

    async def _drop(self) -> None:
        if self._request.drop_after is not None:
            await self._leg.clock.sleep(self._request.drop_after)
            await self._leg.platform_drop()

    async def _conclude(self) -> None:
        end = await self._leg.ended
        self._report.ended_by, self._report.detail = end.by.value, end.detail
        self._report.warnings = list(self._leg.warnings)
        self._line("call", f"ended by the {end.by.value}: {end.detail}")

    def _heard(self, heard: Heard) -> None:
        self._line("agent", heard.text, heard.response_ms)

    def _line(self, who: str, text: str, response_ms: int | None = None) -> None:
        line = Spoken(round(self._leg.clock.now() - self._began, 2), who, text, response_ms)
        self._report.transcript.append(line)
        self._on_line(line)


def _is_http(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https")


def _network(request: CallRequest, account: Account, clock: Clock) -> PhoneNetwork:
    parts = urlsplit(request.url)
    base = f"{parts.scheme}://{parts.netloc}"
    number = Number.of_gateway(request.callee, base)
    if parts.path.strip("/"):
        number = Number(request.callee, request.url, "POST", number.status_callback, number.sms_url)
    network = PhoneNetwork(account, clock=clock, plain_websockets=True)
    network.add_number(number)
    return network


def direct_leg(request: CallRequest, account: Account, webhooks: Webhooks, clock: Clock) -> Leg:
    """Return a leg, not yet dialled, whose media socket is the request's URL. Raises ValueError."""
    if request.protocol not in PROTOCOLS:
        raise ValueError(f"no protocol {request.protocol!r}: there are {', '.join(PROTOCOLS)}")
    parts = urlsplit(request.url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.netloc:
        raise ValueError(f"{request.url!r} is not a ws://, wss://, http:// or https:// URL")
    if request.protocol == "audiocodes":
        url = parts._replace(scheme=scheme, path=parts.path if parts.path.strip("/") else "/audiocodes").geturl()
        caller = AudioCodesCaller(request.callee, request.caller or "anonymous")
        return AudioCodesLeg(url, caller, clock, token=request.token)
    call = CallRecord(new_sid("CA"), account.sid, request.caller or "anonymous", request.callee, "inbound")
    parameters = {"from": call.from_number, "to": call.to_number}
    nested = "".join(f"<Parameter name={quoteattr(n)} value={quoteattr(v)}/>" for n, v in parameters.items())
    stream = f"<Stream url={quoteattr(request.url)}>{nested}</Stream>"
    platform = Platform(account, webhooks, clock, plain_websockets=True)
    return TwilioLeg(call, platform, Source(document=f"<Response><Connect>{stream}</Connect></Response>"))


def _telephone_audio(path: Path) -> bytes:
    samples, rate = wav.read(path)
    return mulaw_encode(resample(samples, rate, TELEPHONE_RATE))
