"""Callers are put through to humans: by `<Dial>` at Twilio, by an SBC at AudioCodes; who is rung hears and is heard."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from chassis.http import HttpServer
from simulator.audiocodes.client import AudioCodesLeg
from simulator.audiocodes.conversation import Caller
from simulator.clock import VirtualClock
from simulator.legs import EndedBy, Leg
from simulator.twilio.account import Number
from simulator.twilio.dialing import DialedLeg
from simulator.twilio.handset import Handset
from simulator.twilio.network import PhoneNetwork

OURS, CALLER, HUMAN = "+15550199", "+15550100", "+15550123"
VOICE, ANSWER = b"\x21" * 1600, b"\x42" * 1600
DIAL = (
    '<Response><Dial action="{base}/dialed" timeout="20" callerId="+15550199">'
    '<Number url="{base}/whisper?call=1">+15550123</Number></Dial></Response>'
)


class Ear:
    """Keeps what one end hears."""

    def __init__(self, leg: Leg) -> None:
        self.audio = bytearray()
        leg.line.ears.append(lambda frame, _: self.audio.extend(frame))

    def heard(self, voice: bytes) -> bool:
        return voice in bytes(self.audio)


class Application:
    """Dials the human at once; `documents` by path."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.documents = {
            "voice": DIAL,
            "whisper": "<Response><Say>Ada is waiting.</Say></Response>",
            "dialed": "<Response><Hangup/></Response>",
        }
        self.base = ""
        self.app = FastAPI()
        self.app.post("/{path:path}")(self._webhook)

    async def _webhook(self, path: str, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.requests.append((path, form))
        return Response(self.documents[path].replace("{base}", self.base), media_type="text/xml")

    def asked(self, path: str) -> list[dict[str, str]]:
        return [form for where, form in self.requests if where == path]


@pytest.fixture
async def clock() -> AsyncIterator[VirtualClock]:
    async with VirtualClock() as clock:
        yield clock


@pytest.fixture
async def application() -> AsyncIterator[Application]:
    application = Application()
    server = HttpServer(application.app, "127.0.0.1", 0)
    await server.start()
    # Without it a kept connection waits 40 ms of real time for an acknowledgement, which virtual time does not.
    assert server._socket is not None
    server._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    application.base = f"http://127.0.0.1:{server.port}"
    yield application
    await server.stop()


@pytest.fixture
async def network(application: Application, clock: VirtualClock) -> AsyncIterator[PhoneNetwork]:
    network = PhoneNetwork(clock=clock)
    network.add_number(Number(OURS, voice_url=f"{application.base}/voice"))
    yield network
    await network.stop()


async def rung(handset: Handset) -> DialedLeg:
    leg = await handset.wait_for_call(30.0)
    assert isinstance(leg, DialedLeg)
    return leg


async def test_the_human_is_told_and_connected(
    application: Application, network: PhoneNetwork, clock: VirtualClock
) -> None:
    desk = network.handset(HUMAN)
    leg = network.handset(CALLER).place_call(OURS)
    caller_ear = Ear(leg)
    await leg.dial()
    human = await rung(desk)
    human_ear = Ear(human)
    await human.answer()
    await human.ready.wait()
    assert human.told == "Ada is waiting."
    assert leg.script.said == [], "the caller does not hear it"
    await clock.sleep(0.1)
    leg.send(VOICE)
    human.send(ANSWER)
    await clock.sleep(0.6)
    assert human_ear.heard(VOICE)
    assert caller_ear.heard(ANSWER)
    await human.hang_up()
    assert (await leg.ended).by is EndedBy.AGENT
    [whisper] = application.asked("whisper")
    assert (whisper["From"], whisper["To"], whisper["Direction"]) == (OURS, HUMAN, "outbound-dial")
    assert whisper["ParentCallSid"] == leg.call.sid
    [dialed] = application.asked("dialed")
    assert (dialed["DialCallStatus"], dialed["DialBridged"], dialed["CallSid"]) == ("completed", "true", leg.call.sid)
    assert dialed["DialCallSid"] == human.call.sid
    assert not network.warnings


@pytest.mark.parametrize(
    ("act", "status"), [("busy", "busy"), ("nothing", "no-answer"), ("nobody", "failed"), ("leaves", "completed")]
)
async def test_a_human_who_is_not_reached(
    application: Application, network: PhoneNetwork, clock: VirtualClock, act: str, status: str
) -> None:
    application.documents["whisper"] = '<Response><Pause length="5"/></Response>'
    desk = network.handset(HUMAN if act != "nobody" else "+15550124")
    leg = network.handset(CALLER).place_call(OURS)
    await leg.dial()
    if act != "nobody":
        human = await rung(desk)
        if act == "busy":
            await human.fail("busy")
        elif act == "leaves":
            await human.answer()
            await human.hang_up()
    await leg.ended
    [dialed] = application.asked("dialed")
    assert (dialed["DialCallStatus"], dialed["DialBridged"]) == (status, "false")


async def test_a_caller_who_hangs_up_takes_the_call_with_him(
    application: Application, network: PhoneNetwork, clock: VirtualClock
) -> None:
    desk = network.handset(HUMAN)
    for answers in (False, True):
        leg = network.handset(CALLER).place_call(OURS)
        await leg.dial()
        human = await rung(desk)
        if answers:
            await human.answer()
            await human.ready.wait()
        await leg.hang_up()
        await human.ended
        assert human.call.status == ("completed" if answers else "canceled")
    assert not application.asked("dialed")


async def test_a_caller_id_that_is_not_ours_is_warned_of(application: Application, network: PhoneNetwork) -> None:
    application.documents["voice"] = '<Response><Dial callerId="+15550000">+15550124</Dial></Response>'
    leg = network.handset(CALLER).place_call(OURS)
    await leg.dial()
    await leg.ended
    assert any("13214" in warning for warning in network.warnings)


# ---- AudioCodes

SUMMARY = {"name": "X-OpusAgent-Summary", "value": "Ada is waiting."}


class Bot:
    """Accepts, and transfers when the user stream has begun."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.url = ""
        self.told = asyncio.Event()

    async def serve(self, connection: ServerConnection) -> None:
        answers = {
            "session.initiate": [{"type": "session.accepted", "mediaFormat": "raw/mulaw"}],
            "userStream.start": [{"type": "userStream.started"}, self._transfer()],
        }
        try:
            async for text in connection:
                message = json.loads(text)
                self.messages.append(message)
                for answer in answers.get(message["type"], ()):
                    await connection.send(json.dumps(answer))
                if message["type"] in ("activities", "session.end"):
                    self.told.set()
        except ConnectionClosed:
            return

    @staticmethod
    def _transfer() -> dict[str, Any]:
        parameters = {"transferTarget": f"tel:{HUMAN}", "transferSipHeaders": [SUMMARY]}
        return {
            "type": "activities",
            "activities": [{"type": "event", "name": "transfer", "activityParams": parameters}],
        }

    def statuses(self) -> list[dict[str, Any]]:
        activities = [one for message in self.messages for one in message.get("activities", ())]
        return [activity["value"] for activity in activities if activity["name"] == "transferStatus"]

    def ends(self) -> list[str]:
        return [message["reasonCode"] for message in self.messages if message["type"] == "session.end"]


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    bot = Bot()
    async with serve(bot.serve, "127.0.0.1", 0) as server:
        bot.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/audiocodes"
        yield bot


def vaic(bot: Bot, network: PhoneNetwork, clock: VirtualClock, gives_back: bool) -> AudioCodesLeg:
    return AudioCodesLeg(bot.url, Caller("clinic", CALLER, gives_back=gives_back), clock, reach=network.reach)


@pytest.mark.parametrize("gives_back", [True, False])
async def test_the_sbc_connects_the_human(
    bot: Bot, network: PhoneNetwork, clock: VirtualClock, gives_back: bool
) -> None:
    desk = network.handset(HUMAN)
    leg = vaic(bot, network, clock, gives_back)
    caller_ear = Ear(leg)
    await leg.dial()
    human = await rung(desk)
    assert human.told == "Ada is waiting."
    assert bot.ends() == ([] if gives_back else ["transferred"])
    human_ear = Ear(human)
    await human.answer()
    await human.ready.wait()
    await clock.sleep(0.2)
    leg.send(VOICE)
    human.send(ANSWER)
    await clock.sleep(0.6)
    assert human_ear.heard(VOICE)
    assert caller_ear.heard(ANSWER)
    assert bot.statuses() == ([{"status": "answered"}] if gives_back else [])
    assert bot.ends() == ["transferred"]
    await human.hang_up()
    assert (await leg.ended).by is EndedBy.AGENT
    assert leg.resumed == 0


@pytest.mark.parametrize(("act", "code"), [("busy", "busy"), ("nothing", "no-answer"), ("nobody", "error")])
async def test_the_bot_gets_a_call_back_that_nobody_took(
    bot: Bot, network: PhoneNetwork, clock: VirtualClock, act: str, code: str
) -> None:
    desk = network.handset(HUMAN if act != "nobody" else "+15550124")
    leg = vaic(bot, network, clock, gives_back=True)
    await leg.dial()
    if act == "busy":
        await (await rung(desk)).fail("busy")
    await clock.sleep(40.0)
    [status] = bot.statuses()
    assert (status["status"], status["reasonCode"]) == ("failed", code)
    assert not leg.ended.done()
    before = len(bot.messages)
    leg.send(VOICE)
    await clock.sleep(0.5)
    assert [message["type"] for message in bot.messages[before:]].count("userStream.chunk") > 2
    await leg.hang_up()
    assert bot.ends() == ["client-disconnected"]


async def test_by_default_the_call_is_over_for_the_bot_whatever_becomes_of_it(
    bot: Bot, network: PhoneNetwork, clock: VirtualClock
) -> None:
    leg = vaic(bot, network, clock, gives_back=False)
    await leg.dial()
    await leg.ended
    assert bot.ends() == ["transferred"]
    assert not bot.statuses()


async def test_a_caller_who_hangs_up_while_it_rings(bot: Bot, network: PhoneNetwork, clock: VirtualClock) -> None:
    desk = network.handset(HUMAN)
    leg = vaic(bot, network, clock, gives_back=True)
    await leg.dial()
    human = await rung(desk)
    await leg.hang_up()
    await human.ended
    assert human.call.status == "canceled"
    assert bot.ends() == ["client-disconnected"]
