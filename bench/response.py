"""Response time of the local backend: from the end of the caller's speech to the first sound of the agent.

A caller speaks to the whole system in one process over Twilio's media protocol, at real pace: VAD, recognition, engine
and synthesis are the real ones, on this machine, together. What the caller says was synthesised before, in another
voice than the agent's, with a quiet room's noise around it; he answers once the agent has come to an end.
"""

import asyncio
import contextlib
import json
import math
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench import processes
from bench.figures import Aim, Spread
from opusagent_cli.ports import free_port
from simulator.call import CallRequest, direct_leg
from simulator.caller.hearing import Hearing, loud_until
from simulator.caller.voice import Voice
from simulator.clock import RealClock
from simulator.legs import Leg
from simulator.playout import SILENCE
from simulator.twilio.account import Account
from simulator.twilio.webhooks import Webhooks
from speech.registry import recogniser, synthesiser
from speech.workers import Workers

AIM_MS = 1000.0
CALLERS_VOICE = "piper"
STAGES = ("endpoint", "stt", "engine", "tts_first")
"""In order; `opusagent_relay_response_seconds` of the relay."""
END_SILENCE_MS = 900
GOES_ON_S = 0.8
"""How soon the agent goes on after a pause, if he does (a tool's result after "One moment, please")."""
ANSWER_S = 12.0

CALLS = (
    (
        "I'd like to book an appointment for tomorrow.",
        "At ten a.m. please.",
        "No, make it eleven.",
        "Yes, please.",
        "No, thank you.",
    ),
    (
        "What are your opening hours?",
        "I need an appointment next Tuesday at half past two.",
        "I left my umbrella on the train.",
        "That's right, go ahead.",
        "No, that's all.",
    ),
    (
        "Can I make an appointment?",
        "On Friday.",
        "Sorry, I meant Thursday.",
        "At a quarter past nine.",
        "Yes.",
        "No thanks, goodbye.",
    ),
    (
        "I want to cancel my appointment.",
        "Yes, cancel it.",
        "I'd like to see a doctor on Wednesday afternoon.",
        "Three o'clock.",
        "Yes, that's fine.",
        "No.",
    ),
)
_Cumulative = dict[float, float]


@dataclass(frozen=True)
class Stage:
    """One stage of the response time, milliseconds; percentiles are read off the relay's histogram."""

    mean: float
    p50: float
    p90: float


@dataclass(frozen=True)
class Response:
    """What was measured. Milliseconds."""

    ear: Spread
    """At the caller's ear: from the end of his speech to the first audible sound."""
    first_audio: Spread
    """To the first audio of the answer at the telephone, however soft."""
    relay: Spread
    """In the relay: from the end of speech as the VAD finds it to the first audio posted to the gateway."""
    stages: dict[str, Stage]
    unanswered: int
    sentences_cached: int
    sentences_made: int
    """Of the agent's sentences: taken from the relay's memory, synthesised."""

    @property
    def means(self) -> dict[str, float]:
        """Return where the mean response time at the ear goes; the parts add up to it."""
        inside = {name: self.stages[name].mean for name in STAGES if name in self.stages}
        return {
            **inside,
            "around": round(self.first_audio.mean - sum(inside.values()), 1),
            "soft": round(self.ear.mean - self.first_audio.mean, 1),
        }

    @property
    def aims(self) -> list[Aim]:
        """The aims of this part."""
        return [
            Aim("response time of the local backend at the caller's ear, p50", AIM_MS, self.ear.p50, "ms"),
            Aim("response time of the local backend in the relay, p50", AIM_MS, self.relay.p50, "ms"),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return it for the report's JSON."""
        return {**asdict(self), "means": self.means}


@dataclass
class _Ear:
    """A caller's ear: when the agent's answer arrives, and when it can be heard."""

    leg: Leg
    hearing: Hearing = field(default_factory=lambda: Hearing(END_SILENCE_MS))
    first_audio: float | None = None
    first_sound: float | None = None
    _asked: bool = False

    def __post_init__(self) -> None:
        self.hearing.on_start = self._sounded
        self.leg.line.ears += [self._listen, self.hearing]

    def await_answer(self) -> None:
        """The caller has just come to an end."""
        self.first_audio = self.first_sound = None
        self._asked = True

    def _listen(self, frame: bytes, at: float) -> None:
        # Not equality: the agent's own silence is audio too.
        if self._asked and self.first_audio is None and frame is not SILENCE:
            self.first_audio = at

    def _sounded(self, at: float) -> None:
        if self._asked and self.first_sound is None:
            self.first_sound = at


@dataclass
class _Heard:
    ear: list[float] = field(default_factory=list)
    first_audio: list[float] = field(default_factory=list)
    unanswered: int = 0


async def measure(calls: int, say: Callable[[str], None]) -> Response:
    """Make calls one after the other (the scripts above, over and over)."""
    say("response: the caller learns his words ...")
    scripts = [CALLS[number % len(CALLS)] for number in range(calls)]
    spoken = await _synthesised({words for script in scripts for words in script})
    heard = _Heard()
    async with _system() as system:
        for number, script in enumerate(scripts):
            say(f"response: call {number + 1} of {calls} ...")
            await _call(system.url, [spoken[words] for words in script], heard)
        await asyncio.sleep(1)
        text = await asyncio.to_thread(_scrape, system.ops)
        relay = [turn for turn in system.responses if turn]
    families = {family.name: family for family in text_string_to_metric_families(text)}
    looked_up = [sample for sample in families["opusagent_relay_tts_cache"].samples if sample.name.endswith("_total")]
    cache = {sample.labels["outcome"]: int(sample.value) for sample in looked_up}
    return Response(
        ear=Spread.of(heard.ear),
        first_audio=Spread.of(heard.first_audio),
        relay=Spread.of(relay),
        stages=_stages(families["opusagent_relay_response_seconds"]),
        unanswered=heard.unanswered,
        sentences_cached=cache.get("hit", 0),
        sentences_made=cache.get("miss", 0),
    )


async def _synthesised(lines: set[str]) -> dict[str, bytes]:
    workers = Workers()
    mouth = synthesiser(CALLERS_VOICE, workers=workers)
    try:
        voice = Voice(mouth, recogniser(workers=workers))
        audio = {words: await voice.speak(words) for words in lines}
        return {words: spoken[: loud_until(spoken) * 8] for words, spoken in audio.items()}
    finally:
        await mouth.close()
        await asyncio.to_thread(workers.close)


async def _call(url: str, lines: list[bytes], heard: _Heard) -> None:
    account = Account()
    webhooks = Webhooks(account)
    leg = direct_leg(CallRequest(url), account, webhooks, RealClock())
    try:
        await leg.dial()
        ear = _Ear(leg)
        await _agents_turn(leg, ear.hearing)
        for audio in lines:
            if leg.ended.done():
                break
            await _say(leg, ear, audio, heard)
        await leg.hang_up()
        await leg.ended
    finally:
        await webhooks.close()


async def _say(leg: Leg, ear: _Ear, audio: bytes, heard: _Heard) -> None:
    leg.send(audio)
    await leg.unless_over(leg.line.spoken())
    ended = leg.line.spoke_until
    ear.await_answer()
    await _agents_turn(leg, ear.hearing)
    if ended is None or ear.first_sound is None or ear.first_audio is None:
        heard.unanswered += 1
        return
    heard.ear.append((ear.first_sound - ended) * 1000)
    heard.first_audio.append((ear.first_audio - ended) * 1000)


async def _agents_turn(leg: Leg, hearing: Hearing) -> None:
    """Return when the agent has come to an end, or nothing came."""
    wait = ANSWER_S
    while not leg.ended.done():
        try:
            await leg.clock.wait_for(leg.unless_over(hearing.arrival()), wait if not hearing.speaking else ANSWER_S)
        except TimeoutError:
            if hearing.speaking:
                continue
            return
        hearing.take()
        wait = GOES_ON_S


@dataclass
class _System:
    url: str
    ops: str
    responses: list[float] = field(default_factory=list)
    """Response time of each turn of the agent, as the relay recorded it; 0 for what answered nothing."""

    async def follow(self, stdout: asyncio.StreamReader) -> None:
        """Read the facts that the system prints."""
        while line := await stdout.readline():
            turn = json.loads(line).get("turn_taken", {})
            if turn.get("speaker") == "SPEAKER_AGENT":
                self.responses.append(float(turn.get("response_ms", 0)))


@contextlib.asynccontextmanager
async def _system() -> AsyncIterator[_System]:
    with tempfile.TemporaryDirectory() as data:
        ports = ("--port", str(free_port()), "--ops-port", str(free_port()), "--session-port", str(free_port()))
        command = ("-m", "opusagent_cli", "up", "--json", *ports, "--data", data)
        env = {"RELAY_BACKEND": "local", "LOG_LEVEL": "ERROR", "DRAIN_SECONDS": "1", "GRACE_SECONDS": "1"}
        async with processes.running(*command, env=env) as child:
            ready = json.loads(await processes.first_line(child, timeout=90))
            assert child.stdout is not None
            system = _System(ready["url"].replace("http://", "ws://") + "/twilio/media", ready["ops"])
            following = asyncio.create_task(system.follow(child.stdout))
            try:
                yield system
            finally:
                following.cancel()


def _scrape(ops: str) -> str:
    with urllib.request.urlopen(f"{ops}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def _stages(family: Any) -> dict[str, Stage]:
    stages = {}
    for name in (*STAGES, "total"):
        samples = [sample for sample in family.samples if sample.labels.get("stage") == name]
        values = {sample.name.rsplit("_", 1)[1]: sample.value for sample in samples if "le" not in sample.labels}
        if not values.get("count"):
            continue
        buckets = {float(s.labels["le"]): s.value for s in samples if "le" in s.labels}
        mean = values["sum"] / values["count"] * 1000
        stages[name] = Stage(round(mean, 1), _quantile(buckets, 0.5), _quantile(buckets, 0.9))
    return stages


def _quantile(buckets: _Cumulative, share: float) -> float:
    """Return a quantile of a cumulative histogram in milliseconds, linear within its bucket."""
    wanted = max(buckets.values()) * share
    below, before = 0.0, 0.0
    for upper, count in sorted(buckets.items()):
        if count >= wanted:
            width = 0.0 if math.isinf(upper) else upper - below
            part = (wanted - before) / (count - before) if count > before else 0.0
            return round((below + width * part) * 1000, 1)
        below, before = upper, count
    return round(below * 1000, 1)
