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


@pytest.mark.parametrize("name", NAMES)
def test_nearly_all_conversations_are_held_so(name: str) -> None:
    everything = load_scripts(AGENTS / name / "conversations.yaml")
    assert len(everything) - len(scripts_of(name)) <= 2
