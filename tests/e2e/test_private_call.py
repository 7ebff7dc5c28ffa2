"""A call in which a card number is keyed in and spoken, in private: afterwards it is searched for wherever it could be.

The bank itself got it, for it tells the balance that belongs to it.
"""

import asyncio
import base64
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from chassis.bus import CALL_EVENTS, FSA_INBOX, RELAY_INBOX
from chassis.bus_inprocess import InProcessBus
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.media.v1.inbox_pb2 import FsaInbox, RelayInbox
from opusagent.session.v1.session_pb2 import DeleteKeyRequest, GetSessionRequest
from opusagent_cli import demo
from opusagent_cli.options import UpOptions
from opusagent_cli.people import People, people
from opusagent_cli.ports import free_port
from opusagent_cli.serve import one_process
from simulator.caller import Caller
from simulator.realtime.server import RealtimeStandIn
from simulator.twilio.account import Number

BANK = "+15550200"
CALLER = "+15550108812"
CARD = "4000056655665556"
PIN = "8302"
SPOKEN = "four thousand fifty six, six five five, six six five, five five six"
SILENCE = 0xFF
"""Of mu-law."""
SHOWN = 4
"""Digits of a card number that may be said back."""


def shapes() -> list[str]:
    """Ways in which the card number could stand somewhere, whole or with more of its end than may be said."""
    fours = [CARD[at : at + 4] for at in range(0, len(CARD), 4)]
    return [CARD, " ".join(CARD), " ".join(fours), "-".join(fours), CARD[-SHOWN - 1 :], " ".join(CARD[-SHOWN - 1 :])]


def found_in(data: bytes) -> list[str]:
    texts = [shape.encode() for shape in shapes()]
    return [text.decode() for text in texts if text in data or text.decode().encode("utf-16-le") in data]


class ListeningStandIn(RealtimeStandIn):
    """Keeps the caller's audio too, one piece for each event that brought some."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.audio: list[bytes] = []

    async def _take(self, session: Any, frame: str | bytes) -> None:
        event = json.loads(frame)
        if event.get("type") == "input_audio_buffer.append":
            self.audio.append(base64.b64decode(event["audio"]))
        await super()._take(session, frame)


@dataclass
class Seen:
    """What passed over the topics."""

    posted: list[tuple[str, bytes]] = field(default_factory=list)

    def facts(self) -> list[CallEvent]:
        return [CallEvent.FromString(value) for topic, value in self.posted if topic == CALL_EVENTS]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    seen = Seen()
    post, append = InProcessBus.post, InProcessBus.append

    def posted(self: InProcessBus, topic: str, slot: int, item: bytes, headers: Any = ()) -> None:
        seen.posted.append((topic, bytes(item)))
        post(self, topic, slot, item, headers)

    async def appended(self: InProcessBus, topic: str, key: str, value: bytes, headers: Any = ()) -> None:
        seen.posted.append((topic, value))
        await append(self, topic, key, value, headers)

    monkeypatch.setattr(InProcessBus, "post", posted)
    monkeypatch.setattr(InProcessBus, "append", appended)
    return seen


@dataclass
class Stage:
    """A running bank, its model, and the telephone network."""

    running: Any
    model: ListeningStandIn
    network: Any
    crowd: People
    data: Path


@contextlib.asynccontextmanager
async def stage(data: Path, redis: str = "") -> AsyncIterator[Stage]:
    async with people() as crowd, demo.phone_network(0) as network:
        model = ListeningStandIn(crowd.ears, crowd.agent)
        url = await model.start()
        options = UpOptions(
            port=free_port(),
            ops_port=0,
            data=data,
            redis=redis,
            backend="openai-realtime",
            phone_network=network.url,
            log_level="DEBUG",
            extra={"OPENAI_API_KEY": "stand-in", "OPENAI_BASE_URL": url, "GRACE_SECONDS": "1"},
        )
        try:
            async with one_process(options, lambda _: None) as running:
                network.add_number(Number.of_gateway(BANK, options.public_url))
                yield Stage(running, model, network, crowd, data)
        finally:
            await model.stop()


async def call_the_bank(on: Stage) -> tuple[int, int]:
    """Ask for the balance; return where in the model's audio the caller spoke in private, and where that ended."""
    leg = on.network.handset(CALLER).place_call(BANK)
    caller = Caller(leg, on.crowd.voice)
    await leg.dial()
    await caller.waits_for("how can I help", 30)
    await caller.says("What's my balance?")
    await caller.waits_for("pound key", 60)
    began = len(on.model.audio)
    await caller.says(SPOKEN)
    await leg.press(CARD[:-1])
    ended = len(on.model.audio)
    await leg.press(CARD[-1])
    await caller.waits_for("date of birth", 60)
    await leg.press("1")
    await caller.waits_for("four-digit|four digit", 60)
    await leg.press(PIN)
    await caller.waits_for("balance is", 60)
    await leg.hang_up()
    return began, ended


async def ended(seen: Seen) -> str:
    """Wait for the end of the call on the log; return its session."""
    async with asyncio.timeout(20):
        while True:
            over = [fact for fact in seen.facts() if fact.WhichOneof("fact") == "call_ended"]
            if over:
                return over[0].session_id
            await asyncio.sleep(0.05)


def keys_told(seen: Seen) -> tuple[list[Any], list[Any]]:
    """Return the key presses that the relay was told of, and those that the engine was."""
    to_relay = [item.key for topic, data in seen.posted if topic == RELAY_INBOX
                for item in RelayInbox.FromString(data).items if item.HasField("key")]  # fmt: skip
    to_engine = [item.key for topic, data in seen.posted if topic == FSA_INBOX
                 for item in FsaInbox.FromString(data).items if item.HasField("key")]  # fmt: skip
    return to_relay, to_engine


def files_of(data: Path) -> bytes:
    """Return every byte of the bus's log and of session's store; the bank's own file is the bank's."""
    files = [file for file in data.iterdir() if file.name.startswith(("log.sqlite", "session.sqlite"))]
    assert any(file.name == "log.sqlite" for file in files)
    return b"".join(file.read_bytes() for file in files)


async def command(*arguments: Any) -> tuple[int, str]:
    """Run `opusagent`; return its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "opusagent_cli.__main__", *map(str, arguments), stdout=-1, stderr=-2
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def check_audit(on: Stage, session_id: str) -> None:
    """The session's log is whole, shows nothing, replays with the key, and says what it cannot know without."""
    code, told = await command("audit", session_id, "--data", on.data)
    assert code == 0, told
    assert "unbroken" in told
    assert not found_in(told.encode())
    code, told = await command("replay", session_id, "--data", on.data)
    assert code == 0, told
    assert "same decisions" in told
    assert "note:" not in told
    await on.running.session.DeleteKey(DeleteKeyRequest(session_id=session_id))
    code, told = await command("replay", session_id, "--data", on.data)
    assert code == 0, told
    assert "same decisions" in told
    assert "sealed and cannot be opened" in told


def check_model(model: ListeningStandIn, spoken: Sequence[bytes]) -> None:
    heard = b"".join(spoken)
    assert len(heard) > 8 * 3000, "some seconds of audio"
    assert set(heard) == {SILENCE}, "in private the model hears silence"
    assert set(b"".join(model.audio)) > {SILENCE}, "and not always"
    assert not found_in(json.dumps(model.received).encode())
    assert model.received


async def check_transcript(on: Stage, session_id: str) -> None:
    kept = await on.running.session.GetSession(GetSessionRequest(session_id=session_id))
    texts = " ".join(turn.turn.text for turn in kept.turns)
    assert re.search("balance", texts, re.IGNORECASE)
    assert not found_in(texts.encode())
    assert len(re.findall(r"\bfive\b|\bsix\b|[56]", texts)) < 6, texts


@pytest.mark.story
@pytest.mark.timeout(300)
async def test_a_card_number_is_nowhere_but_at_the_bank(
    seen: Seen, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with stage(tmp_path) as on:
        began, over = await call_the_bank(on)
        session_id = await ended(seen)
        to_relay, to_engine = keys_told(seen)
        assert [key.digit for key in to_relay] == [""] * len(CARD) + ["1"] + [""] * len(PIN)
        assert [key.digit for key in to_engine] == [""] * len(CARD) + ["1"] + [""] * len(PIN)
        assert all(key.sealed for key in to_engine if not key.digit)
        assert not found_in(b"\n".join(data for _, data in seen.posted))
        check_model(on.model, on.model.audio[began:over])
        await check_transcript(on, session_id)
        assert not found_in(files_of(tmp_path))
        await check_audit(on, session_id)
    assert not found_in(files_of(tmp_path))
    shown = capfd.readouterr()
    assert session_id in shown.out + shown.err, "the services' logs are what is searched"
    assert not found_in((shown.out + shown.err).encode())
    assert (await asyncio.to_thread((tmp_path / "bank.sqlite").read_bytes)).count(CARD.encode()) >= 1, "found if there"


async def redis_bytes(url: str) -> bytes:
    """Return every key and value of a Redis."""
    async with Redis.from_url(url) as client:
        names = [name async for name in client.scan_iter()]
        values = []
        for name in names:
            kind = await client.type(name)
            read = {
                b"string": client.get,
                b"hash": client.hgetall,
                b"set": client.smembers,
                b"list": lambda key: client.lrange(key, 0, -1),
                b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
            }[kind]
            values.append(await read(name))
    return b"\n".join(names) + _flat(values)


def _flat(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value + b"\n"
    if isinstance(value, dict):
        return b"".join(_flat(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set):
        return b"".join(map(_flat, value))
    return str(value).encode()


@pytest.mark.story
@pytest.mark.redis
@pytest.mark.timeout(300)
async def test_a_card_number_is_not_in_redis(seen: Seen, tmp_path: Path) -> None:
    url = os.environ.get("OPUSAGENT_TEST_REDIS")
    if not url:
        pytest.skip("no OPUSAGENT_TEST_REDIS")
    async with stage(tmp_path, url) as on:
        await call_the_bank(on)
        session_id = await ended(seen)
    kept = await redis_bytes(url)
    assert session_id.encode() in kept
    assert not found_in(kept)
