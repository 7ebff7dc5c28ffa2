"""Call control against an application on real sockets, in virtual time."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from twilio.request_validator import RequestValidator

from chassis.http import HttpServer
from simulator.clock import VirtualClock
from simulator.legs import CallFailedError, EndedBy
from simulator.twilio.account import Account, Number
from simulator.twilio.network import PhoneNetwork
from simulator.twilio.script import Source

OURS, CALLER, TOKEN = "+15550199", "+15550100", "secret"
Serve = Callable[[WebSocket, "Application"], Awaitable[None]]


class Application:
    """A voice application: what it was told, and scripted answers."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.signatures: list[bool] = []
        self.messages: list[dict[str, Any]] = []
        self.twiml = (
            '<Response><Connect><Stream url="{ws}/media"><Parameter name="nonce" value="n1"/></Stream></Connect>'
            "<Redirect>/voice</Redirect></Response>"
        )
        self.sms_reply = "<Response/>"
        self.serve: Serve = listen
        self.sockets = 0
        self.base = ""
        self.app = FastAPI()
        self.app.post("/{path:path}")(self._webhook)
        self.app.websocket("/media")(self._media)

    async def _webhook(self, path: str, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.requests.append((path, form))
        url = f"{self.base}/{path}"
        self.signatures.append(RequestValidator(TOKEN).validate(url, form, request.headers["x-twilio-signature"]))
        if path == "voice":
            body = self.twiml.replace("{ws}", self.base.replace("http", "ws"))
            return Response(body, media_type="text/xml")
        return Response(self.sms_reply, media_type="text/xml")

    async def _media(self, websocket: WebSocket) -> None:
        signature = websocket.headers["x-twilio-signature"]
        url = self.base.replace("http", "ws") + "/media"
        self.signatures.append(RequestValidator(TOKEN).compute_signature(url, {}) == signature)
        await websocket.accept()
        self.sockets += 1
        try:
            await self.serve(websocket, self)
        except WebSocketDisconnect:
            self.messages.append({"event": "closed"})

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] == event]

    def asked(self, path: str) -> list[dict[str, str]]:
        return [form for where, form in self.requests if where == path]


async def listen(websocket: WebSocket, application: Application) -> None:
    while True:
        application.messages.append(json.loads(await websocket.receive_text()))


async def next_start(websocket: WebSocket, application: Application) -> str:
    while not application.messages or application.messages[-1]["event"] != "start":
        application.messages.append(json.loads(await websocket.receive_text()))
    sid: str = application.messages[-1]["streamSid"]
    return sid


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
async def network(application: Application) -> AsyncIterator[PhoneNetwork]:
    async with VirtualClock() as clock:
        network = PhoneNetwork(Account(auth_token=TOKEN), clock=clock)
        base = application.base
        network.add_number(Number(OURS, f"{base}/voice", "POST", f"{base}/status", f"{base}/sms"))
        await network.start()
        yield network
        await network.stop()


async def test_a_call_streams_at_real_pace_and_ends_with_stop_and_completed(
    network: PhoneNetwork, application: Application
) -> None:
    leg = network.handset(CALLER).place_call(OURS)
    await leg.dial()
    leg.send(b"\x10" * 8000)
    await leg.line.spoken()
    await leg.press("1#")
    await network.clock.sleep(0.5)
    await leg.hang_up()
    end = await leg.ended
    assert (end.by, leg.call.status) == (EndedBy.CALLER, "completed")
    voice = application.asked("voice")
    assert len(voice) == 1
    assert voice[0].items() >= {"From": CALLER, "To": OURS, "CallStatus": "ringing", "Direction": "inbound"}.items()
    status = application.asked("status")
    assert len(status) == 1
    assert status[0].items() >= {"CallStatus": "completed", "CallSid": leg.call.sid, "SequenceNumber": "0"}.items()
    assert int(status[0]["CallDuration"]) == leg.call.duration_s
    assert all(application.signatures)
    events = [message["event"] for message in application.messages]
    assert events[:3] == ["connected", "start", "media"]
    assert events[-2:] == ["stop", "closed"]
    assert application.of("start")[0]["start"]["customParameters"] == {"nonce": "n1"}
    assert [message["dtmf"]["digit"] for message in application.of("dtmf")] == ["1", "#"]
    stamps = [int(message["media"]["timestamp"]) for message in application.of("media")]
    assert stamps == list(range(0, 20 * len(stamps), 20))
    assert 50 <= len(stamps) <= 100
    assert network.warnings == []


async def test_agent_audio_is_heard_in_real_time_and_marks_tell_when(
    network: PhoneNetwork, application: Application
) -> None:
    async def speak(websocket: WebSocket, application: Application) -> None:
        sid = await next_start(websocket, application)
        media = {"event": "media", "streamSid": sid, "media": {"payload": "AAAA" * 400}}
        await websocket.send_json(media)
        await websocket.send_json({"event": "mark", "streamSid": sid, "mark": {"name": "said"}})
        await listen(websocket, application)

    application.serve = speak
    leg = network.handset(CALLER).place_call(OURS)
    heard: list[tuple[bytes, float]] = []
    leg.line.ears.append(lambda frame, at: heard.append((frame, at)))
    await leg.dial()
    await network.clock.sleep(2.0)
    loud = [at for frame, at in heard if frame[0] == 0]
    assert len(loud) == 8
    assert loud[-1] - loud[0] == pytest.approx(0.14)
    mark = application.of("mark")[0]
    before = application.messages[: application.messages.index(mark)]
    media = [message for message in before if message["event"] == "media"]
    assert float(media[-1]["media"]["timestamp"]) / 1000 >= 0.14
    await leg.hang_up()


async def test_a_barge_in_is_heard_at_once(network: PhoneNetwork, application: Application) -> None:
    async def cut(websocket: WebSocket, application: Application) -> None:
        sid = await next_start(websocket, application)
        await websocket.send_json({"event": "media", "streamSid": sid, "media": {"payload": "AAAA" * 40_000}})
        await websocket.send_json({"event": "mark", "streamSid": sid, "mark": {"name": "never"}})
        for _ in range(25):
            application.messages.append(json.loads(await websocket.receive_text()))
        await websocket.send_json({"event": "clear", "streamSid": sid})
        await listen(websocket, application)

    application.serve = cut
    leg = network.handset(CALLER).place_call(OURS)
    heard: list[bytes] = []
    leg.line.ears.append(lambda frame, _: heard.append(frame))
    await leg.dial()
    await network.clock.sleep(3.0)
    assert 20 <= sum(frame[0] == 0 for frame in heard) <= 60
    assert [message["mark"]["name"] for message in application.of("mark")] == ["never"]
    await leg.hang_up()


async def test_after_a_lost_socket_the_next_verb_brings_the_same_call_back(
    network: PhoneNetwork, application: Application
) -> None:
    leg = network.handset(CALLER).place_call(OURS)
    await leg.dial()
    await network.clock.sleep(0.2)
    await leg.lose_socket()
    await network.clock.sleep(1.0)
    assert application.sockets == 2
    starts = application.of("start")
    assert {start["start"]["callSid"] for start in starts} == {leg.call.sid}
    assert starts[0]["streamSid"] != starts[1]["streamSid"]
    assert application.of("stop") == []
    assert [form["CallStatus"] for form in application.asked("voice")] == ["ringing", "in-progress"]
    assert not leg.ended.done()
    await leg.platform_drop()
    assert (await leg.ended).by is EndedBy.PLATFORM
    assert len(application.of("stop")) == 1


async def test_without_the_next_verb_the_leg_waits_for_a_rest_update(application: Application) -> None:
    async with VirtualClock() as clock:
        network = PhoneNetwork(Account(auth_token=TOKEN), clock=clock, next_verb_after_loss=False)
        network.add_number(Number(OURS, f"{application.base}/voice"))
        leg = network.handset(CALLER).place_call(OURS)
        await leg.dial()
        await leg.lose_socket()
        await clock.sleep(5.0)
        assert application.sockets == 1
        await leg.update(Source(f"{application.base}/voice"))
        await clock.sleep(1.0)
        assert application.sockets == 2
        await leg.hang_up()
        await network.stop()


async def test_when_the_server_closes_and_nothing_follows_the_agent_has_hung_up(
    network: PhoneNetwork, application: Application
) -> None:
    async def leave(websocket: WebSocket, application: Application) -> None:
        await next_start(websocket, application)
        await websocket.close(1000)

    application.serve = leave
    application.twiml = '<Response><Connect><Stream url="{ws}/media"/></Connect></Response>'
    leg = network.handset(CALLER).place_call(OURS)
    await leg.dial()
    end = await leg.ended
    assert (end.by, end.detail) == (EndedBy.AGENT, "the document ended")
    assert len(application.asked("status")) == 1


async def test_a_rest_update_stops_the_stream_and_runs_the_new_document(
    network: PhoneNetwork, application: Application
) -> None:
    leg = network.handset(CALLER).place_call(OURS)
    await leg.dial()
    await network.clock.sleep(0.2)
    held = "<Say>Please hold.</Say><Dial>+15550111</Dial>"
    await network.update_call(leg.call.sid, {"Twiml": f"<Response>{held}</Response>"})
    end = await leg.ended
    assert leg.script.said == ["Please hold."]
    assert end.by is EndedBy.AGENT
    assert len(application.of("stop")) == 1


async def test_rest_completes_a_call(network: PhoneNetwork, application: Application) -> None:
    leg = network.handset(CALLER).place_call(OURS)
    await leg.dial()
    call = await network.update_call(leg.call.sid, {"Status": "completed"})
    assert call.status == "completed"
    assert (await leg.ended).by is EndedBy.AGENT
    assert len(application.of("stop")) == 1


async def test_an_outbound_call_rings_and_runs_the_same_path(network: PhoneNetwork, application: Application) -> None:
    handset = network.handset(CALLER)
    form = {
        "To": CALLER,
        "From": OURS,
        "Url": f"{application.base}/voice",
        "StatusCallback": f"{application.base}/status",
    }
    call = network.create_call(form, ["initiated", "ringing", "answered", "completed"])
    leg = await handset.wait_for_call(5)
    await leg.answer()
    await network.clock.sleep(0.5)
    await leg.hang_up()
    assert (
        application.asked("voice")[0].items()
        >= {"Direction": "outbound-api", "To": CALLER, "CallSid": call.sid}.items()
    )
    statuses = [form["CallStatus"] for form in application.asked("status")]
    assert statuses == ["queued", "ringing", "in-progress", "completed"]
    assert application.sockets == 1


async def test_a_rejected_call_was_never_answered(network: PhoneNetwork, application: Application) -> None:
    application.twiml = "<Response><Reject/></Response>"
    leg = network.handset(CALLER).place_call(OURS)
    with pytest.raises(CallFailedError, match="Reject"):
        await leg.dial()
    assert leg.call.status == "busy"


async def test_an_application_that_fails_ends_the_call_by_the_platform(
    network: PhoneNetwork, application: Application
) -> None:
    application.twiml = "no TwiML"
    leg = network.handset(CALLER).place_call(OURS)
    with pytest.raises(CallFailedError, match="12100"):
        await leg.dial()
    assert (await leg.ended).by is EndedBy.PLATFORM
    assert network.warnings[0].startswith("12100")


async def test_a_stream_that_cannot_be_opened_falls_through_to_the_next_verb(
    network: PhoneNetwork, application: Application
) -> None:
    application.twiml = '<Response><Connect><Stream url="{ws}/nowhere"/></Connect><Say>Sorry.</Say></Response>'
    leg = network.handset(CALLER).place_call(OURS)
    await leg.dial()
    await leg.ended
    assert leg.script.said == ["Sorry."]
    assert [warning[:5] for warning in leg.warnings] == ["31920"]


async def test_plain_websockets_elsewhere_and_query_strings_are_as_at_twilio(
    network: PhoneNetwork, application: Application
) -> None:
    application.twiml = '<Response><Connect><Stream url="ws://gateway.example/media"/></Connect></Response>'
    leg = network.handset(CALLER).place_call(OURS)
    await leg.dial()
    await leg.ended
    assert leg.warnings[0].startswith("31930")


async def test_an_incoming_text_reaches_the_application_and_its_reply_the_handset(
    network: PhoneNetwork, application: Application
) -> None:
    application.sms_reply = "<Response><Message>We will call you.</Message></Response>"
    handset = network.handset(CALLER)
    await handset.text(OURS, "CALL")
    assert application.asked("sms")[0].items() >= {"Body": "CALL", "From": CALLER, "To": OURS}.items()
    reply = await handset.wait_for_message(5)
    assert (reply.body, reply.direction) == ("We will call you.", "outbound-reply")
    assert all(application.signatures)


async def test_delivery_is_reported_step_by_step(network: PhoneNetwork, application: Application) -> None:
    handset = network.handset(CALLER)
    form = {"To": CALLER, "From": OURS, "Body": "x", "StatusCallback": f"{application.base}/sms-status"}
    network.messages.create(form)
    await handset.wait_for_message(5)
    await network.clock.sleep(1)
    assert [form["MessageStatus"] for form in application.asked("sms-status")] == ["sending", "sent", "delivered"]


async def test_two_ends_at_once_are_one(network: PhoneNetwork, application: Application) -> None:
    leg = network.handset(CALLER).place_call(OURS)
    await leg.dial()
    await asyncio.gather(leg.hang_up(), leg.platform_drop(), leg.complete(), leg.hang_up())
    assert len(application.asked("status")) == 1
    assert len(application.of("stop")) == 1
