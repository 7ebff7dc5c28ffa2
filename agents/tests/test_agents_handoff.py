"""Where agents put callers through to a human: what he is told, and what comes when he does not answer."""

from pathlib import Path
from typing import Any

import pytest

from fsa_engine.domain.conversation import Played, load_scripts, run, spoken_texts
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import load_agent
from fsa_engine.domain.outputs import HandOff

AGENTS = Path(__file__).parents[1]
SIGN_IN = [{"key": "10020030#"}, {"say": "PIN"}, {"key": "4711"}]
VERIFY = [{"key": "30117"}, {"key": "246810"}]

CALLS: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    # name: agent, what the caller says until he is put through, how the human's summary begins
    "red flag": ("appointment", [{"say": "I have chest pain"}], "Possible emergency: chest pain"),
    "another address": (
        "card",
        [{"say": "block my credit card"}, *SIGN_IN, {"say": "yes"}, {"say": "yes"}, {"say": "no"}],
        "The credit card is blocked. The caller has moved",
    ),
    "above the limit": (
        "card",
        [{"say": "make a transfer"}, *SIGN_IN, {"say": "Anna"}, {"say": "five thousand dollars"}],
        "The caller is identified and wants to transfer 5000 dollars to Anna Berg",
    ),
    "cannot work": (
        "helpdesk",
        [{"say": "open a ticket"}, *VERIFY, {"say": "All is dark."}, {"say": "not at all"}, {"say": "yes"}],
        "Ticket 5 0 0 0 3, urgent: All is dark",
    ),
}
UNREACHED = {
    "red flag": "I can't reach a nurse at this moment. Please hang up now and dial 911.",
    "another address": "Your credit card stays blocked, but I can't send a new one now.",
    "above the limit": "On the telephone I can transfer 1000 dollars at most. How much shall it be?",
    "cannot work": "You are first in line, and a colleague will call you back within the hour.",
}


def reachable(name: str) -> Agent:
    agent = load_agent(AGENTS / name / "agent.yaml")
    return agent.model_copy(update={"escalation": agent.escalation.model_copy(update={"target": "tel:+15550999"})})


def call(name: str, lines: list[dict[str, Any]]) -> Played:
    tools = load_scripts(AGENTS / name / "conversations.yaml")[0].tools
    return run(reachable(name), {"name": name, "lines": lines, "tools": tools})


def handoffs(played: Played) -> list[HandOff]:
    bodies = [output.body for step in played.steps for output in step.outputs]
    return [body for body in bodies if isinstance(body, HandOff)]


@pytest.mark.parametrize("case", CALLS)
def test_a_human_takes_over_knowing_what_it_is_about(case: str) -> None:
    name, lines, summary = CALLS[case]
    played = call(name, [*lines, {"does": "answered", "open": []}])
    assert played.failures == []
    (handoff,) = handoffs(played)
    assert handoff.target == "tel:+15550999"
    assert handoff.summary.startswith(summary)


@pytest.mark.parametrize("outcome", ["busy", "no_answer"])
@pytest.mark.parametrize("case", CALLS)
def test_a_human_who_does_not_answer_leaves_nobody_stranded(case: str, outcome: str) -> None:
    name, lines, _ = CALLS[case]
    played = call(name, [*lines, {"does": outcome}])
    assert len(handoffs(played)) == 1
    assert UNREACHED[case] in " ".join(spoken_texts(played.steps[-1:]))
    assert played.steps[-1].snapshot.phase in {"open", "offering_more"}


def test_who_cannot_be_identified_gets_to_a_human_with_nothing_told() -> None:
    lines = [{"say": "what's my balance"}, *[{"say": "hm"}] * 3]
    played = call("card", lines)
    (handoff,) = handoffs(played)
    assert handoff.summary == "The caller could not be identified."
    assert not [text for text in spoken_texts(played.steps) if "2450" in text]
