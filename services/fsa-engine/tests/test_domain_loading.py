"""Wrong definitions: each gives its own problem, at its own place."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from fsa_engine.domain.definition import json_schema
from fsa_engine.domain.loading import DefinitionError, load_agent, load_text
from fsa_engine.domain.loading.dataflow import filled_at

AGENTS = Path(__file__).parents[3] / "agents"
GOOD = """\
version: 1
agent: hotel
name: Sea Hotel
time_zone: Europe/Berlin
called_numbers: ["+4930"]
greeting: Sea Hotel, hello.
help: I can book a room.
servers:
  rooms: {transport: stdio, command: [python, rooms.py]}
tools:
  reserve: {server: rooms, write: true, settle: idempotent_by_key, key_argument: key}
  look: {server: rooms}
tasks:
  book_room:
    description: Book a room.
    title: book a room
    resume: "booking a room[ for {day}]"
    request: reservation
    examples: [I would like a room]
    slots:
      day:
        type: date
        check:
          - {rule: day >= today, text: That is past.}
      nights: {type: integer}
      number: {type: text, from: tool}
    initial: ask_day
    states:
      ask_day: {kind: collect, slot: day, to: ask_nights}
      ask_nights: {kind: collect, slot: nights, to: sure}
      sure: {kind: confirm, slots: [day], text: "{nights} nights from {day}. Shall I book it?", yes: book}
      book:
        kind: act
        tool: reserve
        arguments: {day: day, nights: nights}
        fill: {number: result.number}
        transitions:
          - {when: has(result.number) && nights < 30, to: booked}
          - {to: sorry}
        failed: sorry
      booked: {kind: done, text: "Booked, number {number}."}
      sorry: {kind: failed, text: Sorry.}
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        load_text(text, "hotel.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_the_good_one_is_good() -> None:
    agent = load_text(GOOD)
    assert agent.tasks["book_room"].states["sure"].kind == "confirm"
    assert filled_at(agent.tasks["book_room"])["book"] == {"day", "nights"}


WRONG = [
    ("called_numbers: [\"+4930\"]", "called_numbers: []", 5, "called_numbers"),
    ("called_numbers: [\"+4930\"]", "called_numbers: [\"1\", \"1\"]", 5, "stands here twice"),
    ("time_zone: Europe/Berlin", "time_zone: Europe/Nowhere", 4, "unknown time zone"),
    ("version: 1", "version: 2", 1, "version"),
    ("agent: hotel", "agent: Hotel Sea", 2, "agent"),
    ("name: Sea Hotel\n", "", 1, "missing"),
    ("greeting:", "greting:", 6, "unknown key"),
    ("help: I can book a room.", "help: I can book a room.\nhelp: again", 8, "stands here twice"),
    ("help: I can book a room.", "help: &x I can\nnone: [*x]", 8, "aliases are not allowed"),
    ("help: I can book a room.", "help: !!python/object:os.system x", 7, None),
    ("help: I can book a room.", "help: [unclosed", 8, "not YAML"),
    ("help: I can book a room.", "help: {a: 'What' else, b: c}", 7, "between quotes"),
    ("help: I can book a room.", "help: I can: book a room.", 7, "put a text with a colon between quotes"),
    ("help: I can book a room.", "help: 'I can book a room.", 7, "close the quotes"),
    ("help: I can book a room.", "help: @me", 7, "put the text between quotes"),
    ("    description: Book a room.", "\tdescription: Book a room.", 15, "indent with spaces"),
    ("    title: book a room", "     title: book a room", 16, "quotes, or look at the indentation"),
    ("    title: book a room", "   title: book a room", 16, "in the same column"),
    ("{transport: stdio, command: [python, rooms.py]}", "{transport: stdio}", 9, "stdio needs `command`"),
    ("{transport: stdio, command: [python, rooms.py]}", "{transport: carrier-pigeon}", 9, "transport"),
    ("settle: idempotent_by_key, ", "", 11, "a write tool must say how"),
    ("settle: idempotent_by_key, ", "settle: maybe, ", 11, "settle"),
    ("settle: idempotent_by_key, ", "settle: lookup, ", 11, "belong together"),
    ("settle: idempotent_by_key, ", "settle: once, ", 33, "way out when nobody knows"),
    ("look: {server: rooms}", "look: {server: attic}", 12, "no server 'attic'"),
    ("look: {server: rooms}", "look: {server: rooms, settle: once}", 12, "only a write tool"),
    ("examples: [I would like a room]", "examples: []", 19, "examples"),
    ("resume: \"booking a room[ for {day}]\"", "resume: \"booking {room}\"", 17, "{room} is no slot"),
    ("day >= today", "day >= tomorrow", 24, "undeclared reference to 'tomorrow'"),
    ("day >= today", "day >= 7", 24, "no matching overload"),
    ("day >= today", "day +", 24, "Syntax error"),
    ("day >= today", "nights + 1", 24, "must be true or false"),
    ("type: integer", "type: number", 25, "type"),
    ("nights: {type: integer}", "nights: {type: enum}", 25, "an enum needs `values`"),
    ("nights: {type: integer}", "now: {type: integer}", 25, "name of something else"),
    ("initial: ask_day", "initial: begin", 27, "there is no state 'begin'"),
    ("kind: collect, slot: day,", "kind: gather, slot: day,", 29, "kind"),
    ("kind: collect, slot: day,", "slot: day,", 29, "kind"),
    ("slot: day, to", "slot: date, to", 29, "there is no slot 'date'"),
    ("slot: day, to", "slot: number, to", 29, "cannot be asked for"),
    ("to: ask_nights", "to: nowhere", 29, "there is no state 'nowhere'"),
    ("to: ask_nights", "to: ask_day", 29, "never ends"),
    ("to: ask_nights", "to: sure", 30, "never reached"),
    ("slot: nights, to: sure", "slot: nights", 30, "either `to` or `transitions`"),
    ("{nights} nights", "{nigths} nights", 31, "{nigths} is no slot"),
    ("Shall I book it?\"", "Shall I book {number}?\"", 31, "may not be filled yet"),
    ("slots: [day], text", "slots: [dya], text", 31, "there is no slot 'dya'"),
    ("tool: reserve\n", "tool: reserv\n", 34, "there is no tool 'reserv'"),
    ("arguments: {day: day,", "arguments: {day: daay,", 35, "is no slot"),
    ("arguments: {day: day,", "arguments: {day: number,", 35, "may not be filled yet"),
    ("fill: {number: result.number}", "fill: {numbr: result.number}", 36, "there is no slot 'numbr'"),
    ("fill: {number: result.number}", "fill: {number: results.number}", 36, "undeclared reference"),
    ("nights < 30", "nights < '30'", 38, "no matching overload"),
    ("- {to: sorry}", "- {when: nights > 1, to: sorry}", 39, "no way on"),
    ("- {when: has(result.number) && nights < 30, to: booked}", "- {to: booked}", 38, "never reached"),
    ("failed: sorry", "failed: nowhere", 40, "there is no state"),
    ("        failed: sorry\n", "", 33, "missing"),
    ("{kind: done, text: \"Booked, number {number}.\"}", "{kind: done}", 41, "missing"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "line", "message"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_a_wrong_definition_says_what_and_where(right: str, wrong: str, line: int, message: str | None) -> None:
    assert right in GOOD
    text = GOOD.replace(right, wrong, 1)
    if message is None:
        assert load_text(text).help == "x", "a tag is text and makes nothing"
        return
    problems = problems_of(text)
    assert any(message in problem and problem.startswith(f"hotel.yaml:{line}:") for problem in problems), problems


def test_the_column_is_that_of_the_fault_in_the_rule() -> None:
    (problem,) = problems_of(GOOD.replace("day >= today", "day >= tomorrow"))
    line = GOOD.splitlines()[23]
    column = line.index("day >= today") + len("day >= ") + 1
    assert problem.startswith(f"hotel.yaml:24:{column}:")


def test_another_encoding_is_told_with_its_place() -> None:
    with pytest.raises(DefinitionError, match=r"^hotel.yaml:6:24: not UTF-8 \(save the file as UTF-8\)$"):
        load_text(GOOD.replace("hello", "grüß").encode("latin-1"), "hotel.yaml")
    with pytest.raises(DefinitionError, match=r"^hotel.yaml:1:1: not UTF-8"):
        load_text(GOOD.encode("utf-16"), "hotel.yaml")


def test_a_long_rule_is_not_repeated_whole() -> None:
    (problem,) = problems_of(GOOD.replace("nights < 30", "(1 + " * 300 + "1" + ")" * 300 + " > nights"))
    assert "recursion limit" in problem
    assert len(problem) < 400


def test_several_problems_are_told_at_once() -> None:
    text = GOOD.replace("server: rooms}", "server: attic}").replace("to: ask_nights", "to: nowhere")
    assert len(problems_of(text)) == 2


@pytest.mark.parametrize(
    "text",
    ["", "- a", "just text", "\x00", "a: b: c", "? [complex]\n: key", "&a [*a]", "{" * 100, "a: " + "x" * 20_000,
     "x" * 600_000, "a: " + "[" * 200 + "]" * 200, "b: &b [1,2]\nc: [*b,*b]", "1: 2",
     "\ud800".encode("utf-8", "surrogatepass")],
    ids=range(14),
)  # fmt: skip
def test_bombs_and_rubbish_are_refused(text: str | bytes) -> None:
    with pytest.raises(DefinitionError) as caught:
        load_text(text)
    assert caught.value.problems


def test_a_rule_that_would_run_long_is_an_error_and_false() -> None:
    nested = "[1,2,3,4,5,6,7,8,9].all(a, " * 9 + "a > 0" + ")" * 9
    agent = load_text(GOOD.replace("day >= today", f"'{nested}'"))
    verdict = agent.tasks["book_room"].rules.compile(nested).run({})
    assert not verdict.holds
    assert verdict.error


def test_every_agent_that_ships_loads_and_fits_the_schema() -> None:
    files = sorted(AGENTS.glob("*/agent.yaml"))
    assert files
    Draft202012Validator.check_schema(json_schema())
    for file in files:
        agent = load_agent(file)
        assert len(agent.definition_hash) == 64


def test_the_hash_is_of_the_meaning_and_not_of_the_form() -> None:
    same = load_text("# a comment\n" + GOOD.replace("help: I can book a room.", "help: 'I can book a room.'"))
    assert same.definition_hash == load_text(GOOD).definition_hash
    assert load_text(GOOD.replace("hello", "good day")).definition_hash != same.definition_hash
