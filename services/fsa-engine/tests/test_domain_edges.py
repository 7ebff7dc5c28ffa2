"""Ways out: four kinds, their order, what leads on without an answer, and that the audit tells of each not taken."""

from typing import Any

import pytest

from fsa_engine.domain.conversation import Played, run, spoken_texts
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import load_text

GATE = """\
version: 1
agent: gate
name: Gate
called_numbers: ["*"]
greeting: Gate, hello.
help: I can let you in.
matching: lexical
limits: {no_match: 3, no_input: 3}
intents:
  forgot: [I forgot my badge, the badge is at home]
  late: [I am too late already]
servers: {core: {transport: http, url: "http://localhost/mcp"}}
tools: {open: {server: core, write: true, settle: once}}
tasks:
  enter:
    description: Let somebody in.
    title: come in
    resume: letting you in
    request: entry
    examples: [open the gate]
    slots:
      people: {type: integer, prompt: "How many are you?"}
      badge: {type: digits, min_length: 4, max_length: 4, prompt: "Your badge?"}
    initial: people
    states:
      people:
        kind: collect
        slot: people
        no_input: {text: "How many of you are there?", attempts: 2, to: nobody}
        no_match: {text: "A number, please.", attempts: 3, to: guard}
        time_limit: {seconds: 60, to: too_slow}
        to: badge
      badge:
        kind: collect
        slot: badge
        transitions:
          - {when: people > 50, to: guard}
          - {kind: intent, intent: forgot, to: guard}
          - {kind: intent, intent: forgot, key: "*", when: people == 1, priority: 9, to: visitor}
          - {kind: intent, intent: late, priority: 3, to: too_slow}
          - {to: judge}
      judge:
        kind: reason
        instructions: Is it safe?
        transitions:
          - {when: people > 20, priority: 1, to: guard}
          - {kind: hybrid, name: vip, when: people < 3, priority: 5, to: visitor}
          - {kind: reasoning, name: refuse, requires: people != 2, to: refused}
          - {when: people > 10, requires: people < 5, to: nobody}
          - {to: sure}
      sure:
        kind: confirm
        text: "{people} of you. Shall I open?"
        yes: open
        no: refused
        transitions:
          - {kind: intent, intent: late, to: guard}
          - {kind: intent, intent: late, priority: 2, to: too_slow}
      open: {kind: act, tool: open, to: inside, failed: guard, unknown: guard}
      inside: {kind: done, text: Come in.}
      visitor: {kind: done, text: Be our guest.}
      nobody: {kind: failed, text: Nobody is there., reason: nobody}
      refused: {kind: failed, text: You stay outside., reason: refused}
      guard: {kind: failed, text: The guard is coming., reason: guard}
      too_slow: {kind: failed, text: You were too slow., reason: too_slow}
"""
NOT_PROPOSED, EARLIER, ONLY_WISHED, OTHER_WISH = (
    "the model did not propose it",
    "an earlier one was taken",
    "only when the caller wants it",
    "the caller wanted something else",
)


@pytest.fixture(scope="module")
def gate() -> Agent:
    return load_text(GATE)


def play(agent: Agent, *lines: Any, **script: Any) -> Played:
    given = [{"say": line} if isinstance(line, str) else line for line in lines]
    played = run(agent, {"name": "test", "lines": given, **script}, {"open": {}})
    assert played.failures == []
    return played


def last(played: Played) -> str:
    """Return what the task ended with."""
    return next(text for text in reversed(spoken_texts(played.steps)) if not text.startswith("Is there anything"))


def told(played: Played, state: str) -> dict[str, Any]:
    """Return what the audit says of each way out of a state: its skipping, else the value of its last rule."""
    entries = [rule for made in played.steps for rule in made.audit[0]["rules"] if rule.get("state") == state]
    return {f"{entry['rule']} {entry['for']}": entry.get("skipped", entry.get("value")) for entry in entries}


def test_without_a_proposal_rules_go_on_alone_to_the_default(gate: Agent) -> None:
    played = play(gate, "open the gate", "two", {"say": "1234", "state": "sure"})
    assert told(played, "badge") == {
        "people == 1 -> visitor": ONLY_WISHED, "late -> too_slow": ONLY_WISHED,
        "people > 50 -> guard": False, "forgot -> guard": ONLY_WISHED,
    }  # fmt: skip
    assert told(played, "judge") == {
        "people < 3 -> visitor": NOT_PROPOSED, "people > 20 -> guard": False, "reasoning -> refused": NOT_PROPOSED,
        "people > 10 -> nobody": False,
    }  # fmt: skip


JUDGED = [
    ("two", "vip", "visitor", {"people < 3 -> visitor": True, "people > 20 -> guard": EARLIER,
                               "reasoning -> refused": EARLIER, "people > 10 -> nobody": EARLIER,
                               "rule -> sure": EARLIER}),
    ("four", "vip", "sure", {"people < 3 -> visitor": False, "people > 20 -> guard": False,
                             "reasoning -> refused": NOT_PROPOSED, "people > 10 -> nobody": False}),
    ("thirty", "vip", "guard", {"people < 3 -> visitor": False, "people > 20 -> guard": True,
                                "reasoning -> refused": EARLIER, "people > 10 -> nobody": EARLIER,
                                "rule -> sure": EARLIER}),
    ("four", "refuse", "refused", {"people < 3 -> visitor": NOT_PROPOSED, "people > 20 -> guard": False,
                                   "people != 2 -> refused: requires": True, "people > 10 -> nobody": EARLIER,
                                   "rule -> sure": EARLIER}),
    ("two", "refuse", "sure", {"people < 3 -> visitor": NOT_PROPOSED, "people > 20 -> guard": False,
                               "people != 2 -> refused: requires": False, "people > 10 -> nobody": False}),
    ("twelve", "", "sure", {"people < 3 -> visitor": NOT_PROPOSED, "people > 20 -> guard": False,
                            "reasoning -> refused": NOT_PROPOSED, "people > 10 -> nobody": True,
                            "people < 5 -> nobody: requires": False}),
]  # fmt: skip
ENDS = {"visitor": "Be our guest.", "guard": "The guard is coming.", "refused": "You stay outside."}


@pytest.mark.parametrize(("people", "proposal", "to", "reasons"), JUDGED)
def test_kinds_and_priorities_decide_and_each_loser_is_told(
    gate: Agent, people: str, proposal: str, to: str, reasons: dict[str, Any]
) -> None:
    played = play(gate, "open the gate", people, "1234", reasoning={"judge": {"transition": proposal}})
    assert last(played) == ENDS.get(to) or played.steps[-1].snapshot.tasks[0].state == to
    assert told(played, "judge") == reasons


def test_of_two_ways_for_one_wish_the_first_that_holds_is_taken(gate: Agent) -> None:
    alone = play(gate, "open the gate", "one", "I forgot my badge")
    assert last(alone) == "Be our guest."
    assert told(alone, "badge") == {
        "people == 1 -> visitor": True, "forgot -> guard": EARLIER, "late -> too_slow": OTHER_WISH,
        "people > 50 -> guard": OTHER_WISH, "rule -> judge": OTHER_WISH,
    }  # fmt: skip
    several = play(gate, "open the gate", "three", "I forgot my badge")
    assert last(several) == "The guard is coming."
    assert told(several, "badge")["people == 1 -> visitor"] is False


def test_a_key_stands_for_a_wish_unless_digits_were_keyed_in_before_it(gate: Agent) -> None:
    assert last(play(gate, "open the gate", "one", {"key": "*"})) == "Be our guest."
    amid = play(gate, "open the gate", "one", {"key": "12*", "state": "badge"}, {"key": "1234", "state": "sure"})
    assert amid.steps[-1].snapshot.tasks[0].slots["badge"].value == "1234"
    play(gate, "open the gate", "three", {"key": "*", "state": "badge"})


def test_a_confirmation_tells_of_its_other_ways_too(gate: Agent) -> None:
    to_sure = ("open the gate", "two", "1234")
    assert told(play(gate, *to_sure, "yes"), "sure") == {
        "late -> too_slow": "the caller said yes", "late -> guard": "the caller said yes"
    }  # fmt: skip
    assert set(told(play(gate, *to_sure, "no"), "sure").values()) == {"the caller said no"}
    late = play(gate, *to_sure, "I am too late already")
    assert last(late) == "You were too slow."
    assert told(late, "sure")["late -> guard"] == EARLIER


def test_silence_is_asked_after_in_the_states_own_words_and_leads_where_it_says(gate: Agent) -> None:
    silent = {"does": "nothing"}
    asked = {**silent, "hears": "How many of you are there?", "state": "people"}
    assert last(play(gate, "open the gate", asked, silent)) == "Nobody is there."
    play(gate, "open the gate", asked, {"say": "hm", "state": "people"}, {**asked})


def test_where_a_state_says_nothing_of_silence_the_agents_limit_ends_the_call(gate: Agent) -> None:
    silent = {"does": "nothing", "hears": "Are you still there? Your badge?", "state": "badge"}
    played = play(gate, "open the gate", "two", silent, silent, {"does": "nothing", "phase": "closing"})
    assert played.steps[-1].snapshot.tasks[0].state == "badge", "it can be resumed"


def test_what_is_no_answer_is_asked_again_and_leads_where_the_state_says(gate: Agent) -> None:
    again = {"say": "bananas", "hears": "A number, please.", "state": "people"}
    played = play(gate, "open the gate", again, again, "bananas")
    assert last(played) == "The guard is coming."
    play(gate, "open the gate", again, again, {"say": "two", "state": "badge"})


def test_a_state_without_a_way_out_ends_the_task_at_the_agents_limit(gate: Agent) -> None:
    no = {"say": "bananas", "state": "badge"}
    played = play(gate, "open the gate", "two", no, no, {"say": "bananas", "open": []})
    assert "I'm sorry, I couldn't understand you well enough to finish this." in spoken_texts(played.steps)


def test_time_leads_on_whatever_is_said_too_late(gate: Agent) -> None:
    assert last(play(gate, "open the gate", {"does": "wait", "seconds": 61})) == "You were too slow."
    assert "You were too slow." in spoken_texts(play(gate, "open the gate", {"say": "two", "seconds": 61}).steps)
    play(gate, "open the gate", {"say": "two", "seconds": 50, "state": "badge"})
    asked = play(
        gate, "open the gate", {"does": "nothing", "seconds": 30}, {"say": "two", "seconds": 31, "state": "badge"}
    )
    assert asked.steps[-1].wake_ms == 0, "the next state has no limit"
