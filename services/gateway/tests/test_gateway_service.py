"""The gateway as a service: refusing, draining, stopping, and what the operator sees."""

import asyncio

import httpx
import pytest
from picows import WSCloseCode

from chassis.http import ops_app
from chassis.rpc import RpcError, StatusCode
from gateway.testing_audiocodes import AudioCodesPeer
from gateway.testing_twilio import TwilioPeer
from opusagent.media.v1.inbox_pb2 import AgentAudio, HeardThrough

FRAME = b"\x55" * 160


async def twilio(rig, peer: TwilioPeer):
    await peer.open(rig.ws + "/twilio/media")
    peer.connected()
    peer.start(**{"from": "+15550100", "to": "+15550199"})


async def test_ops_shows_calls_without_numbers(rig):
    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        await rig.peers.relay_item("opened")
        peer.media(FRAME * 5)
        await rig.peers.relay_item("audio")
        app = ops_app(lambda: rig.app.ready, rig.app.ops_routes)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ops") as client:
            assert (await client.get("/readyz")).status_code == 200
            answer = await client.get("/calls")
            page = (await client.get("/metrics")).text
        (call,) = answer.json()
        assert call["codec"] == "mulaw/8000"
        assert (call["state"], call["channel"], call["media_seconds"]) == ("live", "twilio", 0.1)
        assert "15550100" not in answer.text
        assert 'opusagent_gateway_frames_total{channel="twilio",direction="in"}' in page


async def test_draining_refuses_new_calls_and_waits_for_old_ones(rig):
    async with TwilioPeer() as peer, TwilioPeer("CA2") as late, AudioCodesPeer() as other:
        await twilio(rig, peer)
        await rig.peers.relay_item("opened")
        draining = asyncio.create_task(rig.app.drain())
        await asyncio.sleep(0)
        assert not rig.app.ready
        async with httpx.AsyncClient() as client:
            answer = await client.post(rig.http + "/twilio/voice", data={"CallSid": "CA3"})
        assert "<Say>" in answer.text
        assert "<Hangup" in answer.text
        await twilio(rig, late)
        assert await late.until_closed() is WSCloseCode.TRY_AGAIN_LATER
        await other.open(rig.ws + "/audiocodes")
        other.initiate()
        await other.until_closed()
        assert [message["type"] for message in other.messages] == ["session.error"]
        assert not draining.done()
        peer.stop()
        await asyncio.wait_for(draining, 5)


async def test_stop_leaves_calls_to_telephony(rig):
    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        await rig.peers.relay_item("opened")
        await asyncio.gather(rig.app.stop(), peer.until_closed())
        assert peer.closed is WSCloseCode.GOING_AWAY
    assert not [event for event in rig.peers.facts if event.HasField("call_ended")]


@pytest.mark.parametrize("code", [StatusCode.RESOURCE_EXHAUSTED, StatusCode.INVALID_ARGUMENT])
async def test_what_session_refuses_is_refused(rig, code):
    rig.session.failures = [RpcError(code, "no"), RpcError(code, "no")]
    async with TwilioPeer() as peer, AudioCodesPeer() as other:
        await twilio(rig, peer)
        assert await peer.until_closed() is WSCloseCode.TRY_AGAIN_LATER
        await other.open(rig.ws + "/audiocodes")
        other.initiate()
        assert await other.until_closed() is WSCloseCode.TRY_AGAIN_LATER
        assert other.messages == [{"type": "session.error", "reason": "no"}]


async def test_session_that_comes_back_in_time(rig):
    rig.session.failures = [RpcError(StatusCode.UNAVAILABLE, "later")]
    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        peer.media(FRAME)
        await rig.peers.relay_item("audio")


async def test_more_calls_than_there_is_room(make_rig):
    rig = await make_rig(max_calls=1)
    async with TwilioPeer() as peer, TwilioPeer("CA2") as second:
        await twilio(rig, peer)
        await rig.peers.relay_item("opened")
        await twilio(rig, second)
        assert await second.until_closed() is WSCloseCode.TRY_AGAIN_LATER


async def test_the_last_seconds_of_the_caller_are_kept_until_heard(rig):
    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        opened = await rig.peers.relay_item("opened")
        call = rig.app.switchboard.get(opened.head.call_id)
        for _ in range(10):
            peer.media(FRAME)
        await rig.peers.relay_item("audio", 10)
        assert call.recent.size == 1600
        rig.peers.say(opened, heard_through=HeardThrough(media_ms=100))
        rig.peers.say(opened, audio=AgentAudio(item_id="a", audio=FRAME, last=True))
        await peer.until(lambda: peer.events("media"))
        assert [at for at, _ in call.recent] == [100, 120, 140, 160, 180]


async def test_a_duplicate_from_the_relay_is_played_once(rig):
    from chassis.bus import GATEWAY_INBOX
    from opusagent.media.v1.inbox_pb2 import SENDER_RELAY, GatewayInbox, GatewayItem, Head

    async with TwilioPeer() as peer:
        await twilio(rig, peer)
        opened = await rig.peers.relay_item("opened")
        head = Head(call_id=opened.head.call_id, sender=SENDER_RELAY, generation=2, sequence=1)
        item = GatewayItem(head=head, audio=AgentAudio(item_id="a", audio=FRAME, last=True))
        record = GatewayInbox(items=[item]).SerializeToString()
        rig.bus.post(GATEWAY_INBOX, 0, record)
        rig.bus.post(GATEWAY_INBOX, 0, record)
        rig.peers.say(opened, generation=1, audio=AgentAudio(item_id="old", audio=FRAME, last=True))
        await rig.peers.until(lambda: [i for i in rig.peers.relay if i.heard.ended])
        assert peer.audio() == FRAME
