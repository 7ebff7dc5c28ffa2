"""Golden conversations over Twilio's wire, both directions, against a real server."""

import asyncio

import pytest
from picows import WSCloseCode

from gateway.testing_twilio import TwilioPeer
from opusagent.call.v1.call_pb2 import (
    CHANNEL_TWILIO,
    DIRECTION_INBOUND,
    ENCODING_MULAW,
    END_REASON_AGENT_HUNG_UP,
    END_REASON_CALLER_HUNG_UP,
    END_REASON_LEG_LOST,
)
from opusagent.media.v1.inbox_pb2 import AgentAudio, Flush, HangUpCall

FRAME = bytes(range(160))


async def begin(rig, peer: TwilioPeer, **parameters: str):
    """Start a call and return its `CallOpened` item."""
    await peer.open(rig.ws + "/twilio/media")
    peer.connected()
    peer.start(**({"from": "+15550100", "to": "+15550199"} | parameters))
    return await rig.peers.until(
        lambda: next((i for i in rig.peers.relay if i.HasField("opened") and _is(rig, i, peer)), None)
    )


def _is(rig, item, peer: TwilioPeer) -> bool:
    known = rig.session.calls.get((CHANNEL_TWILIO, peer.call_sid))
    return known is not None and known.call.call_id == item.head.call_id


async def test_a_whole_call(rig):
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        call = opened.opened.call
        assert (call.caller, call.callee, call.direction) == ("+15550100", "+15550199", DIRECTION_INBOUND)
        assert (call.format.encoding, call.format.sample_rate_hz) == (ENCODING_MULAW, 8000)
        engine = await rig.peers.engine_item("opened")
        assert engine.session_id == call.session_id
        assert engine.event_id == f"{call.call_id}/g1/opened"

        for _ in range(3):
            peer.media(FRAME)
        third = await rig.peers.relay_item("audio", 3)
        assert third.head.media_ms == 40
        assert rig.peers.audio_of(call.call_id) == FRAME * 3
        assert [item.head.sequence for item in rig.peers.relay] == [1, 2, 3, 4]

        rig.peers.say(opened, audio=AgentAudio(item_id="hello", audio=FRAME * 11, last=True))
        heard = await rig.peers.until(
            lambda: [i.heard for i in rig.peers.relay if i.HasField("heard") and i.heard.ended]
        )
        assert (heard[0].item_id, heard[0].heard_ms, heard[0].flushed) == ("hello", 220, False)
        assert peer.audio() == FRAME * 11
        assert all(set(message) == {"event", "streamSid", message["event"]} for message in peer.messages)

        peer.dtmf("5")
        key = await rig.peers.engine_item("key")
        assert (key.key.digit, key.event_id) == ("5", f"{call.call_id}/k1")
        assert (await rig.peers.relay_item("key")).key.digit == "5"

        rig.peers.say(opened, audio=AgentAudio(item_id="bye", audio=FRAME * 3, last=True))
        rig.peers.say(opened, hang_up=HangUpCall(reason=END_REASON_AGENT_HUNG_UP, detail="done"))
        assert await peer.until_closed() is WSCloseCode.OK
        assert peer.audio() == FRAME * 14
        ended = await rig.peers.fact("call_ended")
        assert ended.event_id == f"{call.call_id}/ended"
        assert ended.call_ended.reason == END_REASON_AGENT_HUNG_UP
        assert (await rig.peers.relay_item("closed")).closed.reason == END_REASON_AGENT_HUNG_UP
        assert (await rig.peers.engine_item("closed")).closed.reason == END_REASON_AGENT_HUNG_UP
        assert len(rig.app.switchboard) == 0
    assert [event.WhichOneof("fact") for event in rig.peers.facts] == ["call_started", "call_ended"]


async def test_barge_in_clears_and_reports_what_was_heard(rig):
    async with TwilioPeer(echo_marks=False) as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, audio=AgentAudio(item_id="long", audio=FRAME * 500))
        marks = await peer.until(lambda: peer.events("mark"))
        peer.echo(marks[0]["mark"]["name"])
        first = await rig.peers.relay_item("heard")
        assert (first.heard.heard_ms, first.heard.ended) == (200, False)
        rig.peers.say(opened, flush=Flush())
        flushed = await rig.peers.relay_item("heard", 2)
        assert flushed.heard.flushed
        assert flushed.heard.ended
        assert 200 <= flushed.heard.heard_ms < 1000
        await peer.until(lambda: peer.events("clear"))
        sent = len(peer.audio())
        peer.echo(marks[0]["mark"]["name"])
        peer.media(FRAME)
        await rig.peers.relay_item("audio")
        assert len(peer.audio()) == sent
        assert len([i for i in rig.peers.relay if i.HasField("heard")]) == 2


async def test_pacing_keeps_the_lead(rig):
    async with TwilioPeer(echo_marks=False) as peer:
        opened = await begin(rig, peer)
        loop = asyncio.get_running_loop()
        began = loop.time()
        rig.peers.say(opened, audio=AgentAudio(item_id="a", audio=FRAME * 40, last=True))
        await peer.until(lambda: len(peer.audio()) >= 10 * 160)
        assert loop.time() - began < 0.15
        await peer.until(lambda: len(peer.audio()) == 40 * 160)
        assert loop.time() - began > 0.55


async def test_audio_in_real_time_passes_at_once(rig):
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        for number in range(1, 6):
            rig.peers.say(opened, audio=AgentAudio(item_id="a", audio=FRAME))
            await peer.until(lambda n=number: len(peer.audio()) == n * 160)


async def test_caller_hangs_up(rig):
    async with TwilioPeer() as peer:
        await begin(rig, peer)
        peer.stop()
        ended = await rig.peers.fact("call_ended")
        assert ended.call_ended.reason == END_REASON_CALLER_HUNG_UP
        assert await peer.until_closed() is WSCloseCode.OK


async def test_hang_up_by_the_caller_during_the_goodbye_is_his(rig):
    async with TwilioPeer(echo_marks=False) as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, audio=AgentAudio(item_id="bye", audio=FRAME * 200, last=True))
        rig.peers.say(opened, hang_up=HangUpCall(reason=END_REASON_AGENT_HUNG_UP))
        await peer.until(lambda: peer.events("media"))
        peer.stop()
        ended = await rig.peers.fact("call_ended")
        assert ended.call_ended.reason == END_REASON_CALLER_HUNG_UP


async def test_lost_socket_comes_back(rig):
    async with TwilioPeer() as first:
        opened = await begin(rig, first)
        first.media(FRAME)
        rig.peers.say(opened, audio=AgentAudio(item_id="cut", audio=FRAME * 100))
        await first.until(lambda: first.events("media"))
        first.drop()
        await rig.peers.fact("socket_lost")
        heard = await rig.peers.until(lambda: [i.heard for i in rig.peers.relay if i.heard.flushed])
        assert heard[0].item_id == "cut"
        async with TwilioPeer(stream_sid="MZ2") as second:
            await second.open(rig.ws + "/twilio/media")
            second.connected()
            second.start()
            again = await rig.peers.relay_item("opened", 2)
            assert again.opened.reattached
            assert (again.head.generation, again.head.sequence) == (2, 1)
            assert (await rig.peers.fact("call_reattached")).call_reattached.gateway_generation == 2
            second.media(FRAME)
            audio = await rig.peers.relay_item("audio", 2)
            assert audio.head.media_ms >= 20
            second.dtmf("1")
            assert (await rig.peers.engine_item("key")).event_id.endswith("/k10001")
            rig.peers.say(again, audio=AgentAudio(item_id="again", audio=FRAME, last=True))
            await second.until(lambda: second.events("media"))
    assert not [event for event in rig.peers.facts if event.HasField("call_ended")]


async def test_lost_socket_that_stays_lost(make_rig):
    rig = await make_rig(reconnect_grace=0.05)
    async with TwilioPeer() as peer:
        await begin(rig, peer)
        peer.drop()
        ended = await rig.peers.fact("call_ended")
        assert ended.call_ended.reason == END_REASON_LEG_LOST
    kinds = [event.WhichOneof("fact") for event in rig.peers.facts]
    assert kinds == ["call_started", "socket_lost", "call_ended"]


async def test_leg_that_came_back_to_another_gateway_is_not_ended_by_the_first(make_rig):
    first = await make_rig(reconnect_grace=0.05)
    second = await make_rig()
    async with TwilioPeer() as peer, TwilioPeer(stream_sid="MZ2") as again:
        await begin(first, peer)
        await again.open(second.ws + "/twilio/media")
        again.connected()
        again.start()
        opened = await first.peers.relay_item("opened", 2)
        assert opened.opened.route.gateway_slot == 1
        peer.drop()
        await first.app.switchboard.wait_empty()
        assert len(second.app.switchboard) == 1
        again.stop()
        await first.peers.fact("call_ended")
    kinds = [event.WhichOneof("fact") for event in first.peers.facts]
    assert kinds == ["call_started", "call_reattached", "socket_lost", "call_ended"]


async def test_audio_before_the_call_is_open_is_kept(rig):
    rig.session.hold = asyncio.Event()
    async with TwilioPeer() as peer:
        await peer.open(rig.ws + "/twilio/media")
        peer.connected()
        peer.start()
        for _ in range(5):
            peer.media(FRAME)
        await rig.session.asked.wait()
        rig.session.hold.set()
        await rig.peers.relay_item("audio", 5)
        assert rig.peers.audio_of("call-1") == FRAME * 5


@pytest.mark.parametrize("number", ["+266696687", "anonymous", "client:joe"])
async def test_withheld_numbers_are_empty(rig, number):
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer, **{"from": number})
        assert opened.opened.call.caller == ""


async def test_two_calls_do_not_mix(rig):
    async with TwilioPeer("CA1", "MZ1") as one, TwilioPeer("CA2", "MZ2") as two:
        first, second = await begin(rig, one), await begin(rig, two)
        one.media(b"\x01" * 160)
        two.media(b"\x02" * 160)
        await rig.peers.relay_item("audio", 2)
        assert rig.peers.audio_of(first.head.call_id) == b"\x01" * 160
        assert rig.peers.audio_of(second.head.call_id) == b"\x02" * 160
        rig.peers.say(first, audio=AgentAudio(item_id="a", audio=b"\x03" * 160, last=True))
        await one.until(lambda: one.events("media"))
        assert not two.events("media")
