"""Golden conversations over AudioCodes' wire, both directions, against a real server."""

import httpx
import pytest
from picows import WSCloseCode, WSHandshakeError

from gateway.testing_audiocodes import ALL_FORMATS, AudioCodesPeer
from opusagent.call.v1.call_pb2 import (
    ENCODING_MULAW,
    ENCODING_PCM16,
    END_REASON_AGENT_HUNG_UP,
    END_REASON_CALLER_HUNG_UP,
    END_REASON_LEG_LOST,
    END_REASON_TRANSFERRED,
)
from opusagent.media.v1.inbox_pb2 import (
    SPEECH_PHASE_COMMITTED,
    SPEECH_PHASE_STARTED,
    SPEECH_PHASE_STOPPED,
    AgentAudio,
    CallerSpeech,
    CallerTranscript,
    Flush,
    HangUpCall,
)

FRAME = bytes(range(160))


async def begin(rig, peer: AudioCodesPeer, formats=None, **fields):
    """Start a conversation and return its `CallOpened` item."""
    await peer.open(rig.ws + "/audiocodes")
    peer.initiate(formats, **fields)
    await peer.until(lambda: peer.of("userStream.started"))
    return await rig.peers.relay_item("opened")


async def test_a_whole_call(rig):
    async with AudioCodesPeer() as peer:
        opened = await begin(rig, peer)
        call = opened.opened.call
        assert peer.messages[0] == {"type": "session.accepted", "mediaFormat": "raw/mulaw"}
        assert (call.caller, call.callee, call.format.encoding) == ("+15550100", "clinic", ENCODING_MULAW)
        peer.activity(type="event", name="start", id="1", parameters={"callee": "clinic"})
        await peer.until(lambda: peer.events("config"))
        assert peer.events("config")[0]["sessionParams"]["bargeIn"] is True

        peer.chunk(FRAME * 5)
        await rig.peers.relay_item("audio")
        assert rig.peers.audio_of(call.call_id) == FRAME * 5

        rig.peers.say(opened, audio=AgentAudio(item_id="a", audio=FRAME * 3, last=True))
        rig.peers.say(opened, audio=AgentAudio(item_id="b", audio=FRAME * 2, last=True))
        ended = await rig.peers.until(lambda: [i.heard for i in rig.peers.relay if i.heard.ended][1:2])
        assert (ended[0].item_id, ended[0].heard_ms, ended[0].flushed) == ("b", 40, False)
        plays = [message for message in peer.messages if message["type"].startswith("playStream")]
        assert [(m["type"].removeprefix("playStream."), m["streamId"]) for m in plays] == [
            ("start", "1.1"),
            *[("chunk", "1.1")] * 3,
            ("stop", "1.1"),
            ("start", "1.2"),
            *[("chunk", "1.2")] * 2,
            ("stop", "1.2"),
        ]
        assert plays[0]["mediaFormat"] == "raw/mulaw"

        peer.activity(type="event", name="dtmf", value="12#")
        third = await rig.peers.engine_item("key", 3)
        assert (third.key.digit, third.event_id) == ("#", f"{call.call_id}/k3")

        rig.peers.say(opened, hang_up=HangUpCall(reason=END_REASON_AGENT_HUNG_UP, detail="goodbye"))
        await peer.until(lambda: peer.events("hangup"))
        assert peer.events("hangup")[0]["activityParams"] == {"hangupReason": "goodbye"}
        assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_AGENT_HUNG_UP
        assert await peer.until_closed() is WSCloseCode.OK


async def test_barge_in(rig):
    async with AudioCodesPeer() as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, audio=AgentAudio(item_id="long", audio=FRAME * 500))
        await peer.until(lambda: peer.of("playStream.chunk"))
        rig.peers.say(opened, speech=CallerSpeech(phase=SPEECH_PHASE_STARTED))
        rig.peers.say(opened, transcript=CallerTranscript(text="no", final=False))
        rig.peers.say(opened, flush=Flush())
        await peer.until(lambda: peer.events("abortPrompts"))
        after = [m["type"] for m in peer.messages][-3:]
        assert after == ["playStream.stop", "userStream.speech.started", "activities"]
        heard = await rig.peers.until(lambda: [i.heard for i in rig.peers.relay if i.heard.flushed])
        assert heard[0].item_id == "long"
        rig.peers.say(opened, speech=CallerSpeech(phase=SPEECH_PHASE_STOPPED))
        rig.peers.say(opened, speech=CallerSpeech(phase=SPEECH_PHASE_COMMITTED))
        rig.peers.say(opened, transcript=CallerTranscript(text="no, wait", final=True, confidence=0.5))
        await peer.until(lambda: peer.of("userStream.speech.recognition"))
        assert [m["type"].removeprefix("userStream.speech.") for m in peer.messages[-3:]] == [
            "stopped",
            "committed",
            "recognition",
        ]
        assert peer.messages[-1]["alternatives"] == [{"text": "no, wait", "confidence": 0.5}]


async def test_speech_while_nothing_plays(rig):
    async with AudioCodesPeer() as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, speech=CallerSpeech(phase=SPEECH_PHASE_STARTED))
        rig.peers.say(opened, transcript=CallerTranscript(text="hel"))
        await peer.until(lambda: peer.of("userStream.speech.hypothesis"))
        assert [m["type"] for m in peer.messages[-2:]] == ["userStream.speech.started", "userStream.speech.hypothesis"]


async def test_caller_hangs_up(rig):
    async with AudioCodesPeer() as peer:
        await begin(rig, peer)
        peer.tell("session.end", reasonCode="client-disconnected", reason="Client Side")
        ended = (await rig.peers.fact("call_ended")).call_ended
        assert ended.reason == END_REASON_CALLER_HUNG_UP
        assert "client-disconnected" in ended.detail
        assert await peer.until_closed() is WSCloseCode.OK


async def test_hang_up_waits_for_play_finished(rig):
    async with AudioCodesPeer(finishes=True) as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, audio=AgentAudio(item_id="bye", audio=FRAME * 4, last=True))
        rig.peers.say(opened, hang_up=HangUpCall(reason=END_REASON_AGENT_HUNG_UP))
        await peer.until(lambda: peer.events("hangup"))
        assert peer.audio() == FRAME * 4
        assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_AGENT_HUNG_UP


async def test_a_relay_of_an_earlier_version_transfers_by_a_hang_up(rig):
    async with AudioCodesPeer() as peer:
        opened = await begin(rig, peer)
        rig.peers.say(opened, hang_up=HangUpCall(reason=END_REASON_TRANSFERRED, detail="tel:+15550111"))
        await peer.until(lambda: peer.events("transfer"))
        assert peer.events("transfer")[0]["activityParams"]["transferTarget"] == "tel:+15550111"
        peer.tell("session.end", reasonCode="transferred")
        assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_TRANSFERRED


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_session_resume(make_rig, elsewhere):
    first = await make_rig()
    second = await make_rig() if elsewhere else first
    async with AudioCodesPeer() as peer:
        opened = await begin(first, peer, ["raw/lpcm16", "raw/lpcm16_24"])
        assert opened.opened.call.format.sample_rate_hz == 24000
        first.peers.say(opened, audio=AgentAudio(item_id="cut", audio=bytes(48000)))
        await peer.until(lambda: peer.of("playStream.chunk"))
        peer.drop()
        await first.peers.fact("socket_lost")
    async with AudioCodesPeer() as again:
        await again.open(second.ws + "/audiocodes")
        again.tell("session.resume")
        await again.until(lambda: again.of("userStream.started"))
        assert again.messages[0] == {"type": "session.accepted", "mediaFormat": "raw/lpcm16_24"}
        reopened = await first.peers.relay_item("opened", 2)
        assert reopened.opened.reattached
        assert reopened.head.generation == 2
        again.chunk(b"\x01")
        again.chunk(b"\x02\x03")
        again.chunk(b"\x04" * 3)
        await first.peers.relay_item("audio", 2)
        assert first.peers.audio_of(opened.head.call_id) == b"\x01\x02\x03\x04\x04\x04"
        first.peers.say(reopened, audio=AgentAudio(item_id="again", audio=bytes(960), last=True))
        await again.until(lambda: again.of("playStream.stop"))
        ids = {m["streamId"] for p in (peer, again) for m in p.of("playStream.start")}
        assert len(ids) == 2


async def test_resume_of_an_unknown_conversation(rig):
    async with AudioCodesPeer("nobody") as peer:
        await peer.open(rig.ws + "/audiocodes")
        peer.tell("session.resume")
        await peer.until_closed()
        assert peer.messages == [{"type": "session.error", "reason": "conversation not found"}]


async def test_socket_lost_for_good(make_rig):
    rig = await make_rig(reconnect_grace=0.05)
    async with AudioCodesPeer() as peer:
        await begin(rig, peer)
        peer.drop()
        assert (await rig.peers.fact("call_ended")).call_ended.reason == END_REASON_LEG_LOST


async def test_connection_validation(make_rig):
    rig = await make_rig(audiocodes_tokens="one, two")
    async with httpx.AsyncClient() as client:
        assert (await client.get(rig.http + "/audiocodes")).status_code == 401
        answer = await client.get(rig.http + "/audiocodes", headers={"Authorization": "Bearer two"})
        assert (answer.status_code, answer.text) == (200, '{"type":"ac-bot-api","success":true}')
    async with AudioCodesPeer() as peer:
        await peer.open(rig.ws + "/audiocodes", {"Authorization": "Bearer one"})
        peer.send({"type": "connection.validate"})
        await peer.until(lambda: peer.messages)
        assert peer.messages == [{"type": "connection.validated", "success": True}]
    for headers in ({}, {"Authorization": "Bearer three"}, {"Authorization": "Basic one"}):
        with pytest.raises(WSHandshakeError) as refused:
            await AudioCodesPeer().open(rig.ws + "/audiocodes", headers)
        assert refused.value.response.status == 401


@pytest.mark.parametrize(
    ("offered", "chosen", "encoding"),
    [
        (ALL_FORMATS, "raw/mulaw", ENCODING_MULAW),
        (["raw/lpcm16", "raw/lpcm16_24"], "raw/lpcm16_24", ENCODING_PCM16),
        (["raw/lpcm16_8", "raw/lpcm16"], "raw/lpcm16", ENCODING_PCM16),
    ],
)
async def test_the_best_format_is_chosen(rig, offered, chosen, encoding):
    async with AudioCodesPeer() as peer:
        opened = await begin(rig, peer, offered)
        assert peer.messages[0]["mediaFormat"] == chosen
        assert opened.opened.call.format.encoding == encoding


@pytest.mark.parametrize(
    "fields",
    [{"supportedMediaFormats": ["wav/lpcm16"]}, {"supportedMediaFormats": []}, {"expectAudioMessages": False}],
)
async def test_what_cannot_be_served_is_declined(rig, fields):
    async with AudioCodesPeer() as peer:
        await peer.open(rig.ws + "/audiocodes")
        peer.initiate(**fields)
        assert await peer.until_closed() is WSCloseCode.UNSUPPORTED_DATA
        assert [message["type"] for message in peer.messages] == ["session.error"]
        assert not rig.session.requests
