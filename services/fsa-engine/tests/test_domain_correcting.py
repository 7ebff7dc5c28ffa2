"""Corrections as callers make them: which value they replace, and what they are not taken for."""

from typing import Any

import pytest

from fsa_engine.domain.conversation import Played, run, spoken_texts
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import load_text

DESK = """\
version: 1
agent: desk
name: Desk
called_numbers: ["*"]
greeting: Desk, hello.
help: I can book tables and pay.
intents: {no_card: [I don't have the card, the card is gone]}
servers: {core: {transport: http, url: "http://localhost/mcp"}}
tools: {send: {server: core, write: true, settle: idempotent_by_key}}
tasks:
  pay:
    description: Send money.
    title: send money
    resume: sending money
    request: transfer
    examples: [send money, I want to send money, transfer some money, pay a bill]
    slots:
      payee: {type: name, prompt: "To whom?"}
      amount: {type: money, prompt: "How much?"}
      day: {type: date, prompt: "On which day?"}
      note: {type: text, prompt: "What for?"}
    initial: payee
    states:
      payee: {kind: collect, slot: payee, to: amount}
      amount: {kind: collect, slot: amount, to: day}
      day: {kind: collect, slot: day, to: note}
      note: {kind: collect, slot: note, to: sure}
      sure:
        kind: confirm
        slots: [payee, amount, day]
        text: "{amount} to {payee} {day:on} for {note}. Shall I send it?"
        yes: send
        transitions: [{kind: intent, intent: no_card, to: stop}]
      send: {kind: act, tool: send, arguments: {to: payee, amount: amount}, to: sent, failed: stop}
      sent: {kind: done, text: Sent.}
      stop: {kind: failed, text: Stopped.}
  table:
    description: Book a table.
    title: book a table
    resume: booking a table
    request: table
    examples: [book a table, I want to book a table, a table please]
    slots:
      time: {type: time, likely: {from: "09:00", to: "21:00"}, prompt: "At what time?"}
      guests: {type: integer, prompt: "How many are you?"}
    initial: time
    states:
      time: {kind: collect, slot: time, to: guests}
      guests: {kind: collect, slot: guests, to: sure}
      sure: {kind: confirm, slots: [time, guests], text: "A table for {guests} at {time}. Shall I book it?", yes: done}
      done: {kind: done, text: Booked.}
  move:
    description: Move a table.
    title: move your table
    resume: moving a table
    request: change
    examples: [move my table, I want to change my table to another time, reschedule my table]
    slots: {time: {type: time, prompt: "To when?"}}
    initial: time
    states:
      time: {kind: collect, slot: time, to: done}
      done: {kind: done, text: Moved.}
"""
TABLE = ("book a table", "at ten", "four")
PAY = ("send money", "Anna Lee", "forty dollars", "tomorrow")


@pytest.fixture(scope="module")
def desk() -> Agent:
    return load_text(DESK)


def play(agent: Agent, *lines: Any) -> Played:
    given = [{"say": line} if isinstance(line, str) else line for line in lines]
    played = run(agent, {"name": "test", "lines": given}, {"send": {}})
    assert played.failures == []
    return played


@pytest.mark.parametrize("said", ["no, fifty dollars", "no fifty", "make it fifty dollars", "not forty fifty",
                                  "sorry, fifty bucks", "fifty"])  # fmt: skip
def test_an_amount_is_corrected(desk: Agent, said: str) -> None:
    again = "50 dollars to Anna Lee tomorrow for the rent. Shall I send it?"
    play(desk, *PAY, "the rent", {"say": said, "slots": {"amount": 50.0}, "hears": again})


@pytest.mark.parametrize(
    ("said", "slots"),
    [
        ("no not ten eleven", {"time": "11:00", "guests": 4}),
        ("not ten, eleven", {"time": "11:00", "guests": 4}),
        ("not ten eleven thirty", {"time": "11:30", "guests": 4}),
        ("no, not at ten but at eleven", {"time": "11:00", "guests": 4}),
        ("eleven, not ten", {"time": "11:00", "guests": 4}),
        ("not four five", {"time": "10:00", "guests": 5}),
        ("no, five guests", {"time": "10:00", "guests": 5}),
        ("no, make it eleven", {"time": "11:00", "guests": 4}),
        ("no, not eleven", {"time": "10:00", "guests": 4}),
    ],
)
def test_the_value_denied_tells_what_is_meant(desk: Agent, said: str, slots: dict[str, Any]) -> None:
    play(desk, *TABLE, {"say": said, "state": "sure", "slots": slots})


def test_a_day_denied_is_no_answer(desk: Agent) -> None:
    play(desk, *PAY[:3], {"say": "not tomorrow", "state": "day", "slots": {"day": None}})
    play(desk, *PAY[:3], {"say": "why not tomorrow", "state": "note"})


def test_a_correction_is_no_free_text_and_no_name(desk: Agent) -> None:
    play(desk, *PAY, {"say": "no, fifty dollars", "state": "note", "slots": {"amount": 50.0, "note": None}})
    play(desk, *PAY, {"say": "no smoking, fifty dollars", "state": "sure", "slots": {"amount": 40.0}})
    play(desk, *PAY[:3], {"say": "no, fifty dollars", "state": "day", "slots": {"amount": 50.0}})


@pytest.mark.parametrize("said", ["no, move it to eleven", "move it to eleven", "actually, change it to eleven"])
def test_a_correction_is_no_wish_for_another_task(desk: Agent, said: str) -> None:
    play(desk, *TABLE, {"say": said, "open": ["table"], "slots": {"time": "11:00"}})


def test_the_wish_for_another_task_is_no_correction(desk: Agent) -> None:
    play(desk, *TABLE, {"say": "actually I want to move my table to eleven", "open": ["move", "table"]})


@pytest.mark.parametrize("said", ["no I don't have the card", "the card is gone", "yes but the card is gone"])
def test_a_wish_goes_before_the_no_that_is_in_it(desk: Agent, said: str) -> None:
    played = play(desk, *PAY, "the rent", {"say": said, "open": []})
    assert "Stopped." in spoken_texts(played.steps)


def test_a_plain_yes_or_no_stays_one(desk: Agent) -> None:
    play(desk, *PAY, "the rent", {"say": "no", "hears": "All right. What would you like to change?"})
    play(desk, *PAY, "the rent", {"say": "yes, send it please", "calls": ["send"]})


def test_money_is_volunteered_with_its_unit_only(desk: Agent) -> None:
    play(desk, {"say": "send fifty dollars", "slots": {"amount": 50.0}})
    play(desk, {"say": "send money to number fifty", "slots": {"amount": None}})
