"""What `opusagent demo` says before it plays anything."""

import pytest

from simulator.stories import STORIES


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
