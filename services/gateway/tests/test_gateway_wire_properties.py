"""Parsers and automata under anything at all."""

import base64
from contextlib import suppress
from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain import audiocodes, audiocodes_messages, twilio
from gateway.domain.call import STEPS, CallState, LegEvent, Phase
from gateway.domain.numbers import masked, telephone_number
from gateway.domain.recent import RecentAudio
from gateway.domain.wire import Malformed, ProtocolViolation

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
TWILIO_KEYS = st.sampled_from(["event", "streamSid", "media", "start", "mark", "dtmf", "stop", "sequenceNumber"])
TWILIO_BODY = st.dictionaries(
    st.sampled_from(
        ["payload", "timestamp", "callSid", "streamSid", "mediaFormat", "customParameters", "digit", "name"]
    ),
    JSON,
)
TWILIO_LIKE = st.dictionaries(TWILIO_KEYS, JSON | TWILIO_BODY | st.sampled_from([*sorted(twilio._READERS), "media"]))
AC_KEYS = st.sampled_from(
    ["type", "conversationId", "audioChunk", "activities", "supportedMediaFormats", "participant"]
)
AC_LIKE = st.dictionaries(AC_KEYS, JSON | st.sampled_from([*sorted(audiocodes_messages._READERS), "userStream.chunk"]))


@given(st.binary(max_size=200) | (JSON | TWILIO_LIKE).map(orjson.dumps))
def test_any_bytes_are_an_event_or_a_named_error_on_twilio(message):
    stream = twilio.Stream()
    before = stream.state
    event = None
    with suppress(Malformed, ProtocolViolation):
        event = stream.receive(message)
    assert isinstance(event, twilio.Connected | twilio.Unknown | None)
    assert (stream.state is not before) == isinstance(event, twilio.Connected)


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=60) | (JSON | TWILIO_LIKE).map(orjson.dumps), max_size=20))
def test_a_stream_survives_any_conversation(messages):
    stream = twilio.Stream()
    for message in [b'{"event":"connected"}', _start("MZ"), *messages]:
        try:
            stream.receive(message)
        except (Malformed, ProtocolViolation):
            continue
        assert stream.state in twilio.ORDER


@given(st.binary(max_size=200) | (JSON | AC_LIKE).map(orjson.dumps))
def test_any_bytes_are_an_event_or_a_named_error_on_audiocodes(message):
    for state in audiocodes.State:
        conversation = audiocodes.Conversation()
        conversation.state = state
        event = None
        with suppress(Malformed, ProtocolViolation):
            event = conversation.receive(message)
        assert event is not None or conversation.state is state


def _start(sid: str) -> bytes:
    media = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    return orjson.dumps({"event": "start", "start": {"streamSid": sid, "callSid": "CA", "mediaFormat": media}})


@given(st.text(min_size=1, max_size=40), st.binary(max_size=400))
def test_what_is_sent_to_twilio_is_json_with_the_sid_as_given(sid, audio):
    stream = twilio.Stream()
    stream.receive(b'{"event":"connected","protocol":"Call"}')
    stream.receive(_start(sid))
    media = orjson.loads(stream.media(audio))
    assert media == {"event": "media", "streamSid": sid, "media": {"payload": base64.b64encode(audio).decode()}}
    assert orjson.loads(stream.clear()) == {"event": "clear", "streamSid": sid}
    assert orjson.loads(stream.mark("7")) == {"event": "mark", "streamSid": sid, "mark": {"name": "7"}}


@given(st.lists(st.binary(max_size=7), max_size=30))
def test_odd_chunks_become_whole_samples_and_lose_nothing(pieces):
    conversation = audiocodes.Conversation()
    conversation.accepted(audiocodes.PCM16_16K)
    out = [conversation.samples(audiocodes_messages.Chunk(piece, "")) for piece in pieces]
    joined = b"".join(pieces)
    assert all(len(piece) % 2 == 0 for piece in out)
    assert b"".join(out) == joined[: len(joined) // 2 * 2]


@given(st.lists(st.sampled_from(list(LegEvent)), max_size=30))
def test_a_call_ends_at_most_once_and_stays_ended(events):
    state = CallState()
    ends = [step.end for step in map(state.step, events) if step.end]
    assert len(ends) <= 1
    assert (state.phase is Phase.ENDED) == bool(ends)


def test_the_table_is_whole():
    assert set(STEPS) == set(Phase)
    for steps in STEPS.values():
        assert set(steps) == set(LegEvent)


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 2000))))
def test_recent_audio_is_bounded_and_contiguous(steps):
    recent = RecentAudio(bytes_per_ms=8, keep_ms=100)
    media_ms = 0
    for ms, heard in steps:
        recent.append(media_ms, bytes(ms * 8))
        media_ms += ms
        recent.heard_through(min(heard, media_ms))
        kept = list(recent)
        assert recent.size == sum(len(audio) for _, audio in kept) <= 800
        assert all(at + len(audio) // 8 == following for (at, audio), (following, _) in pairwise(kept))


@pytest.mark.parametrize(
    ("party", "number"),
    [
        ("+15550100", "+15550100"),
        ("tel:+15550100", "+15550100"),
        ("sip:+15550100@host;transport=tls", "+15550100"),
        ("anonymous", ""),
        ("+266696687", ""),
        ("sip:bob@host", ""),
        ("", ""),
    ],
)
def test_numbers(party, number):
    assert telephone_number(party) == number


@given(st.text(max_size=40))
def test_masked_numbers_show_two_digits(number):
    assert len(masked(number)) <= 3
