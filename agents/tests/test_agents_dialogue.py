"""Every agent's conversations in dialogue style: a stand-in of the model, the relay's real way to the real engine."""

import asyncio
from pathlib import Path

import pytest

from fsa_engine.domain.loading import load_agent
from fsa_engine.domain.scripts import Script, load_scripts
from opusagent_cli.agent.dialogue.player import hold
from opusagent_cli.agent.files import handed_over_to

AGENTS = Path(__file__).parents[1]
NAMES = sorted(folder.parent.name for folder in AGENTS.glob("*/agent.yaml"))
FEW = 2
AT_ONCE = 2


async def failures(name: str, scripts: list[Script]) -> list[str]:
    """Hold conversations, a few at once."""
    file = AGENTS / name / "agent.yaml"
    files = [file, *handed_over_to(file, load_agent(file))]
    turnstile = asyncio.Semaphore(AT_ONCE)

    async def one(script: Script) -> list[str]:
        async with turnstile:
            return (await hold(script, files)).failures

    return [failure for each in await asyncio.gather(*map(one, scripts)) for failure in each]


def scripts_of(name: str) -> list[Script]:
    return [script for script in load_scripts(AGENTS / name / "conversations.yaml") if not script.rules_only]


@pytest.mark.parametrize("name", NAMES)
async def test_the_first_conversations_go_as_written_with_a_model_before_them(name: str) -> None:
    assert await failures(name, scripts_of(name)[:FEW]) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
async def test_every_conversation_goes_as_written_with_a_model_before_it(name: str) -> None:
    assert await failures(name, scripts_of(name)[FEW:]) == []


LIES = [
    {"say": "block my credit card"},
    {"key": "10020030#"},
    {"say": "PIN"},
    {"key": "4711", "state": "confirm"},
    # Nobody said a word, and the model says that the caller agreed.
    {"answer": "the caller confirmed", "calls": [], "state": "confirm"},
    # The caller said something else.
    {"answer": "yes", "words": "I am in the kitchen", "calls": [], "state": "confirm"},
    # There is no such thing to be called in this state.
    {"start": "block_card", "words": "hm", "calls": [], "state": "confirm"},
    {"answer": "{}", "words": "Yes, please.", "calls": ["block_card"]},
]


async def test_a_model_that_lies_about_the_caller_confirms_nothing_and_is_on_record() -> None:
    file = AGENTS / "card" / "agent.yaml"
    tools = scripts_of("card")[0].tools
    script = Script.model_validate({"name": "lies", "at": "2025-12-01T09:00:00", "tools": tools, "lines": LIES})
    played = await hold(script, [file])
    assert played.failures == []
    refused = [record for made in played.steps for record in made.audit if record["rejected"] or record.get("why")]
    assert any("a confirmation takes the caller's own words" in record["rejected"] for record in refused)
    assert any(record.get("why") == "the model may not call that in this state" for record in refused)


@pytest.mark.parametrize("name", NAMES)
def test_nearly_all_conversations_are_held_so(name: str) -> None:
    everything = load_scripts(AGENTS / name / "conversations.yaml")
    assert len(everything) - len(scripts_of(name)) <= 2
