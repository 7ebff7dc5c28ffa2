import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.twilio import twiml

STREAM = """<?xml version="1.0" encoding="UTF-8"?>
<Response>
<Connect action="/after"><Stream url="wss://gw/twilio/media"><Parameter name="nonce" value="a&amp;b"/></Stream>
</Connect><Redirect method="POST">/twilio/voice</Redirect></Response>"""


def test_a_document_is_read_verb_by_verb() -> None:
    connect, redirect = twiml.parse(STREAM)
    assert (connect.name, connect.attributes) == ("Connect", {"action": "/after"})
    stream = connect.noun("Stream")
    assert stream is not None
    assert stream.attributes["url"] == "wss://gw/twilio/media"
    assert stream.parameters() == {"nonce": "a&b"}
    assert (redirect.name, redirect.text) == ("Redirect", "/twilio/voice")


@pytest.mark.parametrize(
    "document",
    ["", "<Response>", "<Answer/>", "{}", "<!DOCTYPE r [<!ENTITY x 'y'>]><Response/>", "<Response>" + "x" * 70_000],
)
def test_what_is_no_document_is_refused(document: str) -> None:
    with pytest.raises(twiml.TwimlError):
        twiml.parse(document)


@given(st.binary())
def test_garbage_is_refused_in_words(document: bytes) -> None:
    with pytest.raises(twiml.TwimlError):
        twiml.parse(document)
