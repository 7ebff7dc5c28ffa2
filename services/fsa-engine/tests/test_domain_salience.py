"""What is known: who said so, how sure it is, how long it holds, and that nothing else is shown or acted on."""

from typing import Any

import pytest

from fsa_engine.domain.conversation import Played, run, spoken_texts
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import load_text
from fsa_engine.domain.snapshot import FactValue

SHOP = """\
version: 1
agent: shop
name: Shop
called_numbers: ["*"]
greeting: Shop, hello.
help: I can look.
matching: lexical
context:
  size: {type: integer, ttl_minutes: 10, remember: true}
  topic: {type: text, confidence: 0.8}
  guess: {type: text}
  copied: {type: text}
  rated: {type: text}
  branch: {type: text}
memory: {retention_days: 30}
servers: {core: {transport: http, url: "http://localhost/mcp"}}
tools: {look: {server: core}, rate: {server: core}}
tasks:
  measure:
    description: Take the size down.
    title: give your size
    resume: measuring
    request: size
    examples: [take my size]
    slots: {size: {type: integer, prompt: "Which size?"}}
    initial: size
    states:
      size: {kind: collect, slot: size, on_exit: {set: {size: size, branch: "'Main Street'"}}, to: rate}
      rate: {kind: act, tool: rate, set: {rated: result.rating}, to: done, failed: done}
      done: {kind: done, text: Noted.}
  look:
    description: Look for something.
    title: look for something
    resume: looking
    request: search
    examples: [look for something]
    slots: {size: {type: integer, prompt: "Which size is it?"}}
    initial: known
    states:
      known:
        kind: decide
        transitions: [{when: has(context.size), to: think}, {to: ask}]
      ask: {kind: collect, slot: size, on_exit: {set: {size: size}}, to: think}
      think:
        kind: reason
        instructions: What would fit?
        relevant: [size, topic, branch]
        transitions: [{kind: reasoning, name: nothing, to: done}, {to: look}]
      look: {kind: act, tool: look, arguments: {size: context.size}, to: done, failed: done}
      done: {kind: done, text: Looked.}
  complain:
    description: Complain.
    title: complain
    resume: complaining
    request: complaint
    examples: [make a complaint]
    slots:
      kind: {type: enum, values: {bill: [], shoes: []}, prompt: "Bill or shoes?"}
      sure: {type: yes_no}
    initial: think
    states:
      think:
        kind: reason
        instructions: What is it about?
        proposals: [kind]
        transitions:
          - {kind: reasoning, name: guess, do: {set: {guess: proposal.transition}}, to: weigh}
          - {when: has(slots.kind), do: {set: {topic: kind, guess: kind}}, to: weigh}
          - {to: ask}
      weigh:
        kind: decide
        transitions:
          - {when: has(context.topic), to: done}
          - {when: has(context.guess), do: {set: {copied: context.guess}}, to: ask}
          - {to: ask}
      ask: {kind: collect, slot: kind, ask_again: true, on_exit: {set: {topic: kind}}, to: weigh}
      done: {kind: done, text: Taken.}
"""
TOOLS: dict[str, Any] = {"look": {"found": True}, "rate": {"rating": "good"}}
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def shop() -> Agent:
    return load_text(SHOP)


def play(agent: Agent, *lines: Any, **script: Any) -> Played:
    given = [{"say": line} if isinstance(line, str) else line for line in lines]
    played = run(agent, {"name": "test", "lines": given, **script}, TOOLS)
    assert played.failures == []
    return played


def fact(played: Played, name: str) -> FactValue:
    return played.steps[-1].snapshot.facts[name]


def shown_to_models(played: Played) -> list[dict[str, Any]]:
    return [dict(i.payload["context"]) for made in played.steps for i in made.intents if i.kind == "reason"]


def test_a_fact_has_its_source_its_confidence_and_its_end(shop: Agent) -> None:
    played = play(shop, "take my size", "42")
    size = fact(played, "size")
    assert (size.value, size.source, size.confidence) == (42, "caller", 1.0)
    assert size.expires_ms - size.at_ms == 10 * MINUTE_MS
    assert (fact(played, "branch").source, fact(played, "branch").expires_ms) == ("operator", 0)
    assert (fact(played, "rated").source, fact(played, "rated").confidence) == ("tool", 1.0)
    told = played.steps[-1].audit[0]["after"]["facts"]["size"]
    assert told == {"value": 42, "source": "caller", "confidence": 1.0, "expires_ms": size.expires_ms}


def test_a_fact_that_holds_is_used_and_only_where_it_is_relevant(shop: Agent) -> None:
    played = play(shop, "take my size", "42", {"say": "look for something", "seconds": 500})
    assert "Which size is it?" not in spoken_texts(played.steps)
    assert played.calls[-1] == ("look", {"size": 42})
    (shown,) = shown_to_models(played)
    assert shown == {"size": 42, "branch": "Main Street", "caller_said": ["take my size", "42", "look for something"]}


def test_an_expired_fact_is_shown_to_no_rule_model_or_tool(shop: Agent) -> None:
    late = {"say": "look for something", "seconds": 601, "hears": "Which size is it?", "calls": []}
    played = play(shop, "take my size", "42", late)
    assert fact(played, "size").value == 42, "it is still on record"
    assert [entry["value"] for entry in played.steps[-1].audit[0]["rules"] if "has(context.size)" in str(entry)] == [
        False
    ]
    again = play(shop, "take my size", "42", late, "43")
    assert again.calls[-1] == ("look", {"size": 43})
    assert 42 not in shown_to_models(again)[-1].values()


def test_a_fact_that_ends_while_a_model_thinks_is_not_given_to_the_tool(shop: Agent) -> None:
    held = {"say": "look for something", "seconds": 590, "hold": True}
    played = play(shop, "take my size", "42", held, {"does": "wait", "seconds": 20})
    assert shown_to_models(played)[0]["size"] == 42
    assert played.calls[-1] == ("look", {"size": None})


def test_a_remembered_fact_ends_when_it_would_have_ended(shop: Agent) -> None:
    told = ("take my size", "42", {"does": "drop"})
    play(shop, *told, {"does": "ring", "seconds": 60}, {"say": "look for something", "calls": ["look"]})
    late = {"say": "look for something", "hears": "Which size is it?"}
    play(shop, *told, {"does": "ring", "seconds": 601}, late)


def test_what_is_not_sure_enough_is_asked_again(shop: Agent) -> None:
    guessed = {"think": {"slots": {"kind": "bill"}}}
    asked = {"say": "make a complaint", "hears": "Bill or shoes?", "state": "ask"}
    played = play(shop, asked, reasoning=guessed)
    assert (fact(played, "topic").source, fact(played, "topic").confidence) == ("model", 0.5)
    played = play(shop, asked, {"say": "shoes", "hears": ["Taken.", "Is there anything else I can help you with?"]},
                  reasoning=guessed)  # fmt: skip
    assert (fact(played, "topic").value, fact(played, "topic").source) == ("shoes", "caller")
    assert fact(played, "topic").confidence == 1.0


def test_a_guess_stays_a_guess_by_whatever_way_it_becomes_a_fact(shop: Agent) -> None:
    played = play(shop, "make a complaint", reasoning={"think": {"transition": "guess"}})
    assert (fact(played, "guess").source, fact(played, "guess").confidence) == ("model", 0.5)
    played = play(shop, "make a complaint", reasoning={"think": {"slots": {"kind": "bill"}}})
    assert (fact(played, "copied").value, fact(played, "copied").source) == ("bill", "model")
    assert fact(played, "copied").confidence == 0.5


def test_what_the_caller_confirmed_is_the_callers() -> None:
    confirmed = SHOP.replace("values: {bill: [], shoes: []}", "confirm: explicit, values: {bill: [], shoes: []}")
    confirmed = confirmed.replace("ask: {kind: collect, slot: kind, ask_again: true", "ask: {kind: collect, slot: kind")
    guessed = {"think": {"slots": {"kind": "bill"}}}
    asked = {"say": "make a complaint", "hears": "I have bill. Is that right?"}
    played = play(load_text(confirmed), asked, "yes", reasoning=guessed)
    assert played.steps[-1].snapshot.tasks == ()
    assert (fact(played, "topic").source, fact(played, "topic").confidence) == ("caller", 1.0)
