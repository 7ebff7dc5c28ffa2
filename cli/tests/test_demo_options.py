"""What `opusagent demo` says before it plays anything."""

import socket
from collections.abc import Iterator

import pytest

from opusagent_cli.visiting import telephoned
from simulator.stories import STORIES, Check, StoryReport


def test_help_names_every_story(opusagent) -> None:
    said = opusagent("demo", "--help")
    assert said.code == 0
    words = said.out.replace(",", " ").replace(".", " ").split()
    assert set(STORIES) <= set(words)


@pytest.mark.parametrize(
    ("option", "value", "known"), [("--story", "happy-end", "handoff-busy"), ("--protocol", "sip", "audiocodes")]
)
def test_a_slip_is_told_with_what_there_is(opusagent, option: str, value: str, known: str) -> None:
    said = opusagent("demo", option, value)
    assert said.code == 1
    assert value in said.err
    assert known in said.err


@pytest.fixture
def listening() -> Iterator[str]:
    """The URL of something that listens, and is no OpusAgent."""
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        there.listen()
        yield f"http://127.0.0.1:{there.getsockname()[1]}"


def test_a_system_that_is_not_there_is_told_before_anything_is_played(opusagent) -> None:
    said = opusagent("demo", "--url", "http://127.0.0.1:9", "--session", "127.0.0.1:9")
    assert said.code == 1
    assert "nothing takes calls at http://127.0.0.1:9" in said.err
    assert "opusagent up" in said.err


def test_a_session_service_that_does_not_answer_is_told(opusagent, listening: str) -> None:
    said = opusagent("demo", "--url", listening, "--session", "127.0.0.1:9")
    assert said.code == 1
    assert "session does not answer at 127.0.0.1:9" in said.err


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ws://127.0.0.1:8080"])
def test_a_url_that_is_none_is_told(opusagent, url: str) -> None:
    said = opusagent("demo", "--url", url)
    assert said.code == 1
    assert "is not http://HOST:PORT" in said.err


@pytest.mark.parametrize(
    ("check", "reached"),
    [(Check("an SMS arrives", True), True), (Check("an SMS arrives", False), False), (Check("it greets", True), False)],
)
def test_a_system_that_telephones_elsewhere_is_known_by_what_did_not_arrive(check: Check, reached: bool) -> None:
    assert telephoned(StoryReport("ringback", "twilio", [check])) is reached
