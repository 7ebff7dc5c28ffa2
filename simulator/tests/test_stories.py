"""Stories against an agent made of tones: they pass where it keeps its promises, and say which one it broke."""

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

from chassis.http import HttpServer
from opusagent.call.v1.call_pb2 import CallInfo, EndReason
from opusagent.events.v1 import events_pb2 as events
from opusagent.session.v1 import session_pb2
from simulator.caller import Voice
from simulator.clock import VirtualClock
from simulator.stories import STORIES, StoryEnvironment, StoryReport, TimelineEntry, lines, run_story
from simulator.testing import ToneBook, ToneRecogniser, ToneSynthesiser
from simulator.twilio.account import Number
from simulator.twilio.network import PhoneNetwork

OURS, CALLER = "+15550199", "+15550101234"
GREETING = "Thank you for calling. How can I help you?"
WELCOME = "Welcome back! We were booking an appointment for tomorrow. Would you like to continue or start over?"
CONFIRM = "I have you down for tomorrow at 10 AM. Shall I book it?"
TIME = "What time would you like to come in?"
BOOKED = "Your appointment is booked for tomorrow at 10 AM. Is there anything else I can help you with?"
GOODBYE = "Thank you for calling. Goodbye."


@dataclass
class Clinic:
    """An agent behind Twilio's protocol, its session service and its calendar, all in one. `faults` break promises."""

    network: PhoneNetwork
    book: ToneBook
    clock: VirtualClock
    faults: frozenset[str] = frozenset()
    log: list[events.CallEvent] = field(default_factory=list)
    rows: list[Mapping[str, str]] = field(default_factory=list)
    saved: bool = False
    base: str = ""
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    # ---- session

    async def WatchEvents(self, _: Any) -> AsyncIterator[session_pb2.WatchEventsResponse]:
        position = 0
        while True:
            while position < len(self.log):
                yield session_pb2.WatchEventsResponse(event=self.log[position])
                position += 1
            await self.clock.sleep(0.1)

    async def GetSession(self, _: Any) -> session_pb2.GetSessionResponse:
        until = round(time.time() * 1000) + (10_000 if "short ttl" in self.faults else 86_400_000)
        return session_pb2.GetSessionResponse(session=session_pb2.SessionView(resumable_until_ms=until))

    def record(self, call_sid: str, **fact: Any) -> None:
        self.log.append(events.CallEvent(event_id=str(len(self.log)), session_id="s1", call_id=call_sid, **fact))

    async def bookings(self) -> Sequence[Mapping[str, str]]:
        return list(self.rows)

    # ---- telephony

    def app(self) -> FastAPI:
        app = FastAPI()
        app.post("/twilio/voice")(self.voice)
        app.post("/twilio/status")(self.status)
        app.websocket("/twilio/media")(self.media)
        return app

    async def voice(self, request: Request) -> Response:
        url = self.base.replace("http", "ws") + "/twilio/media"
        connect = f'<Connect><Stream url="{url}"/></Connect>'
        return Response(f"<Response>{connect}</Response>", media_type="text/xml")

    async def status(self, request: Request) -> Response:
        form = await request.form()
        ended = events.CallEnded(reason=EndReason.END_REASON_CALLER_HUNG_UP)
        self.record(str(form["CallSid"]), call_ended=ended)
        if self.saved:
            self.tasks.append(asyncio.create_task(self.text()))
        return Response(status_code=204)

    async def text(self) -> None:
        await self.clock.sleep(1.0)
        if "no sms" in self.faults:
            return
        for _ in range(2 if "two sms" in self.faults else 1):
            self.network.messages.create({"To": CALLER, "From": OURS, "Body": lines.SMS})

    async def media(self, websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await self.talk(websocket)
        except WebSocketDisconnect:
            return

    async def talk(self, websocket: WebSocket) -> None:
        await websocket.receive_text()
        start = json.loads(await websocket.receive_text())
        line = Line(websocket, start["streamSid"], self.book)
        sid = start["start"]["callSid"]
        resumed = self.saved and "forgets" not in self.faults
        info = CallInfo(caller=CALLER, resumed=resumed)
        self.record(sid, call_started=events.CallStarted(call=info, provider_call_id=sid))
        await line.says(WELCOME if resumed else GREETING)
        while (said := await line.hears()) != lines.NO:
            await self.answer(line, said, sid)
        await line.says(GOODBYE)
        self.saved = False
        if "never hangs up" not in self.faults:
            await line.flushed()
            await websocket.close(1000)
        await line.hears()

    async def answer(self, line: "Line", said: str, sid: str) -> None:
        self.record(sid, turn_taken=events.TurnTaken(speaker=events.SPEAKER_CALLER, text=said))
        if said == lines.WANT_BOOKING:
            await line.says(TIME)
        elif said in (lines.TEN, lines.CONTINUE):
            self.saved = True
            await line.says(CONFIRM)
        elif said == lines.YES:
            count = {"books twice": 2, "books nothing": 0}.get(next(iter(self.faults), ""), 1)
            for index in range(count):
                row = {"date": "2026-11-23", "time": "10:00", "caller": CALLER, "status": "booked"}
                self.rows.append(row | {"appointment_id": f"A{index}"})
            await line.says(BOOKED)


class Line:
    """The agent's ear and mouth on one stream."""

    def __init__(self, websocket: WebSocket, stream_sid: str, book: ToneBook) -> None:
        self._websocket = websocket
        self._sid = stream_sid
        self._book = book

    async def says(self, text: str) -> None:
        payload = base64.b64encode(self._book.mulaw(text)).decode()
        await self._send({"event": "media", "media": {"payload": payload}})

    async def hears(self) -> str:
        """The next text of the caller."""
        audio = b""
        while True:
            message = json.loads(await self._websocket.receive_text())
            if message["event"] != "media":
                continue
            frame = base64.b64decode(message["media"]["payload"])
            if self._book.sounds(frame):
                audio += frame
            elif audio:
                return self._book.text(audio)

    async def flushed(self) -> None:
        await self._send({"event": "mark", "mark": {"name": "end"}})
        while json.loads(await self._websocket.receive_text())["event"] != "mark":
            pass

    async def _send(self, message: dict[str, Any]) -> None:
        await self._websocket.send_text(json.dumps({"streamSid": self._sid, **message}))


async def play(story: str, *faults: str) -> tuple[StoryReport, list[TimelineEntry]]:
    book = ToneBook()
    live: list[TimelineEntry] = []
    async with VirtualClock() as clock:
        network = PhoneNetwork(clock=clock)
        clinic = Clinic(network, book, clock, frozenset(faults))
        server = HttpServer(clinic.app(), "127.0.0.1", 0)
        await server.start()
        assert server._socket is not None
        server._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        clinic.base = f"http://127.0.0.1:{server.port}"
        network.add_number(Number.of_gateway(OURS, clinic.base))
        environment = StoryEnvironment(
            clinic.base,
            network,
            clinic,  # type: ignore[arg-type]
            clinic.bookings,
            Voice(ToneSynthesiser(book), ToneRecogniser(book)),
            sms_grace_s=2.0,
            on_entry=live.append,
            clock=clock,
            caller_number=CALLER,
        )
        report = await run_story(story, "twilio", environment)
        await network.stop()
        await server.stop()
        await asyncio.gather(*clinic.tasks)
    return report, live


def broken(report: StoryReport) -> list[str]:
    return [check.name for check in report.checks if not check.ok]


async def test_a_story_passes_where_every_promise_is_kept() -> None:
    report, live = await play("ringback")
    assert broken(report) == []
    assert report.ok
    assert live == report.timeline
    assert [entry.text for entry in live if entry.kind == "recognised"][:2] == [lines.WANT_BOOKING, lines.TEN]
    assert WELCOME in [entry.text for entry in live if entry.kind == "heard"]
    assert len(report.response_ms) == 5
    assert all(0 <= response < 1000 for response in report.response_ms)
    assert [entry.at_s for entry in live] == sorted(entry.at_s for entry in live)
    parsed = json.loads(json.dumps(report.as_json()))
    assert (parsed["ok"], parsed["story"], len(parsed["checks"])) == (True, "ringback", len(report.checks))


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("no sms", "an SMS arrives"),
        ("two sms", "exactly one SMS was sent"),
        ("forgets", "the conversation goes as it must"),
        ("books twice", "the calendar has exactly one new booking"),
        ("books nothing", "the calendar has exactly one new booking"),
        ("never hangs up", "the agent hangs up"),
    ],
)
async def test_a_broken_promise_is_named(fault: str, name: str) -> None:
    report, _ = await play("ringback", fault)
    assert not report.ok
    assert name in broken(report)


async def test_saved_state_that_lives_too_long_is_said_and_not_waited_for() -> None:
    report, _ = await play("expired")
    assert broken(report) == ["the time to resume can be waited for"]
    assert report.seconds < 60


async def test_a_gateway_that_is_not_there_is_a_failed_story() -> None:
    book = ToneBook()
    async with VirtualClock() as clock:
        network = PhoneNetwork(clock=clock)
        network.add_number(Number.of_gateway(OURS, "http://127.0.0.1:9"))
        clinic = Clinic(network, book, clock)
        voice = Voice(ToneSynthesiser(book), ToneRecogniser(book))
        environment = StoryEnvironment(
            "http://127.0.0.1:9",
            network,
            clinic,
            clinic.bookings,
            voice,
            clock=clock,  # type: ignore[arg-type]
        )
        for protocol in ("twilio", "audiocodes"):
            report = await run_story("ringback", protocol, environment)
            assert "the conversation goes as it must" in broken(report)
        with pytest.raises(ValueError, match="no protocol"):
            await run_story("ringback", "sip", environment)
        await network.stop()


def test_every_story_of_the_product_is_there() -> None:
    names = {"ringback", "callback", "start-over", "expired", "withheld-number", "two-open", "socket-lost"}
    assert set(STORIES) == names
    assert [story.name for story in STORIES.values() if story.needs_short_ttl] == ["expired"]
