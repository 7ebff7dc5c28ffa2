"""What peers do wrong, on purpose or not: told in their protocol, counted, and no other call suffers."""

import asyncio
import base64
import json
import socket

import pytest
from picows import WSCloseCode, WSHandshakeError, WSMsgType

from gateway import metrics
from gateway.adapters import websocket
from gateway.adapters.twilio_socket import TwilioSocket
from gateway.testing_audiocodes import AudioCodesPeer
from gateway.testing_twilio import TwilioPeer
from opusagent.media.v1.inbox_pb2 import AgentAudio

FRAME = b"\x55" * 160


def count(metric, *labels: str) -> float:
    return metric.labels(*labels)._value.get()


@pytest.fixture
async def bystander(rig):
    """A call that must not notice anything."""
    async with TwilioPeer("CA-bystander", "MZ-bystander") as peer:
        await peer.open(rig.ws + "/twilio/media")
        peer.connected()
        peer.start()
        opened = await rig.peers.relay_item("opened")
        yield peer
        before = len(rig.peers.audio_of(opened.head.call_id))
        peer.media(FRAME)
        await rig.peers.until(lambda: len(rig.peers.audio_of(opened.head.call_id)) == before + 160)
        heard_before = len(peer.audio())
        rig.peers.say(opened, audio=AgentAudio(item_id="still here", audio=FRAME, last=True))
        await peer.until(lambda: len(peer.audio()) == heard_before + 160)


async def twilio(rig, peer: TwilioPeer) -> TwilioPeer:
    await peer.open(rig.ws + "/twilio/media")
    return peer


MALFORMED = [
    (b"{not json", "json"),
    (b'"a string"', "not_an_object"),
    (b"\xff\xfe", "json"),
    (b"{}", "no_event"),
    (b'{"event":7}', "no_event"),
    (b'{"event":"media","media":{"payload":"%%%"}}', "base64"),
    (b'{"event":"media","media":{"payload":5}}', "base64"),
    (b'{"event":"media","media":[]}', "media"),
    (b'{"event":"media","media":{"payload":"","timestamp":"soon"}}', "media"),
    (b'{"event":"dtmf","dtmf":{"digit":"X"}}', "dtmf"),
    (b'{"event":"mark"}', "mark"),
]


@pytest.mark.usefixtures("bystander")
async def test_malformed_twilio_messages_do_not_end_the_call(rig):
    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        peer.connected()
        peer.start()
        await rig.peers.relay_item("opened", 2)
        for number, (message, reason) in enumerate(MALFORMED, 1):
            before = count(metrics.BAD_MESSAGES, "twilio", reason)
            peer.send_raw(message)
            peer.media(FRAME)
            await rig.peers.relay_item("audio", number)
            assert count(metrics.BAD_MESSAGES, "twilio", reason) == before + 1, message
        assert peer.closed is None


async def test_many_malformed_messages_end_the_socket(rig):
    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        for _ in range(websocket.MAX_BAD_MESSAGES):
            peer.send_raw(b"garbage")
        assert await peer.until_closed() is WSCloseCode.POLICY_VIOLATION
        assert peer.close_reason == "too many malformed messages"


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("order", ["media first", "start first", "second start", "second connected", "after stop"])
async def test_wrong_order_is_a_protocol_error(rig, order):
    before = count(metrics.BAD_MESSAGES, "twilio", "order")
    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        if order != "start first":
            peer.connected()
        if order == "media first":
            peer.media(FRAME)
        else:
            peer.start()
        if order == "second start":
            peer.start()
        elif order == "second connected":
            peer.connected()
        elif order == "after stop":
            peer.stop()
            peer.media(FRAME)
        assert await peer.until_closed() is WSCloseCode.PROTOCOL_ERROR
        assert " while " in peer.close_reason
    assert count(metrics.BAD_MESSAGES, "twilio", "order") == before + 1


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(
    "media_format",
    [
        {"encoding": "audio/opus", "sampleRate": 48000, "channels": 1},
        {"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1},
        {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2},
        {"encoding": ["audio/x-mulaw"], "sampleRate": "8000"},
    ],
)
async def test_undeclared_formats_are_refused(rig, media_format):
    before = count(metrics.BAD_MESSAGES, "twilio", "format")
    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        peer.connected()
        peer.start(media_format)
        assert await peer.until_closed() is WSCloseCode.UNSUPPORTED_DATA
        assert peer.close_reason == "unsupported media format"
    assert ("CA1") not in [leg for _, leg in rig.session.calls]
    assert count(metrics.BAD_MESSAGES, "twilio", "format") == before + 1


async def test_unknown_events_are_ignored(rig, bystander):
    before = count(metrics.UNKNOWN_MESSAGES, "twilio")
    bystander.send({"event": "error", "streamSid": "x", "error": {}})
    bystander.media(FRAME)
    await rig.peers.relay_item("audio")
    assert count(metrics.UNKNOWN_MESSAGES, "twilio") == before + 1


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("pieces", [[5000], [1500, 1500]])
async def test_oversized_messages_are_told_and_counted(make_rig, rig, pieces):
    small = await make_rig(max_frame_bytes=2048)
    counts = [count(metrics.BAD_MESSAGES, channel, "oversized") for channel in ("twilio", "audiocodes")]
    async with TwilioPeer() as peer, AudioCodesPeer() as other:
        await twilio(small, peer)
        await other.open(small.ws + "/audiocodes")
        for wire in (peer.wire, other.wire):
            for number, size in enumerate(pieces):
                kind = WSMsgType.CONTINUATION if number else WSMsgType.TEXT
                wire.send(kind, b"x" * size, fin=len(pieces) == 1)
        assert await peer.until_closed() is WSCloseCode.MESSAGE_TOO_BIG
        assert await other.until_closed() is WSCloseCode.MESSAGE_TOO_BIG
        assert other.messages == [{"type": "session.error", "reason": "message too big"}]
    for before, channel in zip(counts, ("twilio", "audiocodes"), strict=True):
        assert count(metrics.BAD_MESSAGES, channel, "oversized") == before + 1


@pytest.mark.usefixtures("bystander")
async def test_a_frame_beyond_all_measure_is_not_even_read(make_rig, rig, monkeypatch):
    gone = asyncio.Event()
    monkeypatch.setattr(TwilioSocket, "disconnected", lambda _socket, _detail: gone.set())
    small = await make_rig(max_frame_bytes=2048)
    before = count(metrics.BAD_MESSAGES, "twilio", "oversized")
    async with TwilioPeer() as peer:
        await twilio(small, peer)
        peer.send_raw(b"x" * (2048 * websocket.HARD_LIMIT + 1))
        assert await peer.until_closed() is WSCloseCode.MESSAGE_TOO_BIG
        await asyncio.wait_for(gone.wait(), 5)
    assert count(metrics.BAD_MESSAGES, "twilio", "oversized") == before + 1


async def test_fragmented_messages_are_joined(rig):
    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        text = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}).encode()
        peer.wire.send(WSMsgType.TEXT, text[:10], fin=False)
        peer.wire.send_ping(b"between")
        peer.wire.send(WSMsgType.CONTINUATION, text[10:])
        peer.start()
        await rig.peers.relay_item("opened")


async def test_binary_frames_are_counted(rig):
    before = count(metrics.BAD_MESSAGES, "twilio", "binary")
    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        peer.send_raw(b"\x00\x01", WSMsgType.BINARY)
        peer.connected()
        peer.start()
        await rig.peers.relay_item("opened")
        assert count(metrics.BAD_MESSAGES, "twilio", "binary") == before + 1


@pytest.mark.usefixtures("bystander")
async def test_a_peer_whose_media_stops_counts_as_a_lost_socket(make_rig, rig):
    strict = await make_rig(dead_peer_seconds=0.05)
    before = count(metrics.BAD_MESSAGES, "twilio", "dead_peer")
    async with TwilioPeer() as peer:
        await twilio(strict, peer)
        peer.connected()
        peer.start()
        assert await peer.until_closed() is WSCloseCode.ABNORMAL_CLOSURE
        await rig.peers.fact("socket_lost")
    assert count(metrics.BAD_MESSAGES, "twilio", "dead_peer") == before + 1


@pytest.mark.usefixtures("bystander")
async def test_a_peer_that_answers_no_ping_counts_as_a_lost_socket(make_rig, rig):
    strict = await make_rig(ping_seconds=0.05)
    async with AudioCodesPeer() as peer:
        await peer.open(strict.ws + "/audiocodes")
        peer.initiate()
        await peer.until(lambda: peer.of("userStream.started"))
        peer.wire.underlying_transport.pause_reading()
        await rig.peers.fact("socket_lost")


async def test_silent_sockets_are_closed(make_rig):
    rig = await make_rig(handshake_seconds=0.05)
    async with TwilioPeer() as peer, AudioCodesPeer() as other:
        await twilio(rig, peer)
        await other.open(rig.ws + "/audiocodes")
        assert await peer.until_closed() is WSCloseCode.POLICY_VIOLATION
        assert await other.until_closed() is WSCloseCode.POLICY_VIOLATION
        assert other.messages == [{"type": "session.error", "reason": "no call was started on this socket"}]


async def test_silent_connections_are_closed(make_rig):
    rig = await make_rig(handshake_seconds=0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.app.port)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


@pytest.mark.usefixtures("bystander")
async def test_a_thousand_connects_that_never_speak(make_rig, rig):
    crowded = await make_rig(max_unstarted=50)
    peers = [TwilioPeer(f"CA{number}") for number in range(1000)]
    try:
        for batch in range(0, 1000, 100):
            await asyncio.gather(*(twilio(crowded, peer) for peer in peers[batch : batch + 100]))
        async with TwilioPeer("CA-real") as real:
            await twilio(crowded, real)
            real.connected()
            real.start()
            await rig.peers.relay_item("opened", 2)
        await peers[0].until_closed()
        assert peers[0].closed is WSCloseCode.POLICY_VIOLATION
        assert metrics.UNSTARTED._value.get() <= 50
    finally:
        for peer in peers:
            peer.drop()
        await asyncio.gather(*(peer.wire.wait_disconnected() for peer in peers))


async def test_slow_peer_loses_the_oldest_audio_and_grows_nothing(rig, monkeypatch):
    monkeypatch.setattr(websocket, "WRITE_HIGH_WATER", 1024)
    dropped = count(metrics.FRAMES_DROPPED, "twilio")
    async with TwilioPeer(echo_marks=False) as slow, TwilioPeer("CA-other", "MZ2") as other:
        await twilio(rig, slow)
        slow.wire.underlying_transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connected()
        slow.start()
        opened = await rig.peers.relay_item("opened")
        call = rig.app.switchboard.get(opened.head.call_id)
        sock = call._leg._transport.underlying_transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        slow.wire.underlying_transport.pause_reading()
        leg = call._leg
        for _ in range(3000):
            leg.send_audio("x", FRAME)
        assert leg._paused
        assert leg._queued_frames <= websocket.MAX_QUEUED_FRAMES
        assert count(metrics.FRAMES_DROPPED, "twilio") > dropped
        await twilio(rig, other)
        other.connected()
        other.start()
        await rig.peers.relay_item("opened", 2)
        slow.wire.underlying_transport.resume_reading()
        await slow.until(lambda: len(slow.audio()) >= 160 * websocket.MAX_QUEUED_FRAMES)
        leg.send_audio("x", FRAME)
        assert leg._queued_frames == 0 or leg._paused


MALFORMED_AUDIOCODES = [
    (b"{", "json"),
    (b"[]", "not_an_object"),
    (b'{"type":null}', "no_type"),
    (b'{"type":"userStream.chunk","audioChunk":"!!"}', "base64"),
    (b'{"type":"activities","activities":{}}', "activities"),
    (b'{"type":"activities","activities":[{"type":"event","name":"DTMF","value":"x"}]}', "dtmf"),
    (b'{"type":"session.initiate"}', "conversation_id"),
]


@pytest.mark.usefixtures("bystander")
async def test_malformed_audiocodes_messages_do_not_end_the_call(rig):
    async with AudioCodesPeer() as peer:
        await peer.open(rig.ws + "/audiocodes")
        peer.initiate()
        await peer.until(lambda: peer.of("userStream.started"))
        for number, (message, reason) in enumerate(MALFORMED_AUDIOCODES, 1):
            before = count(metrics.BAD_MESSAGES, "audiocodes", reason)
            peer.send_raw(message)
            peer.chunk(FRAME)
            await rig.peers.relay_item("audio", number)
            assert count(metrics.BAD_MESSAGES, "audiocodes", reason) == before + 1, message
        assert peer.closed is None


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("order", ["chunk first", "activity first", "second initiate", "resume of a live one"])
async def test_wrong_order_is_a_session_error(rig, order):
    before = count(metrics.BAD_MESSAGES, "audiocodes", "order")
    async with AudioCodesPeer() as peer:
        await peer.open(rig.ws + "/audiocodes")
        if order == "chunk first":
            peer.chunk(FRAME)
        elif order == "activity first":
            peer.activity(type="event", name="start")
        else:
            peer.initiate()
            await peer.until(lambda: peer.of("userStream.started"))
            peer.initiate() if order == "second initiate" else peer.tell("session.resume")
        assert await peer.until_closed() is WSCloseCode.PROTOCOL_ERROR
        assert peer.messages[-1]["type"] == "session.error"
    assert count(metrics.BAD_MESSAGES, "audiocodes", "order") == before + 1


async def test_chunks_outside_a_user_stream_are_dropped(rig):
    before = count(metrics.BAD_MESSAGES, "audiocodes", "order")
    async with AudioCodesPeer() as peer:
        await peer.open(rig.ws + "/audiocodes")
        peer.initiate()
        await peer.until(lambda: peer.of("userStream.started"))
        peer.tell("userStream.stop")
        await peer.until(lambda: peer.of("userStream.stopped"))
        peer.chunk(FRAME)
        peer.tell("userStream.start")
        await peer.until(lambda: len(peer.of("userStream.started")) == 2)
        peer.chunk(FRAME)
        await rig.peers.relay_item("audio")
        assert count(metrics.BAD_MESSAGES, "audiocodes", "order") == before + 1


async def test_a_repeated_activity_counts_once(rig):
    async with AudioCodesPeer() as peer:
        await peer.open(rig.ws + "/audiocodes")
        peer.initiate()
        await peer.until(lambda: peer.of("userStream.started"))
        for digit, name in (("1", "a"), ("1", "a"), ("1", "b"), ("2", "a"), ("3", "")):
            peer.activity(type="event", name="DTMF", value=digit, id=name)
        keys = [(await rig.peers.relay_item("key", number)).key.digit for number in (1, 2, 3)]
    assert keys == ["1", "1", "3"]


async def test_unknown_paths_are_not_found(rig):
    with pytest.raises(WSHandshakeError) as refused:
        await TwilioPeer().open(rig.ws + "/elsewhere")
    assert refused.value.response.status == 404


async def test_garbage_in_the_inbox_harms_nobody(rig, bystander):
    from chassis.bus import GATEWAY_INBOX
    from opusagent.media.v1.inbox_pb2 import GatewayInbox, GatewayItem, Head

    empty = GatewayInbox(items=[GatewayItem(head=Head(call_id="call-1", sequence=1)), GatewayItem()])
    for record in (b"\xff\xff\xff", empty.SerializeToString(), b""):
        rig.bus.post(GATEWAY_INBOX, 0, record)
    bystander.media(FRAME)
    await rig.peers.relay_item("audio")


async def test_media_without_optional_fields(rig, bystander):
    bystander.send({"event": "media", "media": {"payload": base64.b64encode(FRAME).decode()}})
    item = await rig.peers.relay_item("audio")
    assert item.audio.audio == FRAME
