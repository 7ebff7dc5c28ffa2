"""The decisions of a session, reached again from its audit records alone."""

import base64
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from fsa_engine.domain.audit import with_sealed
from fsa_engine.domain.conversation import Played, load_scripts, run
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import load_agent, load_text
from fsa_engine.domain.replay import event_of, replay

AGENTS = Path(__file__).parents[3] / "agents"
BANK = """\
version: 1
agent: bank
name: Bank
called_numbers: ["*"]
greeting: Hello.
help: I can pay.
servers: {core: {transport: http, url: "http://localhost/mcp"}}
tools: {pay: {server: core, write: true, settle: idempotent_by_key}}
tasks:
  pay:
    description: Pay.
    title: pay
    resume: paying
    request: payment
    examples: [I want to pay, pay a bill]
    slots:
      card: {type: digits, min_length: 8, max_length: 8, sensitive: true, prompt: "Card?"}
      amount: {type: money, prompt: "How much?"}
    initial: card
    states:
      card: {kind: collect, slot: card, transitions: [{when: card.startsWith('41'), to: amount}, {to: other}]}
      amount: {kind: collect, slot: amount, to: judge}
      judge: {kind: decide, transitions: [{when: amount > 100.0 && card.size() == 8, to: other}, {to: sure}]}
      sure: {kind: confirm, slots: [amount], text: "Pay {amount} with the card {card}?", yes: pay}
      pay: {kind: act, tool: pay, arguments: {card: card, amount: amount}, to: paid, failed: other}
      paid: {kind: done, text: Paid.}
      other: {kind: failed, text: Not with this card.}
"""
LINES = [{"say": "I want to pay"}, {"key": "41239876"}, {"say": "fifty"}, {"say": "yes"}, {"say": "no thanks"}]


def seal(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def unseal(text: str) -> str:
    return base64.b64decode(text).decode()


def records_of(played: Played, sealed: bool = True) -> list[dict[str, Any]]:
    """The records as they come back from the log."""
    made = [r for s in played.steps for r in with_sealed(s.audit, s.confidential, seal if sealed else None)]
    return [orjson.loads(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)) for record in made]


@pytest.fixture(scope="module")
def bank() -> Agent:
    return load_text(BANK)


def played(bank: Agent) -> Played:
    return run(bank, {"name": "pay", "lines": LINES}, {"pay": {}})


@cache
def shipped() -> dict[str, Agent]:
    return {file.parent.name: load_agent(file) for file in sorted(AGENTS.glob("*/agent.yaml"))}


SCRIPTS = [(folder.parent, script) for folder in sorted(AGENTS.glob("*/conversations.yaml"))
           for script in load_scripts(folder)]  # fmt: skip


@pytest.mark.parametrize(("folder", "script"), SCRIPTS, ids=lambda given: getattr(given, "name", str(given)))
def test_every_conversation_replays_to_the_same_decisions(folder: Path, script: Any) -> None:
    agents = shipped()
    made = run(agents[folder.name], script, others=agents.values())
    found = replay(records_of(made), {agent.definition_hash: agent for agent in agents.values()}, unseal)
    assert found.differences == ()
    assert found.notes == ()
    assert found.steps == len(made.steps)


def test_sealed_words_are_opened_and_decided_again(bank: Agent) -> None:
    found = replay(records_of(played(bank)), bank, unseal)
    assert found.same
    assert found.notes == ()


def test_without_the_key_recorded_values_are_taken_and_it_says_so(bank: Agent) -> None:
    for records in (records_of(played(bank)), records_of(played(bank), sealed=False)):
        found = replay(records, bank, lambda text: None)
        assert found.same
        assert any("cannot be opened; the step is taken as recorded" in note for note in found.notes)
        assert any("taken as recorded" in note and "rules over values" in note for note in found.notes)
    assert b"41239876" not in orjson.dumps(records)


def test_another_definition_shows_what_would_have_changed(bank: Agent) -> None:
    stricter = load_text(BANK.replace("amount > 100.0", "amount > 10.0"))
    found = replay(records_of(played(bank)), stricter, unseal)
    assert not found.same
    first = found.differences[0]
    assert first.what == "decisions"
    assert "judge -> sure" in str(first.recorded)
    assert "judge -> other" in str(first.replayed)


def test_a_rule_of_another_definition_over_lost_values_counts_as_false_and_is_told(bank: Agent) -> None:
    other = load_text(BANK.replace("card.size() == 8", "card.endsWith('6')"))
    found = replay(records_of(played(bank)), other, lambda text: None)
    assert any("counts as false" in note for note in found.notes)


@pytest.mark.parametrize(
    ("what", "value"), [("verdict", "rejected"), ("decisions", ["pay: judge -> other (x)"]), ("outputs", [])]
)
def test_a_changed_record_is_found(bank: Agent, what: str, value: Any) -> None:
    records = records_of(played(bank))
    at = next(i for i, record in enumerate(records) if record["event"].get("text") == "fifty")
    records[at][what] = value
    assert {difference.what for difference in replay(records, bank, unseal).differences} == {what}


def test_changed_words_of_the_caller_change_what_follows(bank: Agent) -> None:
    records = records_of(played(bank))
    at = next(i for i, record in enumerate(records) if record["event"].get("text") == "fifty")
    records[at]["event"]["text"] = "five hundred"
    assert replay(records, bank, unseal).differences[0].index == at + 1


def test_definitions_that_are_not_at_hand_are_told(bank: Agent) -> None:
    found = replay(records_of(played(bank)), {}, unseal)
    assert found.same
    assert any("is not at hand" in note for note in found.notes)


def test_events_that_cannot_be_read_are_told(bank: Agent) -> None:
    records = records_of(played(bank))
    records[0]["event"] = {"kind": "Earthquake"}
    assert any("cannot be read" in note for note in replay(records, bank).notes)
    with pytest.raises(ValueError, match="unknown event"):
        event_of({"kind": "Earthquake"})
