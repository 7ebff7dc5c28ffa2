"""What one task or agent gives to another: declared on both sides, and checked on both."""

from typing import Any

import pytest

from fsa_engine.domain.conversation import Played, run, spoken_texts
from fsa_engine.domain.loading import DefinitionError, load_text
from fsa_engine.domain.loading.source import read_source
from fsa_engine.domain.loading.together import check_together

HEAD = """\
version: 1
agent: NAME
name: Desk
called_numbers: ["NUMBER"]
greeting: NAME here.
help: I can help.
context: {tier: {type: integer}}
tasks:
"""
BANK = (
    HEAD.replace("NAME", "bank").replace("NUMBER", "+1")
    + """\
  complain:
    description: Complain.
    title: complain
    resume: complaining
    request: complaint
    examples: [I want to complain]
    slots:
      words: {type: name, prompt: "About whom?"}
      amount: {type: money, prompt: "How much was it?"}
    initial: words
    states:
      words: {kind: collect, slot: words, to: amount}
      amount: {kind: collect, slot: amount, on_exit: {set: {tier: "2"}}, to: note}
      note: {kind: task, task: note, arguments: {who: words, why: {const: anger}}, to: fraud, failed: sorry}
      fraud: {kind: handover, agent: fraud, task: report, context: CONTEXT, failed: sorry}
      sorry: {kind: failed, text: Nobody is there.}
  note:
    internal: true
    description: Note it.
    takes: [who]
    slots: {who: {type: name, from: given}, why: {type: text, from: given}}
    initial: told
    states:
      told: {kind: say, text: "{who}[, {why}] is noted.", to: done}
      done: {kind: done}
"""
)
FRAUD = (
    HEAD.replace("NAME", "fraud").replace("NUMBER", "+2")
    + """\
  report:
    internal: true
    description: Take a report.
    takes: [suspect, amount]
    slots:
      suspect: {type: name, from: given}
      amount: {type: money, from: given, currency: EUR}
      day: {type: date, prompt: "{amount} to {suspect}: on which day?"}
      secret: {type: digits, sensitive: true, prompt: "Secret?"}
    initial: day
    states:
      day: {kind: collect, slot: day, to: done}
      done: {kind: done, text: Reported.}
  ask:
    description: Ask.
    title: ask
    resume: asking
    request: question
    examples: [I have a question]
    initial: done
    states: {done: {kind: done, text: Yes.}}
"""
)
ALL = "{suspect: words, amount: amount, tier: context.tier}"


def bank(context: str = ALL) -> str:
    return BANK.replace("CONTEXT", context)


def complain(context: str, fraud: str = FRAUD, **line: Any) -> Played:
    lines = [{"say": "I want to complain"}, {"say": "Bo Derek"}, {"say": "ten dollars", **line}]
    played = run(load_text(bank(context)), {"name": "test", "lines": lines}, others=[load_text(fraud)])
    assert played.failures == []
    return played


def test_a_part_and_another_agent_begin_with_what_they_take() -> None:
    asked = "10 euros to Bo Derek: on which day?"
    played = complain(ALL, agent="fraud", state="day", facts={"tier": 2}, hears=["Bo Derek, anger is noted.", asked])
    assert {slot.source for slot in played.steps[-1].snapshot.tasks[0].slots.values()} == {"operator"}


def test_without_what_it_takes_a_task_does_not_begin() -> None:
    played = complain("{suspect: words}", hears=["Bo Derek, anger is noted.", "fraud here."], open=())
    assert played.steps[-1].audit[0]["rejected"] == ["report: not given amount"]


def test_what_the_other_agent_does_not_know_is_left_out_and_told() -> None:
    played = complain("{suspect: words, amount: amount, words: words}", state="day")
    assert played.steps[-1].audit[0]["rejected"] == ["words: neither slot nor fact of fraud"]


def test_nobody_else_fills_what_is_given() -> None:
    lie = {"answer": '{"suspect": "Al", "amount": 1}', "words": "Al, one dollar", "slots": {"suspect": "Bo Derek"}}
    lines = [{"say": "I want to complain"}, {"say": "Bo Derek"}, {"say": "ten dollars"}, lie, {"say": "no, two euros"}]
    played = run(load_text(bank()), {"name": "test", "lines": lines}, others=[load_text(FRAUD)])
    assert played.failures == []
    assert played.steps[-1].snapshot.tasks[0].slots["amount"].value == 10.0


@pytest.mark.parametrize(
    ("context", "fraud", "message"),
    [
        ("{suspect: words}", FRAUD, "takes 'amount'"),
        ("[words, amount]", FRAUD, "fraud knows no slot or fact 'words'"),
        ("{suspect: words, amount: words}", FRAUD, "'amount' is a money there and a name here"),
        ("{suspect: words, amount: amount, secret: words}", FRAUD, "'secret' is sensitive there"),
        (ALL, FRAUD.replace("  report:", "  tell:"), "fraud has no task 'report'"),
    ],
)
def test_hand_overs_are_checked_against_the_other_agent(context: str, fraud: str, message: str) -> None:
    texts = (bank(context), fraud)
    agents = [(load_text(text), read_source(text, f"{number}.yaml")) for number, text in enumerate(texts)]
    found = list(check_together(agents))
    assert any(message in problem.message and problem.line > 20 for problem in found), found
    assert list(check_together(agents[:1])) == []


def test_a_right_hand_over_has_no_problem() -> None:
    texts = (bank(), FRAUD)
    assert list(check_together([(load_text(text), read_source(text, "x.yaml")) for text in texts])) == []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("arguments: {who: words, why", "arguments: {why", "note takes 'who'"),
        ("takes: [who]", "takes: [who, odd]", "there is no slot 'odd'"),
        ("who: {type: name, from: given}", "who: {type: name}", "'who' is not given"),
        ("{suspect: words", "{suspect: nobody", "'nobody' is no slot"),
        ("words: {type: name, ", "words: {type: name, from: given, ", "a slot that who starts the task fills"),
    ],
)
def test_what_is_given_must_be_there(before: str, after: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load_text(bank().replace(before, after))
    assert message in str(caught.value)


def test_callers_cannot_give_what_a_task_takes() -> None:
    with pytest.raises(DefinitionError, match="callers cannot give what it takes"):
        load_text(FRAUD.replace("    internal: true\n    description: Take", "    title: t\n    description: Take"))


def test_spoken_values_stay_in_the_givers_words() -> None:
    assert "Bo Derek, anger is noted." in spoken_texts(complain(ALL).steps)
