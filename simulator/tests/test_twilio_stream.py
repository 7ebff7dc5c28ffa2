"""The Media Streams protocol without I/O: golden messages, strictness, and marks against the play-out."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.playout import FRAME_BYTES, Playout
from simulator.twilio.stream import MediaStream


class Peer:
    def __init__(self) -> None:
        self.playout = Playout()
        self.warnings: list[str] = []
        self.stream = MediaStream(
            "AC1",
            "CA1",
            stream_sid="MZ1",
            parameters={"nonce": "n"},
            playout=self.playout,
            warn=lambda code, _: self.warnings.append(code),
        )

    def receive(self, message: object) -> list[dict[str, object]]:
        return [json.loads(answer) for answer in self.stream.receive(json.dumps(message))]


def media(payload: bytes) -> dict[str, object]:
    return {"event": "media", "streamSid": "MZ1", "media": {"payload": base64.b64encode(payload).decode()}}


def mark(name: str) -> dict[str, object]:
    return {"event": "mark", "streamSid": "MZ1", "mark": {"name": name}}


def test_what_twilio_says_is_as_documented() -> None:
    stream = Peer().stream
    said = [*stream.opening(), stream.media(b"\xff" * 160), stream.dtmf("1"), stream.mark("m"), stream.stop()]
    assert [json.loads(message) for message in said] == [
        {"event": "connected", "protocol": "Call", "version": "1.0.0"},
        {
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": "MZ1",
            "start": {
                "accountSid": "AC1",
                "streamSid": "MZ1",
                "callSid": "CA1",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"nonce": "n"},
            },
        },
        {
            "event": "media",
            "sequenceNumber": "2",
            "streamSid": "MZ1",
            "media": {
                "track": "inbound",
                "chunk": "1",
                "timestamp": "0",
                "payload": base64.b64encode(b"\xff" * 160).decode(),
            },
        },
        {
            "event": "dtmf",
            "sequenceNumber": "3",
            "streamSid": "MZ1",
            "dtmf": {"track": "inbound_track", "digit": "1"},
        },
        {"event": "mark", "sequenceNumber": "4", "streamSid": "MZ1", "mark": {"name": "m"}},
        {"event": "stop", "sequenceNumber": "5", "streamSid": "MZ1", "stop": {"accountSid": "AC1", "callSid": "CA1"}},
    ]


def test_a_mark_is_reached_when_the_audio_before_it_was_played() -> None:
    peer = Peer()
    assert peer.receive(media(b"\x00" * 200)) == []
    assert peer.receive(mark("end")) == []
    assert peer.playout.take() == b"\x00" * 160
    assert peer.playout.reached() == []
    assert peer.playout.take() == b"\x00" * 40 + b"\xff" * 120
    assert peer.playout.reached() == ["end"]
    assert peer.playout.take() is None
    assert peer.warnings == []


def test_a_mark_behind_nothing_is_reached_at_once() -> None:
    peer = Peer()
    peer.receive(mark("now"))
    assert peer.playout.reached() == ["now"]


def test_clear_drops_the_audio_and_echoes_its_marks_at_once() -> None:
    peer = Peer()
    for message in (media(b"\x00" * 1600), mark("a"), media(b"\x00" * 1600), mark("b")):
        peer.receive(message)
    echoed = peer.receive({"event": "clear", "streamSid": "MZ1"})
    assert [message["mark"] for message in echoed] == [{"name": "a"}, {"name": "b"}]
    assert peer.playout.take() is None


@pytest.mark.parametrize(
    "message",
    [
        media(b"") | {"streamSid": "MZ2"},
        media(b"") | {"extra": 1},
        {"event": "media", "streamSid": "MZ1", "media": {"payload": "", "track": "outbound"}},
        {"event": "media", "streamSid": "MZ1", "media": {"payload": "not base64!"}},
        {"event": "media", "media": {"payload": ""}},
        {"event": "mark", "streamSid": "MZ1", "mark": {"name": 1}},
        {"event": "hello", "streamSid": "MZ1"},
        {"event": ["clear"], "streamSid": "MZ1"},
        "text",
        [],
    ],
)
def test_what_is_not_as_documented_is_ignored_and_counted(message: object) -> None:
    peer = Peer()
    assert peer.receive(message) == []
    assert peer.warnings == ["31951"]
    assert peer.playout.take() is None


def test_binary_frames_and_garbage_are_counted() -> None:
    peer = Peer()
    assert peer.stream.receive(b"\x00") == []
    assert peer.stream.receive("{") == []
    assert peer.warnings == ["31950", "31951"]


@given(st.lists(st.binary(max_size=500)), st.data())
def test_every_byte_is_played_once_in_order_and_marks_come_in_order(pieces: list[bytes], data: st.DataObject) -> None:
    playout = Playout()
    names, reached, played = [], [], bytearray()
    for index, piece in enumerate(pieces):
        playout.push(piece)
        playout.mark(str(index))
        names.append(str(index))
        for _ in range(data.draw(st.integers(0, 3))):
            played += playout.take() or b""
            reached += playout.reached()
    while (frame := playout.take()) is not None:
        assert len(frame) == FRAME_BYTES
        played += frame
    reached += playout.reached()
    assert reached == names
    assert len(played) >= sum(len(piece) for piece in pieces)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda t: st.lists(t) | st.dictionaries(st.text(), t)
    )
)
def test_any_json_is_taken_without_an_error(message: object) -> None:
    peer = Peer()
    peer.receive(message)
    assert len(peer.warnings) <= 1
