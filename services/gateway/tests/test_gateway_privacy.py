"""The caller in private: his voice and his keys are for the engine alone, and stand nowhere in the clear."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY, generate_latest

from audio.formats import ALAW_8K, MULAW_8K, PCM16_16K
from chassis import sealing
from gateway.domain.privacy import Veil
from gateway.testing_audiocodes import AudioCodesPeer
from gateway.testing_twilio import TwilioPeer
from opusagent.call.v1.call_pb2 import CHANNEL_TWILIO
from opusagent.fsa.v1.fsa_pb2 import Privacy
from opusagent.media.v1.inbox_pb2 import AgentAudio

VOICE = bytes(range(1, 161))
SILENCE = b"\xff" * 160
CARD = "4539578763621486"


async def begin(rig, peer: TwilioPeer, count: int = 1):
    await peer.open(rig.ws + "/twilio/media")
    peer.connected()
    peer.start(**{"from": "+15550100", "to": "+15550199"})
    return await rig.peers.relay_item("opened", count)


async def private(rig, item, on: bool = True, generation: int = 1) -> None:
    """Have the engine say so, and wait until the gateway has it."""
    call = rig.app.switchboard.get(item.head.call_id)
    rig.peers.say(item, generation, by_engine=True, privacy=Privacy(on=on))
    rig.peers.say(item, generation, by_engine=True, audio=AgentAudio(item_id=f"p{on}", last=True, audio=b"\xff"))
    await rig.peers.until(lambda: [i for i in rig.peers.relay if i.heard.item_id == f"p{on}" and i.heard.ended])
    assert call._veil.on is on


def digits_of(rig, key: bytes) -> str:
    """What the engine can read of the keys."""
    opened = ""
    for item in rig.peers.engine:
        if item.HasField("key"):
            sealed = item.key.sealed
            opened += sealing.unseal(key, item.session_id, sealed).decode() if sealed else item.key.digit
    return opened


async def test_the_relay_gets_silence_of_equal_length_and_media_time_goes_on(rig):
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        peer.media(VOICE)
        await rig.peers.relay_item("audio")
        await private(rig, opened)
        peer.media(VOICE)
        peer.media(VOICE + VOICE)
        third = await rig.peers.relay_item("audio", 3)
        assert third.head.media_ms == 40
        await private(rig, opened, on=False)
        peer.media(VOICE)
        last = await rig.peers.relay_item("audio", 4)
        assert last.head.media_ms == 80
        assert rig.peers.audio_of(opened.head.call_id) == VOICE + SILENCE * 3 + VOICE
        kept = b"".join(audio for _, audio in rig.app.switchboard.get(opened.head.call_id).recent)
        assert kept == VOICE + SILENCE * 3 + VOICE


async def test_silence_is_the_calls_own_format(rig):
    async with AudioCodesPeer() as peer:
        await peer.open(rig.ws + "/audiocodes")
        peer.initiate(["raw/lpcm16"])
        await peer.until(lambda: peer.of("userStream.started"))
        opened = await rig.peers.relay_item("opened")
        rig.peers.say(opened, by_engine=True, privacy=Privacy(on=True))
        rig.peers.say(opened, by_engine=True, audio=AgentAudio(item_id="p", last=True, audio=b"\0\0"))
        await rig.peers.until(lambda: [i for i in rig.peers.relay if i.heard.ended])
        peer.chunk(b"\x01\x02" * 320)
        item = await rig.peers.relay_item("audio")
        assert item.audio.audio == b"\x00\x00" * 320


async def test_keys_go_to_the_engine_alone_and_sealed(rig):
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        peer.dtmf("9")
        await rig.peers.engine_item("key")
        await private(rig, opened)
        for digit in CARD:
            peer.dtmf(digit)
        await rig.peers.engine_item("key", 1 + len(CARD))
        told = [item.key for item in rig.peers.relay if item.HasField("key")]
        assert [key.digit for key in told] == ["9"] + [""] * len(CARD)
        assert not any(key.sealed for key in told)
        keys = [item for item in rig.peers.engine if item.HasField("key")]
        assert [item.key.digit for item in keys] == ["9"] + [""] * len(CARD)
        assert len({item.event_id for item in keys}) == len(keys)
        assert digits_of(rig, rig.session.key) == "9" + CARD
        await private(rig, opened, on=False)
        peer.dtmf("1")
        assert (await rig.peers.relay_item("key", len(told) + 1)).key.digit == "1"


async def test_nothing_private_stands_on_topics_in_logs_or_in_metrics(rig, monkeypatch, capfd):
    records: list[bytes] = []
    post, append = rig.bus.post, rig.bus.append

    def posted(topic, slot, record, headers=None):
        records.append(record)
        return post(topic, slot, record, headers)

    async def appended(topic, key, value, headers=None):
        records.append(value)
        return await append(topic, key, value, headers)

    monkeypatch.setattr(rig.bus, "post", posted)
    monkeypatch.setattr(rig.bus, "append", appended)
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        await private(rig, opened)
        records.clear()
        for digit in CARD:
            peer.dtmf(digit)
            peer.media(VOICE)
        await rig.peers.engine_item("key", len(CARD))
        await rig.peers.relay_item("audio", len(CARD))
        peer.stop()
        await rig.peers.fact("call_ended")
    assert len(records) > 3 * len(CARD)
    assert VOICE not in b"".join(records)
    lone = [bytes([0x0A, 1, ord(digit)]) for digit in CARD]  # KeyPress.digit as it would be encoded
    assert not any(pattern in record for record in records for pattern in lone if len(record) < 200)
    assert rig.session.key not in b"".join(records)
    shown = capfd.readouterr()
    for text in (shown.out, shown.err, generate_latest(REGISTRY).decode()):
        assert CARD not in text
        assert base64.b64encode(VOICE).decode() not in text


async def test_without_a_key_digits_still_go_to_the_engine_alone(rig):
    rig.session.key = b""
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        await private(rig, opened)
        peer.dtmf("7")
        assert (await rig.peers.engine_item("key")).key.digit == "7"
        assert (await rig.peers.relay_item("key")).key.digit == ""


async def test_only_the_engine_can_end_it(rig):
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        await private(rig, opened)
        rig.peers.say(opened, privacy=Privacy(on=False))
        rig.peers.say(opened, audio=AgentAudio(item_id="x", audio=b"\xff", last=True))
        await rig.peers.until(lambda: [i for i in rig.peers.relay if i.heard.item_id == "x"])
        peer.media(VOICE)
        assert (await rig.peers.relay_item("audio")).audio.audio == SILENCE


async def test_an_engine_of_a_lower_generation_is_not_heard(rig):
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        await private(rig, opened, generation=5)
        rig.peers.say(opened, 4, by_engine=True, privacy=Privacy(on=False))
        rig.peers.say(opened, audio=AgentAudio(item_id="x", audio=b"\xff", last=True))
        await rig.peers.until(lambda: [i for i in rig.peers.relay if i.heard.item_id == "x"])
        assert rig.app.switchboard.get(opened.head.call_id)._veil.on


async def test_it_stands_when_the_socket_comes_back(rig):
    async with TwilioPeer() as peer:
        await private(rig, await begin(rig, peer))
        peer.drop()
        await rig.peers.fact("socket_lost")
    async with TwilioPeer(stream_sid="MZ2") as peer:
        await begin(rig, peer, 2)
        peer.media(VOICE)
        assert (await rig.peers.relay_item("audio")).audio.audio == SILENCE


@pytest.mark.parametrize("known", [True, False])
async def test_another_gateway_begins_with_what_was_saved(make_rig, known):
    first, second = await make_rig(), await make_rig()
    async with TwilioPeer() as peer:
        await begin(first, peer)
        first.session.of(CHANNEL_TWILIO, "CA1").private = known
        peer.drop()
        await first.peers.fact("socket_lost")
    async with TwilioPeer(stream_sid="MZ2") as peer:
        await begin(second, peer, 2)
        peer.media(VOICE)
        peer.dtmf("3")
        assert (await first.peers.relay_item("audio")).audio.audio == (SILENCE if known else VOICE)
        assert (await first.peers.relay_item("key")).key.digit == ("" if known else "3")
        await first.peers.engine_item("key")
        assert digits_of(first, first.session.key) == "3"


@given(st.lists(st.binary(max_size=700), max_size=20), st.sampled_from([MULAW_8K, ALAW_8K, PCM16_16K]))
def test_a_veil_has_the_length_of_what_it_hides(pieces, format):
    veil = Veil(format, on=True)
    for piece in pieces:
        assert veil.cover(piece) == format.silence_byte * len(piece)
