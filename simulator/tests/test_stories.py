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
from opusagent.call.v1.call_pb2 import CallInfo, EndReason, TransferOutcome
from opusagent.events.v1 import events_pb2 as events
from opusagent.session.v1 import session_pb2
from simulator.caller import Voice
from simulator.clock import VirtualClock
from simulator.stories import STORIES, StoryEnvironment, StoryReport, TimelineEntry, lines, run_story
from simulator.testing import ToneBook, ToneRecogniser, ToneSynthesiser
from simulator.twilio.account import Number
from simulator.twilio.network import PhoneNetwork

OURS, CALLER, HUMAN = "+15550199", "+15550101234", "+15550142"
GREETING = "Thank you for calling. How can I help you?"
WELCOME = "Welcome back! We were booking an appointment for tomorrow. Would you like to continue or start over?"
CONFIRM = "I have you down for tomorrow at 10 AM. Shall I book it?"
TIME = "What time would you like to come in?"
BOOKED = "Your appointment is booked for tomorrow at 10 AM. Is there anything else I can help you with?"
GOODBYE = "Thank you for calling. Goodbye."
NURSE_CALLED = "This may be an emergency. I'm connecting you with a nurse right now."
COLLEAGUE_CALLED = "Let me put you through to a colleague."
SUMMARY = "Possible emergency: chest pain. The caller was told to dial 911."
ALL_BUSY = f"I'm sorry, my colleagues are all on the telephone. {TIME}"


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
    state: str = ""
    # The caller is with a human or on his way to one; `brought_back`: nobody took his call.
    dialling: bool = False
    brought_back: bool = False
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
        view = session_pb2.SessionView(resumable_until_ms=until if self.saved else 0)
        if self.state:
            view.business.open_tasks.add(task_id="t1", task="book_appointment", state=self.state)
        return session_pb2.GetSessionResponse(session=view)

    def record(self, call_sid: str, **fact: Any) -> None:
        self.log.append(events.CallEvent(event_id=str(len(self.log)), session_id="s1", call_id=call_sid, **fact))

    async def bookings(self) -> Sequence[Mapping[str, str]]:
        return list(self.rows)

    # ---- telephony

    def app(self) -> FastAPI:
        app = FastAPI()
        app.post("/twilio/voice")(self.voice)
        app.post("/twilio/whisper")(self.whisper)
        app.post("/twilio/dialed")(self.dialed)
        app.post("/twilio/status")(self.status)
        app.websocket("/twilio/media")(self.media)
        return app

    async def voice(self, request: Request) -> Response:
        if self.dialling:
            number = f'<Number url="{self.base}/twilio/whisper">{HUMAN}</Number>'
            return twiml(f'<Dial action="{self.base}/twilio/dialed" callerId="{OURS}">{number}</Dial>')
        if "again" in request.query_params and not self.brought_back:
            return twiml("<Hangup/>")
        url = self.base.replace("http", "ws") + "/twilio/media"
        return twiml(f'<Connect action="{self.base}/twilio/voice?again=1"><Stream url="{url}"/></Connect>')

    async def whisper(self) -> Response:
        return twiml("" if "tells the human nothing" in self.faults else f"<Say>{SUMMARY}</Say>")

    async def dialed(self, request: Request) -> Response:
        form = await request.form()
        answered = form["DialBridged"] == "true"
        outcome = TransferOutcome.TRANSFER_OUTCOME_ANSWERED if answered else TransferOutcome.TRANSFER_OUTCOME_BUSY
        self.record(str(form["CallSid"]), transfer_ended=events.TransferEnded(outcome=outcome))
        self.dialling = "loses the way back" in self.faults
        self.brought_back = not answered
        return twiml("<Hangup/>") if answered else await self.voice(request)

    async def status(self, request: Request) -> Response:
        form = await request.form()
        answered = any(event.transfer_ended.outcome == 1 for event in self.log)
        transferred = answered and "ends as a hang-up" not in self.faults
        reason = EndReason.END_REASON_TRANSFERRED if transferred else EndReason.END_REASON_CALLER_HUNG_UP
        self.record(str(form["CallSid"]), call_ended=events.CallEnded(reason=reason))
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
        if self.brought_back:
            self.brought_back = False
            self.state = "ask_date" if "forgets the state" in self.faults else self.state
            await line.says(ALL_BUSY)
            await self.converse(line, sid)
            return
        resumed = self.saved and "forgets" not in self.faults
        info = CallInfo(caller=CALLER, resumed=resumed)
        self.record(sid, call_started=events.CallStarted(call=info, provider_call_id=sid))
        await line.says(WELCOME if resumed else GREETING)
        await self.converse(line, sid)

    async def converse(self, line: "Line", sid: str) -> None:
        while (said := await line.hears()) != lines.NO:
            await self.answer(line, said, sid)
            if self.dialling:
                await line.flushed()
                await line.close()
                return
        await line.says(GOODBYE)
        self.saved = False
        if "never hangs up" not in self.faults:
            await line.flushed()
            await line.close()
        await line.hears()

    async def answer(self, line: "Line", said: str, sid: str) -> None:
        self.record(sid, turn_taken=events.TurnTaken(speaker=events.SPEAKER_CALLER, text=said))
        if said == lines.WANT_BOOKING:
            self.state = "ask_time"
            await line.says(TIME)
        elif said in (lines.CHEST_PAIN, lines.WANT_HUMAN):
            self.dialling = "calls nobody" not in self.faults
            await line.says(NURSE_CALLED if said == lines.CHEST_PAIN else COLLEAGUE_CALLED)
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

    async def close(self) -> None:
        await self._websocket.close(1000)

    async def _send(self, message: dict[str, Any]) -> None:
        await self._websocket.send_text(json.dumps({"streamSid": self._sid, **message}))


def twiml(verbs: str) -> Response:
    return Response(f"<Response>{verbs}</Response>", media_type="text/xml")


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
        voice = Voice(ToneSynthesiser(book), ToneRecogniser(book))
        network.narrator = voice.speak
        environment = StoryEnvironment(
            clinic.base,
            network,
            clinic,  # type: ignore[arg-type]
            clinic.bookings,
            voice,
            voice,
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


async def test_a_human_takes_the_call() -> None:
    report, live = await play("handoff")
    assert broken(report) == []
    told = [(entry.who, entry.text) for entry in live if entry.kind == "heard"]
    assert told[-3:] == [
        ("human", f"hears before he is connected: {SUMMARY}"),
        ("human", f"to the caller: {lines.NURSE}"),
        ("caller", f"to the human: {lines.SINCE_MORNING}"),
    ]
    assert len(report.response_ms) == 1, "of the agent alone"


async def test_a_caller_whom_no_human_takes_is_brought_back() -> None:
    report, live = await play("handoff-busy")
    assert broken(report) == []
    assert ALL_BUSY in [entry.text for entry in live if entry.who == "agent"]


@pytest.mark.parametrize(
    ("story", "fault", "name"),
    [
        ("handoff", "calls nobody", "the human's telephone rings"),
        ("handoff", "tells the human nothing", "the human is told what it is about"),
        ("handoff", "ends as a hang-up", "the call ended as transferred"),
        ("handoff-busy", "forgets the state", "the caller is back in the same state"),
        ("handoff-busy", "loses the way back", "the conversation goes as it must"),
        ("handoff-busy", "books twice", "the calendar has exactly one new booking"),
    ],
)
async def test_a_broken_handoff_is_named(story: str, fault: str, name: str) -> None:
    report, _ = await play(story, fault)
    assert name in broken(report)


async def test_saved_state_that_lives_too_long_is_said_and_not_waited_for() -> None:
    report, _ = await play("expired")
    assert broken(report) == ["the time to resume can be waited for"]
    [detail] = [check.detail for check in report.checks if not check.ok]
    assert "RESUME_TTL_SECONDS=25" in detail
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
    names |= {"handoff", "handoff-busy"}
    assert set(STORIES) == names
    assert [story.name for story in STORIES.values() if story.needs_short_ttl] == ["expired"]
