"""The step on a bank's agent: secrets, hand-off, own words, deciding, uncertain tools, resuming."""

from typing import Any

import pytest

from fsa_engine.domain.conversation import Played, run, spoken_texts
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import AnswerTask, CallClosed, Delivered, NoInput, Opened, ToolReturned, Utterance
from fsa_engine.domain.loading import load_text
from fsa_engine.domain.outputs import HandOff
from fsa_engine.domain.snapshot import Snapshot, SnapshotError
from fsa_engine.domain.step import Step, step

BANK = """\
version: 1
agent: bank
name: Bank
called_numbers: ["*"]
greeting: Bank, hello.
help: I can block a card or transfer money.
escalation: {target: "tel:+4912345", text: Please hold.}
servers:
  core: {transport: http, url: "http://localhost/mcp"}
tools:
  block: {server: core, write: true, settle: once}
  transfer: {server: core, write: true, settle: lookup, lookup: {tool: status, arguments: {reference: reference}}}
  status: {server: core}
tasks:
  block_card:
    description: Block a lost card.
    title: block a card
    resume: "blocking a card[ ending in {card}]"
    request: card request
    examples: [I lost my card, block my card, my card was stolen]
    slots:
      card:
        type: digits
        min_length: 16
        max_length: 16
        sensitive: true
        capture: speech
        prompt: Please key in the card number.
      reason: {type: enum, values: {lost: [missing], stolen: [took it]}, own_words: true, prompt: "Lost or stolen?"}
    initial: ask_card
    states:
      ask_card: {kind: collect, slot: card, to: ask_reason}
      ask_reason: {kind: collect, slot: reason, to: judge}
      judge:
        kind: decide
        transitions: [{when: reason == 'stolen', to: warn}, {to: sure}]
      warn: {kind: say, verbatim: true, text: We report theft to the police., to: sure}
      sure: {kind: confirm, slots: [card], text: "Shall I block it?", yes: block, no: human}
      block:
        kind: act
        tool: block
        arguments: {card: card}
        to: blocked
        failed: human
        unknown: human
      human: {kind: handoff, summary: "Card, {reason}."}
      blocked: {kind: done, text: It is blocked.}
  transfer_money:
    description: Transfer money.
    title: transfer money
    resume: "transferring[ {amount} dollars]"
    request: transfer
    examples: [transfer money, send money to someone]
    slots:
      amount: {type: decimal, prompt: "How much?", check: [{rule: amount <= 1000.0, text: "At most 1000. How much?"}]}
      reference: {type: text, from: tool}
    initial: ask
    states:
      ask: {kind: collect, slot: amount, attempts: 2, failed: gone, to: sure}
      sure: {kind: confirm, text: "Transfer {amount}. Shall I do it?", yes: pay}
      pay:
        kind: act
        tool: transfer
        arguments: {amount: amount, currency: {const: USD}}
        to: paid
        failed: gone
      paid: {kind: done, text: Paid.}
      gone: {kind: failed, reason: gone, text: Not paid.}
"""
CARD = "4111111111111111"
AT = 1_764_600_000_000


@pytest.fixture(scope="module")
def agent() -> Agent:
    return load_text(BANK)


def play(agent: Agent, *lines: Any, tools: dict[str, Any] | None = None) -> Played:
    given = [{"say": line} if isinstance(line, str) else line for line in lines]
    played = run(agent, {"name": "test", "lines": given}, tools or {})
    assert not played.failures
    return played


def audit_text(played: Played) -> str:
    return str([made.audit for made in played.steps])


def keyed(digits: str) -> list[dict[str, str]]:
    return [{"key": digit} for digit in digits]


@pytest.mark.parametrize("how", ["spoken", "keyed"])
def test_a_secret_is_nowhere_in_the_audit(agent: Agent, how: str) -> None:
    number = ["four " + "one " * 15] if how == "spoken" else keyed(CARD)
    played = play(agent, "I lost my card", *number, "it is missing", {"say": "yes", "state": None}, tools={"block": {}})
    assert played.calls == [("block", {"card": CARD})]
    intents = [intent for made in played.steps for intent in made.intents]
    assert intents[0].payload["sensitive"] == ["card"]
    text = audit_text(played)
    assert CARD not in text
    assert "one one one" not in text
    assert "***" in text
    for made in played.steps:
        assert CARD not in made.summary
        assert CARD not in made.business.sms_text


def test_a_secret_proposed_by_a_model_is_masked_even_where_it_is_refused(agent: Agent) -> None:
    line = {"start": "block_card", "arguments": {"card": "4111 1111 1111 1111", "reason": "stolen"}}
    played = play(agent, line, {"answer": '{"card": "4242 4242"}'})
    assert "1111 1111" not in audit_text(played)
    assert "4242" not in audit_text(played)


def test_own_words_are_not_taken_from_a_model(agent: Agent) -> None:
    line = {"start": "block_card", "arguments": {"card": CARD, "reason": "stolen"}, "slots": {"reason": None}}
    played = play(agent, {**line, "state": "ask_reason"}, {"answer": "stolen", "words": "", "state": "ask_reason"})
    assert "own words" in audit_text(played)
    play(agent, line, {"answer": "stolen", "words": "somebody took it", "slots": {"reason": "stolen"}, "state": "sure"})


def test_a_decision_says_why_and_a_text_is_spoken_word_for_word(agent: Agent) -> None:
    played = play(agent, "I lost my card", *keyed(CARD), {"say": "stolen", "state": "sure"})
    assert spoken_texts(played.steps)[-2:] == ["We report theft to the police.", "Shall I block it?"]
    rules = played.steps[-1].audit[0]["rules"]
    fired = next(rule for rule in rules if rule["rule"] == "reason == 'stolen'")
    assert fired["value"] is True
    assert any(rule.get("skipped") for rule in rules)


def test_an_uncertain_effect_goes_to_a_human(agent: Agent) -> None:
    played = play(agent, "I lost my card", *keyed(CARD), "missing", "yes", tools={"block": {"unknown": True}})
    body = played.steps[-1].outputs[-1].body
    assert body == HandOff("tel:+4912345", "Card, lost.")
    assert played.steps[-1].business.closing_spoken
    assert not played.steps[-1].business.open_tasks


def test_lookup_is_described_in_the_intent(agent: Agent) -> None:
    played = play(agent, "transfer money", "five hundred", "yes", tools={"transfer": {}})
    payload = next(intent.payload for made in played.steps for intent in made.intents)
    assert payload["settle"] == "lookup"
    assert payload["lookup"]["tool"] == "status"
    assert payload["arguments"] == {"amount": 500.0, "currency": "USD"}


def test_attempts_lead_where_the_state_says(agent: Agent) -> None:
    played = play(agent, "transfer money", "5000", {"say": "banana", "open": []})
    assert spoken_texts(played.steps)[2] == "At most 1000. How much?"
    assert "Not paid." in spoken_texts(played.steps)


def test_a_person_is_fetched(agent: Agent) -> None:
    played = play(agent, "transfer money", "500", {"say": "I want to speak to a human", "phase": "closing"})
    assert spoken_texts(played.steps)[-2:] == ["Please hold.", "(transfers)"]


def test_the_same_task_is_not_opened_twice(agent: Agent) -> None:
    again = {"start": "transfer_money", "arguments": {"amount": 20}, "verdict": "rejected"}
    played = play(agent, {"start": "transfer_money"}, again)
    assert played.failures == []
    assert [t.task_id for t in played.steps[-1].snapshot.tasks] == ["t1"]
    assert played.steps[-1].snapshot.tasks[0].values() == {}


def test_a_task_started_with_values_asks_once(agent: Agent) -> None:
    played = play(agent, {"start": "transfer_money", "arguments": {"amount": 20}})
    assert played.steps[-1].snapshot.tasks[0].state == "sure"
    assert sum(type(o.body).__name__ == "Ask" for o in played.steps[-1].outputs) == 1


def test_a_cancel_by_the_model_asks_the_caller(agent: Agent) -> None:
    line = {"cancel": "t1", "open": ["transfer_money"]}
    played = play(agent, "transfer money", "500", line, {"say": "no", "state": "sure"})
    assert "Shall I stop transferring 500 dollars?" in spoken_texts(played.steps)


def ringing(agent: Agent, snapshot: Snapshot, resumed: bool = False, number: int = 1) -> Step:
    return step(agent, snapshot, Opened(event_id=f"o{number}", at_ms=AT, call_id=f"c{number}", resumed=resumed))


@pytest.mark.parametrize("event", [Utterance(event_id="x", at_ms=AT, text="yes"), NoInput(event_id="x", at_ms=AT),
                                   CallClosed(event_id="x", at_ms=AT)])  # fmt: skip
def test_nothing_happens_before_a_call_is_open(agent: Agent, event: Any) -> None:
    made = step(agent, Snapshot(), event)
    assert made.snapshot == Snapshot()
    assert made.audit[0]["verdict"] == "rejected"
    assert made.summary.startswith("rejected: ")


def test_the_same_call_is_opened_once(agent: Agent) -> None:
    first = ringing(agent, Snapshot())
    again = ringing(agent, first.snapshot)
    assert again.audit[0]["why"] == "this call is open already"
    assert again.snapshot == first.snapshot


def test_a_result_nobody_waits_for_is_settled_and_changes_nothing(agent: Agent) -> None:
    before = ringing(agent, Snapshot()).snapshot
    made = step(agent, before, ToolReturned(event_id="r", at_ms=AT, intent_id="gone/i0", ok=True))
    assert made.settled == ("gone/i0",)
    assert made.snapshot == before
    assert not made.outputs


def test_delivery_changes_nothing(agent: Agent) -> None:
    before = ringing(agent, Snapshot()).snapshot
    assert step(agent, before, Delivered(event_id="d", at_ms=AT, output_ids=("o1#0",))).snapshot == before


def test_a_new_definition_takes_over_what_still_fits(agent: Agent) -> None:
    played = play(agent, "transfer money", {"say": "500", "state": "sure"}, {"does": "drop"})
    newer = load_text(BANK.replace("sure: {kind: confirm, text: \"Transfer", "ready: {kind: confirm, text: \"Transfer")
                      .replace("failed: gone, to: sure}", "failed: gone, to: ready}"))  # fmt: skip
    made = ringing(newer, played.steps[-1].snapshot, resumed=True, number=9)
    (task,) = made.snapshot.tasks
    assert task.state == "ask"
    assert task.values() == {"amount": 500.0}
    assert made.snapshot.definition_hash == newer.definition_hash
    dropped = load_text(BANK.replace("  transfer_money:", "  wire_money:"))
    made = ringing(dropped, played.steps[-1].snapshot, resumed=True, number=9)
    assert made.snapshot.tasks == ()
    assert made.snapshot.phase == "open"


def test_a_caller_who_is_not_resumed_begins_anew(agent: Agent) -> None:
    played = play(agent, "transfer money", {"does": "drop"}, {"does": "ring", "open": []})
    assert spoken_texts(played.steps)[-1] == "Bank, hello."


@pytest.mark.parametrize("data", [b"{}", b"[]", b"rubbish", b'{"format": 99}', b'{"format": 1, "phase": "odd"}'])
def test_unreadable_snapshots_are_refused(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        Snapshot.from_bytes(data)


def test_no_bytes_are_a_session_that_has_not_begun() -> None:
    assert Snapshot.from_bytes(b"") == Snapshot()


def test_a_yes_to_one_question_is_none_to_another(agent: Agent) -> None:
    lines = [{"say": "transfer money"}, {"say": "fifty"}, {"say": "I lost my card"}]
    snapshot = run(agent, {"name": "two", "lines": lines}).steps[-1].snapshot
    assert [(task.task_id, task.state) for task in snapshot.tasks] == [("t1", "sure"), ("t2", "ask_card")]
    at_ms = snapshot.tasks[1].asked_ms + 1000
    lie = AnswerTask(event_id="e9", at_ms=at_ms, task_id="t1", answer="yes", caller_words="yes")
    made = step(agent, snapshot, lie)
    assert made.intents == ()
    assert made.audit[0]["verdict"] == "rejected"
    assert made.snapshot is snapshot
