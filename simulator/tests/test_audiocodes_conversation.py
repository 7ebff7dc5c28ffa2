"""The Bot API on VoiceAI Connect's side, without I/O."""

import base64
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.g711 import mulaw_encode
from simulator.audiocodes.conversation import BotEnd, Caller, Conversation, UserStream
from simulator.audiocodes.messages import BOT_FIELDS, Json, Writer
from simulator.playout import Playout

FRAME = b"\x10" * 160


class Peer:
    def __init__(self, **options: Any) -> None:
        self.playout = Playout()
        self.violations: list[str] = []
        caller = Caller("clinic", "+15550100", **options)
        self.conversation = Conversation(
            Writer("c1"), caller, self.playout, lambda code, text: self.violations.append(f"{code}: {text}")
        )

    def bot(self, kind: str, **fields: Any) -> list[Json]:
        return self.conversation.receive({"type": kind, **fields})

    def begin(self, media_format: str = "raw/mulaw", **config: Any) -> None:
        self.conversation.initiate()
        self.bot("session.accepted", mediaFormat=media_format)
        self.bot("userStream.started")
        if config:
            self.bot("activities", activities=[{"type": "event", "name": "config", "sessionParams": config}])

    def tick(self) -> list[Json]:
        """One 20 ms of play-out, as the line does it."""
        self.playout.take()
        return [message for mark in self.playout.reached() for message in self.conversation.played(mark)]

    def play(self, stream_id: str, frames: int) -> list[Json]:
        return [
            *self.bot("playStream.start", streamId=stream_id, mediaFormat="raw/mulaw"),
            *self.bot("playStream.chunk", streamId=stream_id, audioChunk=base64.b64encode(FRAME * frames).decode()),
            *self.bot("playStream.stop", streamId=stream_id),
        ]


def kinds(messages: list[Json]) -> list[str]:
    return [message["type"] for message in messages]


def test_a_call_begins_as_documented() -> None:
    peer = Peer()
    assert peer.conversation.initiate() == [
        {
            "conversationId": "c1",
            "type": "session.initiate",
            "botName": "clinic",
            "caller": "+15550100",
            "expectAudioMessages": True,
            "supportedMediaFormats": ["raw/mulaw", "raw/lpcm16"],
        }
    ]
    start, stream = peer.bot("session.accepted", mediaFormat="raw/mulaw")
    activity = start["activities"][0]
    assert (activity["type"], activity["name"]) == ("event", "start")
    assert activity["parameters"]["caller"] == "+15550100"
    assert stream == {"conversationId": "c1", "type": "userStream.start"}
    assert peer.violations == []


def test_chunks_flow_only_after_the_bot_is_ready() -> None:
    peer = Peer(chunk_ms=40)
    peer.conversation.initiate()
    peer.bot("session.accepted", mediaFormat="raw/mulaw")
    assert [peer.conversation.carry(FRAME) for _ in range(5)] == [[]] * 5
    peer.bot("userStream.started")
    assert peer.conversation.carry(FRAME) == []
    assert peer.conversation.carry(FRAME) == [
        {"conversationId": "c1", "type": "userStream.chunk", "audioChunk": base64.b64encode(FRAME * 2).decode()}
    ]


def test_linear_audio_is_sent_and_played_in_its_own_rate() -> None:
    peer = Peer(chunk_ms=20)
    peer.begin("raw/lpcm16")
    tone = mulaw_encode((8000 * np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000)).astype(np.int16))
    sent = b"".join(
        base64.b64decode(message["audioChunk"])
        for start in range(0, 8000, 160)
        for message in peer.conversation.carry(tone[start : start + 160])
    )
    assert 25_000 < len(sent) <= 32_000
    peer.bot("playStream.start", streamId="1", mediaFormat="raw/lpcm16")
    peer.bot("playStream.chunk", streamId="1", audioChunk=base64.b64encode(sent).decode())
    peer.bot("playStream.stop", streamId="1")
    assert 750 <= peer.playout.buffered_ms <= 1000
    assert peer.violations == []


def test_without_barge_in_the_user_stream_stops_while_the_bot_plays() -> None:
    peer = Peer()
    peer.begin()
    assert kinds(peer.play("1", 2)) == ["userStream.stop"]
    assert peer.conversation.carry(FRAME) == []
    assert peer.bot("userStream.stopped") == []
    assert peer.tick() == []
    assert kinds(peer.tick()) == ["userStream.start"]
    assert peer.bot("userStream.started") == []
    assert peer.conversation.user_stream is UserStream.ON
    assert peer.violations == []


def test_with_barge_in_the_stream_runs_on_and_speech_cuts_the_playout() -> None:
    peer = Peer()
    peer.begin(bargeIn=True, sendEventsToBot=["playFinished"])
    assert peer.play("1", 50) == []
    peer.tick()
    assert peer.conversation.user_stream is UserStream.ON
    cut = peer.bot("userStream.speech.started")
    assert [message["activities"][0]["name"] for message in cut] == ["playFinished"]
    assert peer.playout.take() is None
    assert peer.play("2", 1) == []
    assert peer.tick()[0]["activities"][0]["name"] == "playFinished"
    assert peer.violations == []


def test_a_cut_stream_that_goes_on_is_not_heard() -> None:
    peer = Peer()
    peer.begin(bargeIn=True)
    chunk = base64.b64encode(FRAME * 5).decode()
    peer.bot("playStream.start", streamId="1", mediaFormat="raw/mulaw")
    peer.bot("playStream.chunk", streamId="1", audioChunk=chunk)
    peer.bot("userStream.speech.started")
    peer.bot("playStream.chunk", streamId="1", audioChunk=chunk)
    peer.bot("playStream.stop", streamId="1")
    assert peer.playout.take() is None
    assert peer.violations == []


def test_keys_are_delivered_only_where_the_bot_asked_for_them() -> None:
    peer = Peer()
    peer.begin()
    assert peer.conversation.press("1") == []
    peer.bot("activities", activities=[{"type": "event", "name": "config", "sessionParams": {"sendDTMF": True}}])
    activity = peer.conversation.press("12#")[0]["activities"][0]
    assert (activity["name"], activity["value"]) == ("DTMF", "12#")


@pytest.mark.parametrize(
    ("name", "params", "end"),
    [
        ("hangup", {"hangupReason": "done"}, BotEnd("hangup", "done")),
        ("transfer", {"transferTarget": "tel:+15550111"}, BotEnd("transfer", "tel:+15550111")),
    ],
)
def test_the_bot_ends_a_call_by_an_activity(name: str, params: Json, end: BotEnd) -> None:
    peer = Peer()
    peer.begin()
    peer.bot("activities", activities=[{"type": "event", "name": name, "activityParams": params}])
    assert peer.conversation.end == end


def test_silence_of_the_bot_brings_the_user_stream_back() -> None:
    peer = Peer()
    peer.begin(resumeRecognitionTimeoutMS=100)
    assert kinds(peer.bot("userStream.speech.recognition", alternatives=[{"text": "hi"}])) == ["userStream.stop"]
    assert kinds(peer.bot("userStream.stopped")) == ["userStream.start"]


def test_a_resumed_conversation_keeps_its_settings_and_starts_its_streams_anew() -> None:
    peer = Peer()
    peer.begin(bargeIn=True, sendDTMF=True)
    peer.play("1", 50)
    assert peer.conversation.resume() == [{"conversationId": "c1", "type": "session.resume"}]
    assert peer.playout.take() is None
    assert kinds(peer.bot("session.accepted")) == ["userStream.start"]
    peer.bot("userStream.started")
    assert peer.conversation.press("1") != []
    assert peer.violations == []


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "playStream.chunk", "streamId": "1", "audioChunk": ""}],
        [{"type": "playStream.stop", "streamId": "1"}],
        [
            {"type": "playStream.start", "streamId": "1", "mediaFormat": "raw/mulaw"},
            {"type": "playStream.start", "streamId": "2", "mediaFormat": "raw/mulaw"},
        ],
        [{"type": "playStream.start", "streamId": "1", "mediaFormat": "raw/lpcm16_24"}],
        [
            {"type": "playStream.start", "streamId": "1", "mediaFormat": "raw/mulaw"},
            {"type": "playStream.chunk", "streamId": "1", "audioChunk": "%%"},
        ],
        [{"type": "userStream.started"}],
        [{"type": "userStream.stopped"}],
        [{"type": "session.accepted", "mediaFormat": "raw/mulaw"}],
        [{"type": "session.end"}],
        [{"type": "playStream.start"}],
        [{"type": "activities", "activities": ["x"]}],
        [{"type": "activities", "activities": [{"type": "event", "name": "transfer"}]}],
        [{"type": ["x"]}],
        [None],
    ],
)
def test_what_a_bot_must_not_do_is_counted(messages: list[Any]) -> None:
    peer = Peer()
    peer.begin()
    for message in messages:
        peer.conversation.receive(message)
    assert len(peer.violations) == 1


def test_nothing_may_come_before_the_session_is_accepted() -> None:
    peer = Peer()
    peer.conversation.initiate()
    peer.bot("playStream.start", streamId="1", mediaFormat="raw/mulaw")
    assert peer.violations == ["message: playStream.start before session.accepted"]
    peer.bot("session.accepted", mediaFormat="raw/alaw")
    assert peer.conversation.end is not None


FIELDS = {
    "streamId": st.sampled_from(["1", "2"]),
    "mediaFormat": st.sampled_from(["raw/mulaw", "raw/lpcm16", "raw/x"]),
    "audioChunk": st.binary(max_size=700).map(lambda data: base64.b64encode(data).decode()),
    "alternatives": st.just([{"text": "hi"}]),
    "activities": st.sampled_from(["config", "abortPrompts", "hangup"]).map(
        lambda name: [{"type": "event", "name": name, "sessionParams": {"bargeIn": True}}]
    ),
    "reason": st.just("r"),
    "success": st.just(True),
}
MESSAGES = st.sampled_from(sorted(BOT_FIELDS)).flatmap(
    lambda kind: st.fixed_dictionaries({"type": st.just(kind), **{name: FIELDS[name] for name in BOT_FIELDS[kind]}})
)


@given(st.lists(MESSAGES | st.none(), max_size=40), st.booleans())
def test_whatever_the_bot_does_the_streams_obey_their_rules(messages: list[Json | None], barge_in: bool) -> None:
    """Chunks only between a start that was acknowledged and a stop; start and stop alternate."""
    peer = Peer(chunk_ms=20)
    sent = peer.conversation.initiate() + peer.bot("session.accepted", mediaFormat="raw/mulaw")
    peer.conversation.settings.bargeIn = barge_in
    said: list[str] = kinds(sent)
    for message in messages:
        out = peer.tick() + peer.conversation.carry(FRAME) if message is None else peer.conversation.receive(message)
        said += kinds(out)
        if message is None and "userStream.chunk" in kinds(out):
            assert peer.conversation.user_stream is UserStream.ON
    streams = [kind for kind in said if kind in ("userStream.start", "userStream.stop")]
    assert streams == ["userStream.start", "userStream.stop"] * (len(streams) // 2) + streams[len(streams) & ~1 :]
