"""A conversing model is offered what means something now, and nothing else."""

import pytest

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import AnswerTask, CancelTask, Event, KeyPressed, Opened, StartTask, Utterance
from fsa_engine.domain.loading import load_text
from fsa_engine.domain.offering import tools_for
from fsa_engine.domain.outputs import Ask
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import step

AGENT = """\
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
      amount: {type: money, prompt: "How much?"}
      to: {type: name, prompt: "To whom?"}
      card: {type: digits, min_length: 4, max_length: 4, sensitive: true, prompt: "Card?"}
    initial: amount
    states:
      amount: {kind: collect, slot: amount, proposals: [amount], to: to}
      to: {kind: collect, slot: to, may_change: [to], to: card}
      card: {kind: collect, slot: card, to: sure}
      sure: {kind: confirm, slots: [amount], proposals: [], text: "Pay {amount}?", yes: pay}
      pay: {kind: act, tool: pay, arguments: {card: card, amount: amount}, to: paid, failed: other}
      paid: {kind: done, text: Paid.}
      other: {kind: failed, text: Not paid.}
  balance:
    description: Say the balance.
    title: hear the balance
    resume: reading the balance
    request: balance
    examples: [what is my balance]
    initial: said
    states: {said: {kind: done, text: It is zero.}}
"""


@pytest.fixture(scope="module")
def agent() -> Agent:
    return load_text(AGENT)


def after(agent: Agent, *said: str) -> Snapshot:
    snapshot = step(agent, Snapshot(), Opened(event_id="o", at_ms=1_764_600_000_000, call_id="c")).snapshot
    for number, words in enumerate(said):
        head = {"event_id": f"e{number}", "at_ms": 1_764_600_000_000 + number}
        keys = words.isdecimal() and len(words) == 4
        for index, event in enumerate(
            [KeyPressed(event_id=f"e{number}.{key}", at_ms=head["at_ms"], digit=d) for key, d in enumerate(words)]  # type: ignore[arg-type]
            if keys
            else [Utterance(**head, text=words)]  # type: ignore[arg-type]
        ):
            assert index >= 0
            snapshot = step(agent, snapshot, event).snapshot
    return snapshot


def offered(agent: Agent, *said: str) -> dict[str, list[str]]:
    """Tool name to what may be proposed with it."""
    found = {}
    for tool in tools_for(agent, after(agent, *said)):
        properties = tool.parameters["properties"]
        values = properties.get("arguments") or properties.get("answer") or {"properties": {}}
        found[tool.name] = sorted(values["properties"])
    return found


def test_at_first_tasks_can_be_started_and_words_passed_on(agent: Agent) -> None:
    assert offered(agent) == {"start_task": ["amount", "to"], "answer_task": []}


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ((), [""]),
        (("I want to pay",), ["t1"]),
        (("I want to pay", "fifty", "cancel"), ["t1"]),
        (("what is my balance",), [""]),
    ],
)
def test_the_question_that_is_open_can_be_answered_and_no_other(
    agent: Agent, said: tuple[str, ...], answered: list[str]
) -> None:
    (answer,) = [tool for tool in tools_for(agent, after(agent, *said)) if tool.name == "answer_task"]
    assert answer.parameters["properties"]["task_id"] == {"enum": answered}


@pytest.mark.parametrize(
    ("said", "call"),
    [
        ((), {"task": "block_card"}),
        ((), {"task_id": "t1", "answer": "yes"}),
        (("I want to pay",), {"task": "pay"}),
        (("I want to pay",), {"task_id": "t2", "answer": "fifty"}),
        (("I want to pay", "fifty", "Anna Lee"), {"task_id": "t1", "answer": "1234"}),
        (("I want to pay", "fifty", "Anna Lee"), {"task_id": "t1"}),
        (("I want to pay", "fifty", "Anna Lee", "1234", "yes"), {"task_id": "t1", "answer": "fifty"}),
    ],
)
def test_a_call_of_what_is_not_offered_is_refused_and_on_record(
    agent: Agent, said: tuple[str, ...], call: dict[str, str]
) -> None:
    snapshot = after(agent, *said)
    kind = StartTask if "task" in call else AnswerTask if "answer" in call else CancelTask
    made = step(agent, snapshot, kind(event_id="x", at_ms=1_764_600_001_000, caller_words="yes", **call))  # type: ignore[arg-type]
    assert (made.snapshot, made.outputs, made.intents) == (snapshot, (), ())
    assert made.audit[0]["verdict"] == "rejected"
    assert made.audit[0]["why"] == "the model may not call that in this state"


def test_each_state_offers_what_may_be_proposed_in_it(agent: Agent) -> None:
    start = {"start_task": [], "cancel_task": []}
    assert offered(agent, "I want to pay") == {**start, "answer_task": ["amount"]}
    assert offered(agent, "I want to pay", "fifty") == {**start, "answer_task": ["to"]}


def test_nothing_is_offered_while_only_the_engine_hears_the_caller(agent: Agent) -> None:
    assert offered(agent, "I want to pay", "fifty", "Anna Lee") == {}


def test_a_confirmation_takes_no_values_from_a_model_unless_the_state_says_so(agent: Agent) -> None:
    said = ("I want to pay", "fifty", "Anna Lee", "1234")
    assert offered(agent, *said) == {"start_task": [], "cancel_task": [], "answer_task": []}


def test_what_cannot_be_taken_back_cannot_be_cancelled(agent: Agent) -> None:
    said = ("I want to pay", "fifty", "Anna Lee", "1234", "yes")
    assert offered(agent, *said) == {"start_task": []}


def test_after_the_end_nothing_is_offered(agent: Agent) -> None:
    assert offered(agent, "goodbye") == {}


def test_what_is_not_offered_is_refused(agent: Agent) -> None:
    snapshot = after(agent)
    event = StartTask(event_id="s", at_ms=1_764_600_000_000, task="pay", arguments={"to": "Anna Lee", "card": "1234"})
    made = step(agent, snapshot, event)
    assert made.snapshot.tasks[0].values() == {}
    assert "1234" not in str(made.audit)


NOW = 1_764_600_100_000
BEFORE = {"turn_started_ms": 1_764_600_000_000}


@pytest.mark.parametrize(
    ("event", "agreed"),
    [
        (Utterance(event_id="x", at_ms=NOW, text="yes", turn_started_ms=NOW - 900), True),
        (Utterance(event_id="x", at_ms=NOW, text="yes", **BEFORE), False),
        (Utterance(event_id="x", at_ms=NOW, text="yes", before_question=True), False),
        (AnswerTask(event_id="x", at_ms=NOW, task_id="t1", caller_words="yes", turn_started_ms=NOW - 900), True),
        (AnswerTask(event_id="x", at_ms=NOW, task_id="t1", caller_words="yes", answer="yes", **BEFORE), False),
        (AnswerTask(event_id="x", at_ms=NOW, task_id="t1", caller_words="yes", before_question=True), False),
        (AnswerTask(event_id="x", at_ms=NOW, task_id="t1", answer="the caller confirmed"), False),
        (KeyPressed(event_id="x", at_ms=NOW, digit="1"), True),
    ],
)
def test_only_a_turn_begun_after_the_question_confirms(agent: Agent, event: Event, agreed: bool) -> None:
    snapshot = after(agent, "I want to pay", "fifty", "Anna Lee", "1234")
    made = step(agent, snapshot, event)
    task = made.snapshot.focused
    assert task is not None
    assert [intent.payload["tool"] for intent in made.intents] == (["pay"] if agreed else [])
    assert task.state == ("pay" if agreed else "sure")
    if not agreed:
        assert made.audit[0]["rejected"]
        assert any(isinstance(output.body, Ask) for output in made.outputs), "the caller is asked again"
