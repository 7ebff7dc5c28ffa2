"""Twilio's webhooks, checked with Twilio's own validator and REST client."""

import asyncio
from xml.etree import ElementTree

import httpx
import pytest
from picows import WSCloseCode, WSHandshakeError
from pydantic import ValidationError
from twilio.request_validator import RequestValidator

from chassis.bus import BusError
from chassis.rpc import RpcError, StatusCode
from gateway import metrics
from gateway.adapters.twilio_rest import TwilioLegControl
from gateway.adapters.twilio_security import Nonces, Signatures
from gateway.ports import LegStatus
from gateway.settings import GatewaySettings
from gateway.testing_twilio import TwilioPeer
from opusagent.call.v1.call_pb2 import (
    CHANNEL_TWILIO,
    DIRECTION_OUTBOUND,
    END_REASON_CALLER_HUNG_UP,
    END_REASON_LEG_LOST,
    END_REASON_PROVIDER_ERROR,
)

TOKEN = "12345"
PUBLIC = "https://gw.example.com"
RINGING = {"CallSid": "CA1", "From": "+15550100", "To": "+15550199", "CallStatus": "ringing", "Direction": "inbound"}


@pytest.fixture
async def client():
    async with httpx.AsyncClient() as http:
        yield http


@pytest.fixture
async def signed(make_rig):
    return await make_rig(twilio_auth_token=TOKEN, public_url=PUBLIC)


def sign(path: str, form: dict, token: str = TOKEN) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(PUBLIC + path, form)}


def parameters(twiml: str) -> dict[str, str]:
    return {p.get("name"): p.get("value") for p in ElementTree.fromstring(twiml).iter("Parameter")}


async def test_voice_answers_connect_stream(rig, client):
    answer = await client.post(rig.http + "/twilio/voice", data=RINGING)
    assert answer.headers["content-type"].startswith("text/xml")
    twiml = ElementTree.fromstring(answer.text)
    assert [verb.tag for verb in twiml] == ["Connect", "Redirect"]
    assert twiml[0].get("action") == f"{rig.http}/twilio/voice?again=1" == twiml[1].text
    assert twiml[0][0].get("url") == f"{rig.ws}/twilio/media"
    given = parameters(answer.text)
    assert (given["from"], given["to"], given["direction"]) == ("+15550100", "+15550199", "inbound")
    assert given["nonce"]


async def test_a_signed_call_from_webhook_to_end(signed, client):
    answer = await client.post(signed.http + "/twilio/voice", data=RINGING, headers=sign("/twilio/voice", RINGING))
    stream = ElementTree.fromstring(answer.text)[0][0]
    assert stream.get("url") == "wss://gw.example.com/twilio/media"
    upgrade = RequestValidator(TOKEN).compute_signature("wss://gw.example.com/twilio/media", {})
    async with TwilioPeer() as peer:
        await peer.open(signed.ws + "/twilio/media", {"x-twilio-signature": upgrade})
        peer.connected()
        peer.start(**parameters(answer.text))
        opened = await signed.peers.relay_item("opened")
        assert opened.opened.call.caller == "+15550100"
    async with TwilioPeer() as replay:
        await replay.open(signed.ws + "/twilio/media", {"x-twilio-signature": upgrade})
        replay.connected()
        replay.start(**parameters(answer.text))
        assert await replay.until_closed() is WSCloseCode.POLICY_VIOLATION


@pytest.mark.parametrize("path", ["/twilio/voice", "/twilio/status", "/twilio/sms", "/twilio/sms-status"])
async def test_unsigned_requests_are_refused(signed, client, path):
    before = metrics.REJECTED.labels("signature")._value.get()
    for headers in ({}, sign(path, RINGING, "wrong"), {"X-Twilio-Signature": "é".encode()}):
        answer = await client.post(signed.http + path, data=RINGING, headers=headers)
        assert answer.status_code == 403
    assert metrics.REJECTED.labels("signature")._value.get() == before + 3
    assert not signed.peers.facts


@pytest.mark.parametrize("signature", [None, "bm9wZQ=="])
async def test_unsigned_upgrades_are_refused(signed, signature):
    headers = {"x-twilio-signature": signature} if signature else {}
    with pytest.raises(WSHandshakeError) as refused:
        await TwilioPeer().open(signed.ws + "/twilio/media", headers)
    assert refused.value.response.status == 403


async def test_without_signatures_everybody_may_ring_and_the_token_is_for_rest(make_rig, client):
    rig = await make_rig(twilio_auth_token=TOKEN, public_url="http://gw.example.com", twilio_signatures=False)
    assert (await client.post(rig.http + "/twilio/voice", data=RINGING)).status_code == 200
    async with TwilioPeer() as peer:
        await peer.open(rig.ws + "/twilio/media")
        peer.connected()
        peer.start()
        assert (await rig.peers.relay_item("opened")).opened.call.call_id


def test_signature_vectors():
    params = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    signatures = Signatures("12345", "12345", "https://mycompany.com")
    query = "/myapp.php?foo=1&bar=2"
    assert signatures.request_ok(query, params, {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="})
    shared = {
        "X-Twilio-Signature": "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=",
        "X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256",
    }
    assert signatures.request_ok(query, params, shared)
    assert not Signatures("12345", "", "https://mycompany.com").request_ok(query, params, shared)
    stream = {"X-Twilio-Signature": "6kSFM47d6TDx1JKKQp6JOiRv5eY="}
    assert Signatures("12345", "", "https://gw.example.com").upgrade_ok("/twilio/stream", stream)
    assert not Signatures("12345", "", "https://other.example.com").upgrade_ok("/twilio/stream", stream)


def test_nonces_bind_the_call_and_its_parties_and_expire():
    now = [1000]
    one, other = (Nonces("secret", lambda: now[0], 60) for _ in range(2))
    given = {"from": "+1", "to": "+2", "direction": "inbound"}
    nonce = one.make("CA1", given)
    assert not other.take(nonce, "CA2", given)
    assert not other.take(nonce, "CA1", given | {"from": "+3"})
    assert not other.take("", "CA1", given)
    assert not other.take("a.b.c", "CA1", given)
    assert other.take(nonce, "CA1", given)
    assert not other.take(nonce, "CA1", given)
    late = one.make("CA1", given)
    now[0] += 60_001
    assert not other.take(late, "CA1", given)


async def test_a_dialled_call_carries_its_session(rig, client):
    dialled = RINGING | {"Direction": "outbound-api", "From": "+15550199", "To": "+15550100"}
    answer = await client.post(rig.http + "/twilio/voice?session=session-7", data=dialled)
    async with TwilioPeer() as peer:
        await peer.open(rig.ws + "/twilio/media")
        peer.connected()
        peer.start(**parameters(answer.text))
        call = (await rig.peers.relay_item("opened")).opened.call
        assert (call.direction, call.session_id) == (DIRECTION_OUTBOUND, "session-7")
        assert (call.caller, call.callee) == ("+15550100", "+15550199")


async def test_after_the_stream_a_live_call_is_connected_again_and_an_ended_one_hung_up(make_rig, client):
    rig, other = await make_rig(), await make_rig()
    async with TwilioPeer() as peer:
        await peer.open(rig.ws + "/twilio/media")
        peer.connected()
        peer.start()
        await rig.peers.relay_item("opened")
        peer.drop()
        await rig.peers.fact("socket_lost")
        for gateway in (rig, other):
            answer = await client.post(gateway.http + "/twilio/voice?again=1", data=RINGING)
            assert "<Stream" in answer.text
        await client.post(rig.http + "/twilio/status", data=RINGING | {"CallStatus": "completed"})
        await rig.peers.fact("call_ended")
        rig.session.of(CHANNEL_TWILIO, "CA1").live = False
        for gateway in (rig, other):
            answer = await client.post(gateway.http + "/twilio/voice?again=1", data=RINGING)
            assert [verb.tag for verb in ElementTree.fromstring(answer.text)] == ["Hangup"]


async def test_a_leg_that_never_became_a_call_gets_an_apology(rig, client):
    answer = await client.post(rig.http + "/twilio/voice?again=1", data=RINGING)
    assert [verb.tag for verb in ElementTree.fromstring(answer.text)] == ["Say", "Hangup"]


@pytest.mark.parametrize(
    ("status", "reason"), [("completed", END_REASON_CALLER_HUNG_UP), ("failed", END_REASON_PROVIDER_ERROR)]
)
async def test_status_ends_the_leg_whatever_its_socket_says(rig, client, status, reason):
    async with TwilioPeer() as peer:
        await peer.open(rig.ws + "/twilio/media")
        peer.connected()
        peer.start()
        await rig.peers.relay_item("opened")
        for _ in range(2):
            answer = await client.post(rig.http + "/twilio/status", data=RINGING | {"CallStatus": status})
            assert answer.status_code == 204
        assert (await rig.peers.fact("call_ended")).call_ended.reason == reason
        assert (await rig.peers.relay_item("closed")).closed.reason == reason
        assert await peer.until_closed() is WSCloseCode.OK
    assert [event.WhichOneof("fact") for event in rig.peers.facts] == ["call_started", "call_ended"]


async def test_status_at_another_replica_ends_the_call(make_rig, client):
    first, second = await make_rig(status_wait=0.05), await make_rig()
    async with TwilioPeer() as peer:
        await peer.open(first.ws + "/twilio/media")
        peer.connected()
        peer.start()
        await first.peers.relay_item("opened")
        await client.post(second.http + "/twilio/status", data=RINGING | {"CallStatus": "completed"})
        closed = await first.peers.relay_item("closed")
        assert (closed.head.generation, closed.head.sequence) == (2, 1)
        assert (await first.peers.engine_item("closed")).head.generation == 2
        peer.stop()
        await first.app.switchboard.wait_empty()
    ends = [event for event in first.peers.facts if event.HasField("call_ended")]
    assert [event.event_id for event in ends] == ["call-1/ended"]


async def test_status_while_ringing_says_nothing(rig, client):
    answer = await client.post(rig.http + "/twilio/status", data=RINGING)
    assert answer.status_code == 204
    assert not rig.session.requests


async def test_a_dialled_call_that_failed_is_a_fact(rig, client):
    form = RINGING | {"CallStatus": "busy", "Direction": "outbound-api"}
    path = "/twilio/status?session=session-7&command=command-9"
    assert (await client.post(rig.http + path, data=form)).status_code == 204
    event = await rig.peers.fact("call_not_placed")
    assert (event.session_id, event.call_not_placed.command_id, event.call_not_placed.reason) == (
        "session-7",
        "command-9",
        "busy",
    )


async def test_sms_becomes_a_fact_once(rig, client):
    form = {"MessageSid": "SM1", "From": "+15550100", "To": "+15550199", "Body": " CALL "}
    for _ in range(2):
        answer = await client.post(rig.http + "/twilio/sms", data=form)
        assert ElementTree.fromstring(answer.text).tag == "Response"
        assert len(ElementTree.fromstring(answer.text)) == 0
    event = await rig.peers.fact("sms_received")
    assert (event.event_id, event.session_id) == ("SM1", "")
    assert (event.sms_received.from_number, event.sms_received.body) == ("+15550100", " CALL ")


async def test_sms_status_becomes_a_fact(rig, client):
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"}
    assert (await client.post(rig.http + "/twilio/sms-status?session=session-7", data=form)).status_code == 204
    event = await rig.peers.fact("sms_delivered")
    assert (event.event_id, event.session_id) == ("SM1/undelivered", "session-7")
    assert (event.sms_delivered.status, event.sms_delivered.error_code) == ("undelivered", "30003")


async def test_requests_without_their_identity(rig, client):
    assert (await client.post(rig.http + "/twilio/voice", data={"From": "+1"})).status_code == 400
    assert (await client.post(rig.http + "/twilio/sms", content=b"\xff\x00")).status_code == 400
    assert (await client.post(rig.http + "/twilio/voice", data={"x": "y" * 70_000})).status_code == 400
    assert (await client.post(rig.http + "/twilio/voice", content=b"a&" * 2000)).status_code == 400


async def test_production_serves_only_what_it_can_check(make_rig, client):
    rig = await make_rig(environment="production", audiocodes_tokens="secret")
    assert (await client.post(rig.http + "/twilio/voice", data=RINGING)).status_code == 404
    with pytest.raises(WSHandshakeError) as refused:
        await TwilioPeer().open(rig.ws + "/twilio/media")
    assert refused.value.response.status == 404
    assert (await client.get(rig.http + "/audiocodes")).status_code == 401


async def test_a_leg_that_returns_while_session_is_out_asks_again(rig, client):
    rig.session.failures = [RpcError(StatusCode.INTERNAL, "broken")]
    answer = await client.post(rig.http + "/twilio/voice?again=3", data=RINGING)
    twiml = ElementTree.fromstring(answer.text)
    assert [verb.tag for verb in twiml] == ["Pause", "Redirect"]
    assert twiml[1].text.endswith("/twilio/voice?again=4")
    answer = await client.post(rig.http + "/twilio/voice?again=21", data=RINGING)
    assert "<Say>" in answer.text


async def test_facts_that_cannot_be_recorded_are_asked_for_again(rig, client, monkeypatch):
    async def out(*args: object) -> None:
        raise BusError("out")

    monkeypatch.setattr(rig.bus, "append", out)
    answer = await client.post(rig.http + "/twilio/sms", data={"MessageSid": "SM1"})
    assert answer.status_code == 503


def test_secrets_outside_development():
    with pytest.raises(ValidationError, match="PUBLIC_URL"):
        GatewaySettings(twilio_auth_token=TOKEN)
    with pytest.raises(ValidationError, match="TWILIO_AUTH_TOKEN or AUDIOCODES_TOKENS"):
        GatewaySettings(environment="production")
    with pytest.raises(ValidationError, match="TWILIO_SIGNATURES"):
        GatewaySettings(environment="production", audiocodes_tokens="secret", twilio_signatures=False)


async def test_rest_tells_how_a_leg_is(rest):
    control = TwilioLegControl("AC1", TOKEN, rest.url)
    for status, expected in [
        ("in-progress", LegStatus.LIVE),
        ("completed", LegStatus.ENDED),
        ("busy", LegStatus.FAILED),
    ]:
        rest.status = status
        assert await control.status("CA1") is expected
    rest.status = ""
    assert await control.status("CA1") is LegStatus.UNKNOWN
    await control.hang_up("CA1")
    assert rest.asked[-1] == ("POST", "/2010-04-01/Accounts/AC1/Calls/CA1.json", "Status=completed")


@pytest.mark.parametrize(
    ("status", "reason"), [("completed", END_REASON_CALLER_HUNG_UP), ("in-progress", END_REASON_LEG_LOST)]
)
async def test_rest_decides_after_the_grace_period(make_rig, client, rest, status, reason):
    rest.status = status
    rig = await make_rig(
        reconnect_grace=0.02,
        twilio_auth_token=TOKEN,
        public_url=PUBLIC,
        twilio_account_sid="AC1",
        twilio_base_url=rest.url,
    )
    twiml = await client.post(rig.http + "/twilio/voice", data=RINGING, headers=sign("/twilio/voice", RINGING))
    upgrade = RequestValidator(TOKEN).compute_signature("wss://gw.example.com/twilio/media", {})
    async with TwilioPeer() as peer:
        await peer.open(rig.ws + "/twilio/media", {"x-twilio-signature": upgrade})
        peer.connected()
        peer.start(**parameters(twiml.text))
        await rig.peers.relay_item("opened")
        peer.drop()
        assert (await rig.peers.fact("call_ended")).call_ended.reason == reason
    assert rest.asked[0][0] == "GET"
    if reason == END_REASON_LEG_LOST:
        assert await asyncio.to_thread(rest.posted.wait, 5)
