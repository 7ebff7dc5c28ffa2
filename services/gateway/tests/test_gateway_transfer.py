"""A human takes the call, or does not: over both wires, on one gateway and across several."""

import asyncio
from urllib.parse import parse_qs
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from chassis.rpc import RpcError, StatusCode
from gateway.domain.transfer import MAX_SUMMARY, is_target, number_in, one_line
from gateway.domain.twilio import dial_outcome
from gateway.ports import LegControl, LegStatus
from gateway.testing_audiocodes import AudioCodesPeer
from gateway.testing_twilio import TwilioPeer
from opusagent.call.v1.call_pb2 import (
    CHANNEL_AUDIOCODES,
    CHANNEL_TWILIO,
    END_REASON_CALLER_HUNG_UP,
    END_REASON_PROVIDER_ERROR,
    END_REASON_TRANSFERRED,
    TRANSFER_OUTCOME_ANSWERED,
    TRANSFER_OUTCOME_BUSY,
    TRANSFER_OUTCOME_FAILED,
    TRANSFER_OUTCOME_NO_ANSWER,
    TransferCall,
)
from opusagent.media.v1.inbox_pb2 import AgentAudio
from opusagent.session.v1.session_pb2 import PendingTransfer

FRAME = bytes(range(160))
HUMAN = "tel:+1-555-0111"
SUMMARY = "Ada Lovelace wants to move her appointment."
WANTED = TransferCall(target=HUMAN, summary=SUMMARY, timeout_s=20)
BACK = {"CallSid": "CA1", "From": "+15550100", "To": "+15550199", "CallStatus": "in-progress", "Direction": "inbound"}


class Rest(LegControl):
    """Twilio's REST, as far as a transfer goes."""

    def __init__(self, works: bool = True) -> None:
        self.works = works
        self.leg = LegStatus.LIVE
        self.transfers: list[tuple[str, TransferCall, str]] = []
        self.asked = asyncio.Event()

    async def status(self, provider_call_id: str) -> LegStatus:
        return self.leg

    async def hang_up(self, provider_call_id: str) -> None: ...

    async def transfer(self, provider_call_id: str, transfer: TransferCall, caller_id: str) -> bool:
        self.transfers.append((provider_call_id, transfer, caller_id))
        self.asked.set()
        return self.works


@pytest.fixture
async def client():
    async with httpx.AsyncClient() as http:
        yield http


async def begin(rig, peer: TwilioPeer, count: int = 1, **parameters: str):
    await peer.open(rig.ws + "/twilio/media")
    peer.connected()
    peer.start(**({"from": "+15550100", "to": "+15550199"} | parameters))
    return await rig.peers.relay_item("opened", count)


async def put_through(rig, peer: TwilioPeer, wanted: TransferCall = WANTED) -> Rest:
    """Begin a call and transfer it; returns once Twilio has torn the stream down for it."""
    rest = Rest()
    rig.app.switchboard.control(CHANNEL_TWILIO, rest)
    opened = await begin(rig, peer)
    rig.peers.say(opened, transfer=wanted)
    await asyncio.wait_for(rest.asked.wait(), 5)
    peer.stop()
    await lose_socket(rig, peer, CHANNEL_TWILIO, peer.call_sid)
    return rest


async def lose_socket(rig, peer, channel, provider_call_id: str) -> None:
    """Drop the socket of a call, and wait until its gateway has noticed."""
    socket = rig.app.switchboard.of_leg(channel, provider_call_id).leg
    peer.drop()
    await socket.wait_closed()


def parameters(twiml: str) -> dict[str, str]:
    return {p.get("name"): p.get("value") for p in ElementTree.fromstring(twiml).iter("Parameter")}


def kinds(rig) -> list[str]:
    return [event.WhichOneof("fact") for event in rig.peers.facts]


# ---- Twilio


async def test_the_human_is_rung_when_everything_was_said(rig):
    rest = Rest()
    rig.app.switchboard.control(CHANNEL_TWILIO, rest)
    async with TwilioPeer(echo_marks=False) as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, audio=AgentAudio(item_id="wait", audio=FRAME * 3, last=True))
        rig.peers.say(opened, transfer=WANTED)
        mark = (await peer.until(lambda: peer.events("mark")))[0]
        assert not rest.transfers
        peer.echo(mark["mark"]["name"])
        await asyncio.wait_for(rest.asked.wait(), 5)
        assert rest.transfers == [("CA1", WANTED, "+15550199")]
        assert rig.session.of(CHANNEL_TWILIO, "CA1").transfer == PendingTransfer(transfer=WANTED)
        assert (await rig.peers.fact("transfer_started")).transfer_started.target == HUMAN


async def test_rest_is_given_a_dial_that_names_nobody(make_rig, rest):
    base = {"twilio_auth_token": "12345", "twilio_account_sid": "AC1", "twilio_base_url": rest.url}
    rig = await make_rig(public_url="https://gw.example.com", **base)
    form = {**BACK, "CallStatus": "ringing"}
    signature = RequestValidator("12345").compute_signature("https://gw.example.com/twilio/voice", form)
    async with httpx.AsyncClient() as http:
        twiml = await http.post(rig.http + "/twilio/voice", data=form, headers={"X-Twilio-Signature": signature})
    upgrade = RequestValidator("12345").compute_signature("wss://gw.example.com/twilio/media", {})
    async with TwilioPeer() as peer:
        await peer.open(rig.ws + "/twilio/media", {"x-twilio-signature": upgrade})
        peer.connected()
        peer.start(**parameters(twiml.text))
        rig.peers.say(await rig.peers.relay_item("opened"), transfer=WANTED)
        assert await asyncio.to_thread(rest.posted.wait, 5)
    method, path, body = rest.asked[-1]
    assert (method, path) == ("POST", "/2010-04-01/Accounts/AC1/Calls/CA1.json")
    document = ElementTree.fromstring(parse_qs(body)["Twiml"][0])
    dial, number = document[0], document[0][0]
    assert dial.attrib == {
        "action": "https://gw.example.com/twilio/dialed",
        "method": "POST",
        "timeout": "20",
        "answerOnBridge": "true",
        "callerId": "+15550199",
    }
    assert (number.tag, number.text) == ("Number", "+15550111")
    assert number.get("url") == "https://gw.example.com/twilio/whisper?call=CA1"
    assert "Ada" not in body
    assert "5550100" not in body


async def test_a_sip_target_is_dialled_as_such(rig, client):
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, transfer=TransferCall(target="sip:desk@example.com"))
        await peer.until_closed()
    answer = await client.post(rig.http + "/twilio/voice?again=1", data=BACK)
    dial = ElementTree.fromstring(answer.text)[0]
    assert (dial[0].tag, dial[0].text, dial.get("timeout")) == ("Sip", "sip:desk@example.com", "25")


async def test_an_answered_transfer_is_no_drop(rig, client):
    async with TwilioPeer() as peer:
        rest = await put_through(rig, peer)
    assert rig.app.switchboard.of_leg(CHANNEL_TWILIO, "CA1").leg is None
    assert kinds(rig) == ["call_started", "transfer_started"]
    whisper = await client.post(rig.http + "/twilio/whisper?call=CA1", data={"CallSid": "CA2", "ParentCallSid": "CA1"})
    assert [(verb.tag, verb.text) for verb in ElementTree.fromstring(whisper.text)] == [("Say", SUMMARY)]
    done = await client.post(
        rig.http + "/twilio/dialed", data=BACK | {"DialCallStatus": "completed", "DialBridged": "true"}
    )
    assert [verb.tag for verb in ElementTree.fromstring(done.text)] == ["Hangup"]
    ended = (await rig.peers.fact("call_ended")).call_ended
    assert (ended.reason, ended.detail) == (END_REASON_TRANSFERRED, "dial completed")
    result = (await rig.peers.relay_item("transferred")).transferred
    told = await rig.peers.engine_item("transferred")
    assert result.outcome == TRANSFER_OUTCOME_ANSWERED
    assert told.transferred == result
    assert told.event_id == result.event_id == "call-1/t1"
    assert (await rig.peers.relay_item("closed")).closed.reason == END_REASON_TRANSFERRED
    assert kinds(rig) == ["call_started", "transfer_started", "transfer_ended", "call_ended"]
    assert len(rest.transfers) == 1


async def bring_back(rig, client, status: str, path: str = "/twilio/dialed") -> dict[str, str]:
    """The human was not reached: returns the parameters of the stream that the caller is brought back by."""
    answer = await client.post(rig.http + path, data=BACK | {"DialCallStatus": status, "DialBridged": "false"})
    assert [verb.tag for verb in ElementTree.fromstring(answer.text)] == ["Connect", "Redirect"]
    given = parameters(answer.text)
    assert "summary" not in answer.text.lower()
    return given


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("busy", TRANSFER_OUTCOME_BUSY),
        ("no-answer", TRANSFER_OUTCOME_NO_ANSWER),
        ("failed", TRANSFER_OUTCOME_FAILED),
        ("completed", TRANSFER_OUTCOME_NO_ANSWER),
    ],
)
async def test_who_is_not_reached_brings_the_caller_back(rig, client, status, outcome):
    async with TwilioPeer() as peer:
        await put_through(rig, peer)
    given = await bring_back(rig, client, status)
    async with TwilioPeer(stream_sid="MZ2") as peer:
        again = await begin(rig, peer, 2, **given)
        assert again.opened.reattached
        result = (await rig.peers.relay_item("transferred")).transferred
        assert result.outcome == outcome
        told = await rig.peers.engine_item("transferred")
        assert (told.transferred.outcome, told.event_id) == (outcome, "call-1/t10001")
        order = [item.WhichOneof("body") for item in rig.peers.relay]
        assert order == ["opened", "opened", "transferred"]
        peer.media(FRAME)
        await rig.peers.relay_item("audio")
        rig.peers.say(again, 2, audio=AgentAudio(item_id="sorry", audio=FRAME, last=True))
        await peer.until(lambda: peer.audio() == FRAME)
        peer.stop()
        assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_CALLER_HUNG_UP
    assert kinds(rig) == ["call_started", "transfer_started", "call_reattached", "transfer_ended", "call_ended"]


async def test_a_second_transfer_after_the_first_failed(rig, client):
    async with TwilioPeer() as peer:
        rest = await put_through(rig, peer)
    given = await bring_back(rig, client, "busy")
    rest.asked.clear()
    async with TwilioPeer(stream_sid="MZ2") as peer:
        again = await begin(rig, peer, 2, **given)
        rig.peers.say(again, 2, transfer=WANTED)
        await asyncio.wait_for(rest.asked.wait(), 5)
        assert len(rest.transfers) == 2


@pytest.mark.parametrize("answered", [False, True])
async def test_the_leg_may_end_while_the_caller_is_away(rig, client, answered):
    async with TwilioPeer() as peer:
        await put_through(rig, peer)
    if answered:
        await client.post(rig.http + "/twilio/whisper?call=CA1", data={"CallSid": "CA2"})
    await client.post(rig.http + "/twilio/status", data={"CallSid": "CA1", "CallStatus": "completed"})
    ended = (await rig.peers.fact("call_ended")).call_ended
    assert ended.reason == (END_REASON_TRANSFERRED if answered else END_REASON_CALLER_HUNG_UP)
    outcome = (await rig.peers.relay_item("transferred")).transferred.outcome
    assert outcome == (TRANSFER_OUTCOME_ANSWERED if answered else TRANSFER_OUTCOME_NO_ANSWER)
    late = await client.post(rig.http + "/twilio/dialed", data=BACK | {"DialCallStatus": "no-answer"})
    assert [verb.tag for verb in ElementTree.fromstring(late.text)] == ["Hangup"]


async def test_a_leg_that_fails_while_it_rings(rig, client):
    async with TwilioPeer() as peer:
        await put_through(rig, peer)
    await client.post(rig.http + "/twilio/status", data={"CallSid": "CA1", "CallStatus": "failed"})
    assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_PROVIDER_ERROR


async def test_what_the_caller_says_while_he_waits_is_nobodys_business(rig):
    rest = Rest()
    rig.app.switchboard.control(CHANNEL_TWILIO, rest)
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, transfer=WANTED)
        await asyncio.wait_for(rest.asked.wait(), 5)
        for _ in range(3):
            peer.media(FRAME)
        peer.dtmf("5")
        rig.peers.say(opened, audio=AgentAudio(item_id="late", audio=FRAME, last=True))
        heard = await rig.peers.relay_item("heard")
        assert heard.heard.flushed
        assert not [item for item in rig.peers.relay if item.HasField("audio") or item.HasField("key")]
        assert rig.app.switchboard.of_leg(CHANNEL_TWILIO, "CA1").media_ms == 60
        assert not peer.audio()


async def test_without_rest_the_stream_is_closed_and_twilio_asks(rig, client):
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, transfer=WANTED)
        await peer.until_closed()
    answer = await client.post(rig.http + "/twilio/voice?again=1", data=BACK)
    dial = ElementTree.fromstring(answer.text)[0]
    assert (dial.tag, dial[0].text) == ("Dial", "+15550111")
    twice = await client.post(rig.http + "/twilio/voice?again=1", data=BACK)
    assert [verb.tag for verb in ElementTree.fromstring(twice.text)] == ["Pause", "Redirect"]
    given = await bring_back(rig, client, "busy")
    assert given["transfer"] == "busy"
    assert kinds(rig) == ["call_started", "transfer_started"]


async def test_any_replica_can_serve_a_transfer(make_rig, client):
    first, second = await make_rig(), await make_rig()
    async with TwilioPeer() as peer:
        await put_through(first, peer)
    whisper = await client.post(second.http + "/twilio/whisper?call=CA1", data={"CallSid": "CA2"})
    assert SUMMARY in whisper.text
    assert second.session.of(CHANNEL_TWILIO, "CA1").transfer.answered
    await client.post(second.http + "/twilio/dialed", data=BACK | {"DialCallStatus": "completed"})
    ended = await second.peers.fact("call_ended")
    assert ended.call_ended.reason == END_REASON_TRANSFERRED
    assert (await second.peers.relay_item("closed")).head.generation == 2
    assert (await second.peers.engine_item("transferred")).transferred.outcome == TRANSFER_OUTCOME_ANSWERED


async def test_the_leg_ends_at_another_replica_after_a_talk(make_rig, client):
    first, second = await make_rig(), await make_rig()
    async with TwilioPeer() as peer:
        await put_through(first, peer)
    await client.post(second.http + "/twilio/whisper?call=CA1", data={"CallSid": "CA2"})
    await client.post(second.http + "/twilio/status", data={"CallSid": "CA1", "CallStatus": "completed"})
    assert (await second.peers.fact("call_ended")).call_ended.reason == END_REASON_TRANSFERRED


async def test_the_owner_learns_from_session_that_the_human_picked_up(make_rig, client):
    first, second = await make_rig(), await make_rig()
    async with TwilioPeer() as peer:
        await put_through(first, peer)
    await client.post(second.http + "/twilio/whisper?call=CA1", data={"CallSid": "CA2"})
    await client.post(first.http + "/twilio/status", data={"CallSid": "CA1", "CallStatus": "completed"})
    assert (await first.peers.fact("call_ended")).call_ended.reason == END_REASON_TRANSFERRED


async def test_the_caller_is_brought_back_to_another_replica(make_rig, client):
    first, second = await make_rig(), await make_rig()
    async with TwilioPeer() as peer:
        await put_through(first, peer)
    given = await bring_back(second, client, "no-answer")
    async with TwilioPeer(stream_sid="MZ2") as peer:
        again = await begin(second, peer, 2, **given)
        assert again.head.generation == 2
        result = await second.peers.relay_item("transferred")
        assert (result.transferred.outcome, result.head.generation) == (TRANSFER_OUTCOME_NO_ANSWER, 2)


async def test_another_replica_dials_where_the_first_could_not(make_rig, client):
    first, second = await make_rig(), await make_rig()
    async with TwilioPeer() as peer:
        opened = await begin(first, peer)
        first.peers.say(opened, transfer=WANTED)
        await peer.until_closed()
    answer = await client.post(second.http + "/twilio/voice?again=1", data=BACK)
    assert ElementTree.fromstring(answer.text)[0].tag == "Dial"


async def test_a_gateway_that_dies_in_a_transfer_leaves_the_caller_with_the_agent(make_rig, client):
    first, second = await make_rig(), await make_rig()
    async with TwilioPeer() as peer:
        await put_through(first, peer)
    await first.app.stop()
    async with TwilioPeer(stream_sid="MZ2") as peer:
        await begin(second, peer, 2)
        result = await second.peers.relay_item("transferred")
        assert result.transferred.outcome == TRANSFER_OUTCOME_FAILED


async def test_the_human_is_rung_while_session_is_out(rig, client):
    rest = Rest()
    rig.app.switchboard.control(CHANNEL_TWILIO, rest)
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        rig.session.failures = [RpcError(StatusCode.UNAVAILABLE, "out")]
        rig.peers.say(opened, transfer=WANTED)
        await asyncio.wait_for(rest.asked.wait(), 5)
        whisper = await client.post(rig.http + "/twilio/whisper?call=CA1", data={"CallSid": "CA2"})
        assert SUMMARY in whisper.text


async def test_a_human_for_whom_nobody_waits_is_let_go(rig, client):
    whisper = await client.post(rig.http + "/twilio/whisper?call=CA9", data={"CallSid": "CA2"})
    assert [verb.tag for verb in ElementTree.fromstring(whisper.text)] == ["Hangup"]
    rig.session.failures = [RpcError(StatusCode.INTERNAL, "broken")]
    whisper = await client.post(rig.http + "/twilio/whisper?call=CA1", data={"CallSid": "CA2"})
    assert len(ElementTree.fromstring(whisper.text)) == 0


@pytest.mark.parametrize("path", ["/twilio/dialed", "/twilio/whisper?call=CA1"])
async def test_nobody_but_twilio_may_ask(make_rig, client, path):
    rig = await make_rig(twilio_auth_token="12345", public_url="https://gw.example.com")
    answer = await client.post(rig.http + path, data=BACK | {"DialCallStatus": "completed"})
    assert answer.status_code == 403


async def test_a_stream_cannot_claim_an_outcome_that_was_not_signed(make_rig, client):
    rig = await make_rig(twilio_auth_token="12345", public_url="https://gw.example.com")
    form = {**BACK, "CallStatus": "ringing"}
    signature = RequestValidator("12345").compute_signature("https://gw.example.com/twilio/voice", form)
    twiml = await client.post(rig.http + "/twilio/voice", data=form, headers={"X-Twilio-Signature": signature})
    upgrade = RequestValidator("12345").compute_signature("wss://gw.example.com/twilio/media", {})
    async with TwilioPeer() as peer:
        await peer.open(rig.ws + "/twilio/media", {"x-twilio-signature": upgrade})
        peer.connected()
        peer.start(**(parameters(twiml.text) | {"transfer": "busy"}))
        assert await peer.until_closed() == 1008


@pytest.mark.parametrize("target", ["", "+15550111", "tel:", "tel:abc", "http://example.com", "sip:a b"])
async def test_what_cannot_be_dialled_is_said_at_once(rig, target):
    async with TwilioPeer() as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, transfer=TransferCall(target=target))
        result = (await rig.peers.relay_item("transferred")).transferred
        assert result.outcome == TRANSFER_OUTCOME_FAILED
        peer.media(FRAME)
        await rig.peers.relay_item("audio")


async def test_a_bridged_call_is_looked_after_until_its_leg_has_ended(make_rig, client):
    rig = await make_rig(transfer_wait=0.0, transfer_ring=5)
    async with TwilioPeer() as peer:
        rest = await put_through(rig, peer, TransferCall(target=HUMAN, timeout_s=5))
    call = rig.app.switchboard.of_leg(CHANNEL_TWILIO, "CA1")
    await call._settle()
    assert call.transfers.under_way is not None
    rest.leg = LegStatus.ENDED
    await call.transfers.under_way.picked_up()
    await call._settle()
    assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_TRANSFERRED


# ---- AudioCodes


async def converse(rig, peer: AudioCodesPeer):
    await peer.open(rig.ws + "/audiocodes")
    peer.initiate()
    await peer.until(lambda: peer.of("userStream.started"))
    return await rig.peers.relay_item("opened")


async def hand_over(rig, peer: AudioCodesPeer, summary: str = SUMMARY):
    opened = await converse(rig, peer)
    rig.peers.say(opened, transfer=TransferCall(target=HUMAN, summary=summary))
    await peer.until(lambda: peer.events("transfer"))
    return opened


async def test_vaic_is_asked_with_a_summary_in_a_header(rig):
    async with AudioCodesPeer() as peer:
        await hand_over(rig, peer, "Wants\r\nX-Evil: 1\tto pay.")
        assert peer.events("transfer")[0]["activityParams"] == {
            "transferTarget": HUMAN,
            "handoverReason": "a human is wanted",
            "transferSipHeaders": [{"name": "X-OpusAgent-Summary", "value": "Wants X-Evil: 1 to pay."}],
        }
        peer.tell("session.end", reasonCode="transferred")
        assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_TRANSFERRED
        assert (await rig.peers.relay_item("transferred")).transferred.outcome == TRANSFER_OUTCOME_ANSWERED


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("bot-disconnected", END_REASON_TRANSFERRED),
        ("", END_REASON_TRANSFERRED),
        ("client-disconnected", END_REASON_CALLER_HUNG_UP),
        ("error", END_REASON_CALLER_HUNG_UP),
    ],
)
async def test_the_end_of_a_conversation_that_is_being_handed_over(rig, code, reason):
    async with AudioCodesPeer() as peer:
        await hand_over(rig, peer)
        peer.tell("session.end", reasonCode=code)
        assert (await rig.peers.fact("call_ended")).call_ended.reason == reason


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("busy", TRANSFER_OUTCOME_BUSY),
        ("declined", TRANSFER_OUTCOME_BUSY),
        ("no-answer", TRANSFER_OUTCOME_NO_ANSWER),
        ("error", TRANSFER_OUTCOME_FAILED),
        ("new-in-4.0", TRANSFER_OUTCOME_FAILED),
    ],
)
async def test_control_given_back_after_a_failure(rig, code, outcome):
    async with AudioCodesPeer() as peer:
        opened = await hand_over(rig, peer)
        peer.chunk(FRAME)
        peer.activity(type="event", name="transferStatus", value={"status": "failed", "reasonCode": code})
        result = (await rig.peers.relay_item("transferred")).transferred
        assert (result.outcome, result.event_id) == (outcome, "call-1/t1")
        peer.chunk(FRAME * 2)
        assert (await rig.peers.relay_item("audio")).audio.audio == FRAME * 2
        rig.peers.say(opened, audio=AgentAudio(item_id="sorry", audio=FRAME, last=True))
        await peer.until(lambda: peer.audio() == FRAME)
        known = rig.session.of(CHANNEL_AUDIOCODES, "conv-1")
        await rig.peers.until(lambda: not known.transfer.HasField("transfer"))


async def test_control_given_back_after_an_answer_ends_with_the_session(rig):
    async with AudioCodesPeer() as peer:
        await hand_over(rig, peer)
        peer.activity(type="event", name="transferStatus", value={"status": "answered"})
        peer.tell("session.end", reasonCode="client-disconnected")
        assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_TRANSFERRED


@pytest.mark.parametrize("value", [None, "failed", {}, {"status": "maybe"}, {"status": 7}])
async def test_a_status_that_is_none_changes_nothing(rig, value):
    async with AudioCodesPeer() as peer:
        await hand_over(rig, peer)
        peer.activity(type="event", name="transferStatus", value=value)
        peer.tell("session.end", reasonCode="transferred")
        assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_TRANSFERRED
        assert len([item for item in rig.peers.relay if item.HasField("transferred")]) == 1


async def test_a_transfer_of_which_nothing_is_heard_ends_by_itself(make_rig):
    rig = await make_rig(transfer_wait=0.0)
    async with AudioCodesPeer() as peer:
        await hand_over(rig, peer)
        call = rig.app.switchboard.of_leg(CHANNEL_AUDIOCODES, "conv-1")
        await call._settle()
        assert (await rig.peers.relay_item("transferred")).transferred.outcome == TRANSFER_OUTCOME_FAILED
        assert call.transfers.under_way is None


async def test_a_socket_that_closes_in_a_transfer_is_no_lost_one(make_rig):
    rig = await make_rig(transfer_wait=0.0)
    async with AudioCodesPeer() as peer:
        await hand_over(rig, peer)
        call = rig.app.switchboard.of_leg(CHANNEL_AUDIOCODES, "conv-1")
        await lose_socket(rig, peer, CHANNEL_AUDIOCODES, "conv-1")
        await call._settle()
        assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_TRANSFERRED
    assert "socket_lost" not in kinds(rig)


# ---- pure


@given(st.text(max_size=2000))
def test_a_summary_is_one_printable_line(text):
    line = one_line(text)
    assert len(line) <= MAX_SUMMARY
    assert not line or line.isprintable()
    assert one_line(line) == line


@given(st.text(max_size=60))
def test_any_target_is_dialled_as_digits_or_not_at_all(text):
    number = number_in(text)
    assert not number or set(number) <= set("+0123456789*#")
    assert not number or is_target(text)


@pytest.mark.parametrize("target", ["tel:+15550111", "TEL:+1-555-0111", "tel:(555) 0111", "tel:112"])
def test_numbers_of_targets(target):
    assert is_target(target)
    assert number_in(target) in ("+15550111", "5550111", "112")


@pytest.mark.parametrize(
    ("status", "bridged", "outcome"),
    [
        ("completed", "", TRANSFER_OUTCOME_ANSWERED),
        ("answered", "true", TRANSFER_OUTCOME_ANSWERED),
        ("completed", "False", TRANSFER_OUTCOME_NO_ANSWER),
        ("canceled", "", TRANSFER_OUTCOME_NO_ANSWER),
        ("", "", TRANSFER_OUTCOME_FAILED),
    ],
)
def test_dial_outcomes(status, bridged, outcome):
    assert dial_outcome(status, bridged) == outcome
