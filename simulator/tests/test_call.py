"""One simulated caller against small gateways of both protocols."""

import asyncio
import base64
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from simulator.call import CallRequest, Spoken, ring
from simulator.caller import Voice
from simulator.clock import VirtualClock
from simulator.testing import ToneBook, ToneRecogniser, ToneSynthesiser

ANSWERS = {"": "How can I help you?", "Book it.": "It is booked.", "Bye.": ""}


class Gateway:
    """Answers each text of the caller over either protocol; hangs up where the answer is empty."""

    def __init__(self, book: ToneBook) -> None:
        self.book = book
        self.messages: list[dict[str, Any]] = []
        self.url = ""

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        session = self._audiocodes if socket.request.path == "/audiocodes" else self._twilio
        try:
            await session(socket)
        except ConnectionClosed:
            self.messages.append({"event": "closed"})

    async def _twilio(self, socket: ServerConnection) -> None:
        await socket.recv()
        start = json.loads(await socket.recv())
        self.messages.append(start)

        async def say(audio: str) -> None:
            await socket.send(
                json.dumps({"event": "media", "streamSid": start["streamSid"], "media": {"payload": audio}})
            )

        await self._converse(socket, say, lambda message: message.get("media", {}).get("payload"))
        await socket.close()

    async def _audiocodes(self, socket: ServerConnection) -> None:
        self.messages.append(json.loads(await socket.recv()))
        config = {"type": "event", "name": "config", "sessionParams": {"bargeIn": True, "sendDTMF": True}}
        for message in (
            {"type": "session.accepted", "mediaFormat": "raw/mulaw"},
            {"type": "userStream.started"},
            {"type": "activities", "activities": [config]},
        ):
            await socket.send(json.dumps(message))
            await socket.recv()
        streams = iter(range(100))

        async def say(audio: str) -> None:
            stream = {"streamId": str(next(streams))}
            for message in (
                {"type": "playStream.start", "mediaFormat": "raw/mulaw"},
                {"type": "playStream.chunk", "audioChunk": audio},
                {"type": "playStream.stop"},
            ):
                await socket.send(json.dumps(message | stream))

        await self._converse(socket, say, lambda message: message.get("audioChunk"))
        hangup = {"type": "event", "name": "hangup"}
        await socket.send(json.dumps({"type": "activities", "activities": [hangup]}))
        self.messages.append(json.loads(await socket.recv()))

    async def _converse(self, socket: ServerConnection, say: Any, payload: Any) -> None:
        said = ""
        while answer := ANSWERS[said]:
            await say(base64.b64encode(self.book.mulaw(answer)).decode())
            said, audio = "", b""
            while not said:
                message = json.loads(await socket.recv())
                piece = base64.b64decode(payload(message) or "")
                if not payload(message):
                    self.messages.append(message)
                elif self.book.sounds(piece):
                    audio += piece
                elif audio:
                    said = self.book.text(audio)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway(ToneBook())
    async with serve(gateway.serve, "127.0.0.1", 0) as server:
        gateway.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield gateway


def voice(book: ToneBook) -> Voice:
    return Voice(ToneSynthesiser(book), ToneRecogniser(book))


def url_of(gateway: Gateway, protocol: str) -> str:
    return gateway.url + ("/audiocodes" if protocol == "audiocodes" else "/twilio/media")


@pytest.mark.parametrize("protocol", ["twilio", "audiocodes"])
async def test_a_call_is_seen_through_and_transcribed(gateway: Gateway, protocol: str, tmp_path: Path) -> None:
    live: list[Spoken] = []
    path = tmp_path / "call.wav"
    async with VirtualClock() as clock:
        url = url_of(gateway, protocol)
        request = CallRequest(url, protocol, say=["Book it.", "Bye."], dtmf="1", record=path)
        report = await ring(request, voice(gateway.book), live.append, clock)
    assert report.answered
    assert report.ended_by == "agent"
    assert report.heard == ["How can I help you?", "It is booked."]
    spoken = [line.text for line in report.transcript if line.who == "caller"]
    assert spoken == ["[keys 1]", "Book it.", "Bye."]
    assert live == report.transcript
    assert report.transcript[-2 if report.transcript[-2].who == "agent" else -3].who in ("agent", "caller")
    assert report.warnings == []
    keys = [message for message in gateway.messages if "dtmf" in message or "DTMF" in json.dumps(message)]
    assert len(keys) == 1
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() > 8000


@pytest.mark.parametrize("protocol", ["twilio", "audiocodes"])
async def test_a_call_is_dropped_on_time(gateway: Gateway, protocol: str) -> None:
    async with VirtualClock() as clock:
        request = CallRequest(url_of(gateway, protocol), protocol, say=["Book it.", "Bye."], drop_after=3.0)
        report = await ring(request, voice(gateway.book), clock=clock)
    assert report.ended_by == "platform"
    assert report.transcript[-1].at_s == pytest.approx(3.0, abs=0.1)
    assert "Bye." not in [line.text for line in report.transcript]


async def test_a_wav_file_is_a_turn(gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "book.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.asarray(gateway.book.tone("Book it.", 16000), "<i2").tobytes())
    async with VirtualClock() as clock:
        request = CallRequest(url_of(gateway, "twilio"), wav=[path])
        report = await ring(request, voice(gateway.book), clock=clock)
    assert report.heard == ["How can I help you?", "It is booked."]
    assert "[book.wav]" in [line.text for line in report.transcript]
    assert report.ended_by == "caller"


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9/x", "http://127.0.0.1:9"])
@pytest.mark.parametrize("protocol", ["twilio", "audiocodes"])
async def test_nobody_there_is_said_in_words(protocol: str, url: str) -> None:
    async with VirtualClock() as clock:
        report = await ring(CallRequest(url, protocol, say=["Hello."]), voice(ToneBook()), clock=clock)
    assert not report.answered
    assert report.heard == []


@pytest.mark.parametrize(
    "request_", [CallRequest("ws://x", "sip"), CallRequest("x", "audiocodes"), CallRequest("tel:+1", "twilio")]
)
async def test_nonsense_is_refused(request_: CallRequest) -> None:
    with pytest.raises(ValueError, match=r"protocol|URL"):
        await ring(request_, voice(ToneBook()))


async def test_calls_leave_no_task_behind(gateway: Gateway) -> None:
    async with VirtualClock() as clock:
        await ring(CallRequest(url_of(gateway, "twilio"), drop_after=0.5), voice(gateway.book), clock=clock)
    await asyncio.sleep(0)
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not names & {"line", "media-socket-writer"}


@pytest.mark.parametrize("protocol", ["twilio", "audiocodes"])
async def test_a_server_that_is_no_gateway_does_not_answer(protocol: str) -> None:
    async def web_server(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(web_server, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/media"
        report = await ring(CallRequest(url, protocol, say=["Book it."]), voice(ToneBook()))
    assert not report.answered
    assert "404" in report.detail


@pytest.mark.parametrize("wrong", [{"dtmf": "12x"}, {"drop_after": -3.0}])
def test_what_no_telephone_can_do_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"keys are|cannot be dropped"):
        CallRequest("ws://gateway", **wrong)
