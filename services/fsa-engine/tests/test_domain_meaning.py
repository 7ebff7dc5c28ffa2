"""What evidence about the meaning of words can do in a step, and what it can never do."""

import math
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsa_engine.domain.conversation import Played, run, spoken_texts
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import Opened, Utterance
from fsa_engine.domain.loading import load_text
from fsa_engine.domain.replay import replay
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import Step, step
from fsa_engine.domain.understanding.intents import CERTAIN
from fsa_engine.domain.understanding.meaning import NONE_OF_THESE

TEXT = """\
version: 1
agent: bank
name: Bank
called_numbers: ["*"]
greeting: Bank, hello.
help: Cards and money.
none: [what a lovely day]
intents: {no_card: [I have no card with me]}
knowledge: {hours: {examples: [when are you open], answer: We never close.}}
servers: {core: {transport: http, url: "http://localhost/mcp"}}
tools: {block: {server: core, write: true, settle: once}}
tasks:
  block_card:
    description: Block a card.
    title: block a card
    resume: blocking
    request: block
    examples: [I lost my card]
    slots: {digits: {type: digits, min_length: 4, max_length: 4, prompt: "Which four digits?"}}
    initial: digits
    states:
      digits:
        kind: collect
        slot: digits
        transitions:
          - {kind: intent, intent: no_card, when: "attempts > 0", to: sorry}
          - {to: sure}
      sure: {kind: confirm, text: "Block it?", slots: [digits], yes: block}
      block: {kind: act, tool: block, arguments: {digits: digits}, to: done, failed: sorry, unknown: sorry}
      done: {kind: done, text: Blocked.}
      sorry: {kind: failed, text: Not blocked.}
  balance:
    description: Tell the balance.
    title: hear your balance
    resume: looking
    request: balance
    examples: [what is my balance]
    initial: done
    states: {done: {kind: done, text: You have nothing.}}
"""
LABELS = ("block_card", "balance", "knowledge.hours", "intent.no_card", "none")
AT = 1_764_600_000_000


@pytest.fixture(scope="module")
def agent() -> Agent:
    return load_text(TEXT)


def alike(**scores: float) -> tuple[tuple[str, float], ...]:
    """Evidence with 0.8 for all that is not given; dots are written as two underscores."""
    given = {name.replace("__", "."): score for name, score in scores.items()}
    return tuple((label, given.get(label, 0.8)) for label in LABELS)


def play(agent: Agent, *lines: Any, evidence: dict[str, Any]) -> Played:
    tools = {"block": {"ok": True}}
    return run(
        agent, {"name": "x", "lines": list(lines), "tools": tools}, compare=lambda _, words: evidence.get(words, ())
    )


def said(agent: Agent, words: str, evidence: Any = (), snapshot: Snapshot | None = None) -> Step:
    opened = step(agent, Snapshot(), Opened(event_id="c", at_ms=AT, call_id="call")).snapshot
    return step(agent, snapshot or opened, Utterance(event_id="e", at_ms=AT + 1000, text=words, intents=evidence))


def test_words_that_are_certain_want_no_evidence(agent: Agent) -> None:
    made = said(agent, "I lost my card")
    assert (made.undecided, made.reading, made.business.open_tasks[0].task) == ("", "lexical", "block_card")
    against = said(agent, "I lost my card", alike(balance=0.95))
    assert against.business.open_tasks == made.business.open_tasks


def test_one_word_beside_others_is_not_certain_however_well_it_fits(agent: Agent) -> None:
    about = agent.matcher.match("the balance of my bicycle")
    assert (about.task, about.score("balance") > CERTAIN, about.certain) == ("balance", True, False)
    made = said(agent, "the balance of my bicycle", alike(none=0.9))
    assert (made.reading, made.business.open_tasks) == ("none", ())
    assert agent.matcher.match("my balance please").certain, "nothing else was said"


def test_without_evidence_the_words_decide_and_the_step_says_what_it_missed(agent: Agent) -> None:
    made = said(agent, "my purse is gone")
    assert (made.undecided, made.reading, made.business.open_tasks) == ("my purse is gone", "none", ())


@pytest.mark.parametrize(
    ("evidence", "reading", "hears"),
    [
        (alike(block_card=0.9), "embedding", "Which four digits?"),
        (alike(block_card=0.9, balance=0.89), "asked", "Would you like to block a card or hear your balance?"),
        (alike(block_card=0.9, none=0.895), "asked", "Would you like to block a card?"),
        (alike(block_card=0.9, none=0.91), "none", "Cards and money."),
        (alike(knowledge__hours=0.9), "embedding", "We never close. What can I do for you?"),
        (alike(intent__no_card=0.9), "embedding", "Cards and money."),
    ],
)
def test_margins_decide(agent: Agent, evidence: Any, reading: str, hears: str) -> None:
    made = said(agent, "my purse is gone", evidence)
    assert (made.reading, spoken_texts([made])) == (reading, [hears])
    assert made.undecided == ""


@pytest.mark.parametrize(("answer", "hears"), [("yes", "Which four digits?"), ("no", "What can I do for you?")])
def test_one_that_is_likely_is_asked_for(agent: Agent, answer: str, hears: str) -> None:
    evidence = {"my purse is gone": alike(block_card=0.9, none=0.895)}
    played = play(agent, {"say": "my purse is gone"}, {"say": answer, "hears": hears}, evidence=evidence)
    assert played.failures == []


def test_words_and_meaning_that_disagree_are_asked_about(agent: Agent) -> None:
    words = "I lost my purse"
    match = agent.matcher.match(words)
    assert (match.task, match.certain) == ("block_card", False)
    made = said(agent, words, alike(balance=0.9))
    assert spoken_texts([made]) == ["Would you like to block a card or hear your balance?"]
    assert said(agent, words, alike(block_card=0.9, balance=0.8)).reading == "embedding"


def test_an_answer_is_an_answer_whatever_it_is_like(agent: Agent) -> None:
    asked = said(agent, "I lost my card").snapshot
    made = said(agent, "4711", alike(balance=0.99), asked)
    assert made.snapshot.focused is not None
    assert made.snapshot.focused.state == "sure"


@pytest.mark.parametrize(
    ("evidence", "state", "tasks"),
    [
        (alike(balance=0.9), "digits", {"block_card"}),
        (alike(balance=0.9, block_card=0.88), "digits", {"block_card"}),
        (alike(balance=0.9, none=0.89), "digits", {"block_card"}),
        (alike(), "digits", {"block_card"}),
    ],
)
def test_a_task_is_left_only_by_a_clear_margin(agent: Agent, evidence: Any, state: str, tasks: set[str]) -> None:
    asked = said(agent, "I lost my card").snapshot
    made = said(agent, "it is the blue one", evidence, asked)
    assert made.snapshot.focused is not None
    assert {task.task for task in made.snapshot.tasks} == tasks
    told = [text for text in spoken_texts([made]) if "nothing" in text]
    assert bool(told) == (evidence == alike(balance=0.9))


def test_a_guard_stands_whatever_the_evidence_says(agent: Agent) -> None:
    """The edge for `no_card` wants a failed attempt first."""
    asked = said(agent, "I lost my card").snapshot
    first = said(agent, "it is all in that bag", alike(intent__no_card=0.99), asked)
    assert first.snapshot.focused is not None
    second = said(agent, "it is all in that bag", alike(intent__no_card=0.99), first.snapshot)
    assert spoken_texts([second])[0] == "Not blocked."


def test_a_step_with_evidence_is_replayed_to_the_same_verdict(agent: Agent) -> None:
    evidence = {"my purse is gone": alike(block_card=0.9), "well": alike(none=0.9)}
    lines = [{"say": "my purse is gone"}, {"say": "well"}, {"say": "4711"}, {"say": "yes"}]
    played = play(agent, *lines, evidence=evidence)
    assert [tool for tool, _ in played.calls] == ["block"]
    records = [orjson.loads(orjson.dumps(record)) for made in played.steps for record in made.audit]
    again = replay(records, agent)
    assert (again.same, again.notes) == (True, ())
    rules = [rule for record in records for rule in record["rules"] if rule.get("by") == "embedding"]
    assert rules[0]["for"] == "block_card"
    assert ["block_card", 0.9] in rules[0]["value"]


GARBAGE = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.integers(),
    st.lists(st.one_of(st.text(max_size=3), st.tuples(st.text(max_size=3)), st.none()), max_size=4),
    st.lists(st.tuples(st.sampled_from(LABELS[:-1]), st.floats(0.8, 1.0)), max_size=4),
    st.lists(st.tuples(st.text(max_size=8), st.floats()), max_size=6),
    st.sampled_from([math.nan, math.inf, -math.inf, 1.5, "0.9", None, True]).map(
        lambda wrong: [*alike(block_card=0.99)[1:], ("block_card", wrong)]
    ),
)


@settings(max_examples=150, deadline=None)
@given(garbage=GARBAGE, words=st.sampled_from(["my purse is gone", "I lost my card", "card or balance", "4711", "hm"]))
@pytest.mark.parametrize("started", [False, True])
def test_garbage_changes_nothing(agent: Agent, started: bool, garbage: Any, words: str) -> None:
    before = said(agent, "I lost my card").snapshot if started else None
    plain, odd = said(agent, words, (), before), said(agent, words, garbage, before)
    assert (odd.snapshot, odd.outputs, odd.intents) == (plain.snapshot, plain.outputs, plain.intents)


def test_evidence_of_things_that_are_not_there_is_left_out(agent: Agent) -> None:
    known = alike(block_card=0.9)
    made = said(agent, "my purse is gone", (("open_the_vault", 1.0), ("send_money", 0.99), *known))
    assert made.snapshot == said(agent, "my purse is gone", known).snapshot


def test_an_agent_may_compare_words_only(agent: Agent) -> None:
    made = said(load_text(TEXT + "matching: lexical\n"), "my purse is gone", alike(block_card=0.9))
    assert (made.undecided, made.business.open_tasks) == ("", ())


def test_what_any_caller_says_stands_beside_the_agents_own_unless_it_is_its_business(agent: Agent) -> None:
    assert agent.phrases["none"] == ("what a lovely day", *NONE_OF_THESE)
    pizza = load_text(TEXT.replace("examples: [what is my balance]", "examples: [I want to order a pizza]"))
    assert "I want to order a pizza" not in pizza.phrases["none"]


def test_options_are_offered_in_the_order_of_the_definition(agent: Agent) -> None:
    made = said(agent, "what about my purse", alike(balance=0.9, block_card=0.895))
    pending = made.snapshot.pending
    assert pending is not None
    assert pending.options == ("block_card", "balance")
