"""A VoiceAI Connect leg against bots on real sockets, in virtual time."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from simulator.audiocodes.client import AudioCodesLeg
from simulator.audiocodes.conversation import Caller
from simulator.clock import VirtualClock
from simulator.legs import CallFailedError, EndedBy

CALLER = Caller("clinic", "+15550100")
ACCEPT = {"type": "session.accepted", "mediaFormat": "raw/mulaw"}
Script = Callable[["Bot", ServerConnection, dict[str, Any]], Awaitable[None]]


async def polite(bot: "Bot", socket: ServerConnection, message: dict[str, Any]) -> None:
    answers = {
        "session.initiate": ACCEPT,
        "session.resume": {"type": "session.accepted"},
        "userStream.start": {"type": "userStream.started"},
        "userStream.stop": {"type": "userStream.stopped"},
        "connection.validate": {"type": "connection.validated", "success": True},
    }
    if message["type"] in answers:
        await socket.send(json.dumps(answers[message["type"]]))


class Bot:
    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.headers: list[str | None] = []
        self.script: Script = polite
        self.url = ""

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.headers.append(socket.request.headers.get("authorization"))
        try:
            async for text in socket:
                message = json.loads(text)
                self.messages.append(message)
                await self.script(self, socket, message)
        except ConnectionClosed:
            self.messages.append({"type": "lost"})

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.messages if message["type"] != "userStream.chunk"]


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    bot = Bot()
    async with serve(bot.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        bot.url = f"ws://127.0.0.1:{port}/audiocodes"
        yield bot


@pytest.fixture
async def clock() -> AsyncIterator[VirtualClock]:
    async with VirtualClock() as clock:
        yield clock


async def test_a_call_from_dial_to_hang_up(bot: Bot, clock: VirtualClock) -> None:
    leg = AudioCodesLeg(bot.url, CALLER, clock, token="t", validate=True)
    await leg.dial()
    leg.send(b"\x10" * 8000)
    await leg.line.spoken()
    await clock.sleep(0.5)
    await leg.hang_up()
    assert (await leg.ended).by is EndedBy.CALLER
    assert bot.headers == ["Bearer t", "Bearer t"]
    assert bot.kinds() == ["connection.validate", "session.initiate", "activities", "userStream.start", "session.end"]
    assert bot.messages[-1]["reasonCode"] == "client-disconnected"
    chunks = [m["audioChunk"] for m in bot.messages if m["type"] == "userStream.chunk"]
    assert {len(base64.b64decode(chunk)) for chunk in chunks} == {800}
    assert 12 <= len(chunks) <= 18
    assert leg.warnings == []


async def test_the_bot_speaks_and_hangs_up(bot: Bot, clock: VirtualClock) -> None:
    async def farewell(bot: Bot, socket: ServerConnection, message: dict[str, Any]) -> None:
        await polite(bot, socket, message)
        if message["type"] == "userStream.start" and bot.kinds().count("userStream.start") == 1:
            config = {"type": "event", "name": "config", "sessionParams": {"sendEventsToBot": ["playFinished"]}}
            audio = base64.b64encode(b"\x00" * 1600).decode()
            for said in (
                {"type": "activities", "activities": [config]},
                {"type": "playStream.start", "streamId": "1", "mediaFormat": "raw/mulaw"},
                {"type": "playStream.chunk", "streamId": "1", "audioChunk": audio},
                {"type": "playStream.stop", "streamId": "1"},
            ):
                await socket.send(json.dumps(said))
        if message["type"] == "activities" and message["activities"][0]["name"] == "playFinished":
            hangup = {"type": "event", "name": "hangup", "activityParams": {"hangupReason": "done"}}
            await socket.send(json.dumps({"type": "activities", "activities": [hangup]}))

    bot.script = farewell
    leg = AudioCodesLeg(bot.url, CALLER, clock)
    heard: list[bytes] = []
    leg.line.ears.append(lambda frame, _: heard.append(frame))
    await leg.dial()
    end = await leg.ended
    assert (end.by, end.detail) == (EndedBy.AGENT, "hangup done")
    assert sum(frame[0] == 0 for frame in heard) == 10
    assert bot.messages[-1]["type"] == "session.end"
    assert bot.messages[-1]["reasonCode"] == "bot-disconnected"
    assert leg.warnings == []


async def test_a_lost_socket_is_resumed_on_a_new_one(bot: Bot, clock: VirtualClock) -> None:
    leg = AudioCodesLeg(bot.url, CALLER, clock)
    await leg.dial()
    await clock.sleep(0.2)
    await leg.lose_socket()
    await clock.sleep(2.0)
    assert leg.resumed == 1
    resume = next(message for message in bot.messages if message["type"] == "session.resume")
    assert resume == {"conversationId": leg.provider_call_id, "type": "session.resume"}
    after = bot.messages[bot.messages.index(resume) :]
    assert "userStream.chunk" in [message["type"] for message in after]
    await leg.platform_drop()
    assert (await leg.ended).by is EndedBy.PLATFORM
    assert bot.messages[-1]["type"] == "session.end"
    assert leg.warnings == []


async def test_a_bot_that_closes_without_a_hang_up_is_called_back(bot: Bot, clock: VirtualClock) -> None:
    async def leave_once(bot: Bot, socket: ServerConnection, message: dict[str, Any]) -> None:
        await polite(bot, socket, message)
        if message["type"] == "userStream.start" and "session.resume" not in bot.kinds():
            await socket.close()

    bot.script = leave_once
    leg = AudioCodesLeg(bot.url, CALLER, clock)
    await leg.dial()
    await clock.sleep(2.0)
    assert leg.resumed == 1
    assert not leg.ended.done()
    await leg.hang_up()


async def test_a_conversation_that_is_not_found_ends(bot: Bot, clock: VirtualClock) -> None:
    async def forget(bot: Bot, socket: ServerConnection, message: dict[str, Any]) -> None:
        if message["type"] == "session.resume":
            await socket.send(json.dumps({"type": "session.error", "reason": "conversation not found"}))
        else:
            await polite(bot, socket, message)

    bot.script = forget
    leg = AudioCodesLeg(bot.url, CALLER, clock)
    await leg.dial()
    await leg.lose_socket()
    assert (await leg.ended).detail == "session.error: conversation not found"


async def test_a_bot_that_is_gone_for_good_ends_the_leg(clock: VirtualClock) -> None:
    bot = Bot()
    async with serve(bot.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        leg = AudioCodesLeg(f"ws://127.0.0.1:{port}", CALLER, clock, resume_delays_s=(0.1, 0.2))
        await leg.dial()
    end = await leg.ended
    assert (end.by, end.detail) == (EndedBy.PLATFORM, "the bot cannot be reached any more")
    with pytest.raises(CallFailedError):
        await AudioCodesLeg(f"ws://127.0.0.1:{port}", CALLER, clock).dial()


@pytest.mark.parametrize("answer", [{"type": "session.error", "reason": "busy"}, None])
async def test_a_refused_session_is_a_failed_call(bot: Bot, clock: VirtualClock, answer: dict[str, Any] | None) -> None:
    async def refuse(_: Bot, socket: ServerConnection, __: dict[str, Any]) -> None:
        if answer is None:
            await socket.close(1008)
        else:
            await socket.send(json.dumps(answer))

    bot.script = refuse
    leg = AudioCodesLeg(bot.url, CALLER, clock)
    with pytest.raises(CallFailedError):
        await leg.dial()
    assert leg.ended.done()


async def test_a_bot_that_says_nothing_is_given_up(bot: Bot, clock: VirtualClock) -> None:
    async def silent(_: Bot, __: ServerConnection, ___: dict[str, Any]) -> None:
        return

    bot.script = silent
    leg = AudioCodesLeg(bot.url, CALLER, clock)
    with pytest.raises(CallFailedError, match="not answered"):
        await leg.dial()


async def test_garbage_of_the_bot_is_counted_and_survived(bot: Bot, clock: VirtualClock) -> None:
    async def mumble(bot: Bot, socket: ServerConnection, message: dict[str, Any]) -> None:
        await polite(bot, socket, message)
        if message["type"] == "userStream.start":
            await socket.send("{")
            await socket.send(b"\x00")
            await socket.send("[]")

    bot.script = mumble
    leg = AudioCodesLeg(bot.url, CALLER, clock)
    await leg.dial()
    await clock.sleep(0.5)
    assert len(leg.warnings) == 3
    await asyncio.gather(leg.hang_up(), leg.platform_drop())
    assert bot.kinds().count("session.end") == 1
