"""Every part of the language, acted out: slots, states, transitions, context, memory, escalation, time."""

from typing import Any

import pytest

from fsa_engine.domain.conversation import Played, run, spoken_texts
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import load_text
from fsa_engine.domain.outputs import Privacy
from fsa_engine.domain.snapshot import Snapshot

DESK = """\
version: 1
agent: desk
name: Desk
called_numbers: ["*"]
greeting: Desk, hello.
help: I can send things.
escalation: {target: "tel:+49123", text: Please hold., busy: They are busy.}
none: [what a lovely day]
intents: {no_card: [I don't have the card, I have no card with me, the card is gone]}
knowledge: {hours: {examples: [when are you open, what are your opening hours], answer: We are open all day.}}
context:
  customer: {type: text, remember: true}
  tier: {type: integer, ttl_minutes: 10}
  verified: {type: yes_no}
memory: {retention_days: 30}
servers: {core: {transport: http, url: "http://localhost/mcp"}}
tools:
  send: {server: core, write: true, settle: once}
  look: {server: core}
tasks:
  identify:
    internal: true
    description: Find out who calls.
    returns: [card]
    slots: {card: {type: digits, min_length: 16, max_length: 16, checksum: luhn, sensitive: true, prompt: "Your card?"}}
    initial: card
    states:
      card:
        kind: collect
        slot: card
        no_input: {text: "Are you looking for it?", attempts: 2, to: gave_up}
        transitions:
          - {kind: intent, intent: no_card, to: gave_up}
          - {to: known, do: {set: {verified: "true"}}}
      known: {kind: done}
      gave_up: {kind: failed, reason: no_card, text: Without it I cannot help.}
  send_money:
    description: Send money.
    title: send money
    resume: "sending money[ of {amount}]"
    request: transfer
    examples: [send money, I want to send money, transfer some money]
    slots:
      card: {type: digits, from: tool, sensitive: true}
      amount: {type: money, currency: EUR, prompt: "How much?", confirm: explicit}
      payee: {type: name, prompt: "To whom?", confirm: echo}
      note: {type: text, normalise: [trim, upper], prompt: "What for?"}
    initial: who
    states:
      who: {kind: task, task: identify, fill: {card: result.card}, to: amount, failed: human}
      amount: {kind: collect, slot: amount, time_limit: {seconds: 60, to: slow}, to: payee}
      payee: {kind: collect, slot: payee, to: note}
      note: {kind: collect, slot: note, on_exit: {set: {customer: payee}}, to: judge}
      judge:
        kind: decide
        transitions:
          - {when: amount > 1000.0, to: human}
          - {when: "true", requires: context.verified, ensures: [has(context.tier) && context.tier == 2], to: never}
          - {when: "true", priority: 5, requires: amount < 0.0, to: never}
          - {to: sure}
      never: {kind: done, text: Never.}
      sure:
        kind: confirm
        slots: [amount, payee]
        text: "{amount} to {payee} from the card {card}. Shall I?"
        yes: send
      send:
        kind: act
        tool: send
        speech: gated
        requires: [confirmed.amount, amount <= 1000.0]
        arguments: {card: card, amount: amount, to: payee}
        to: sent
        failed: broken
        unknown: human
      sent: {kind: done, text: Sent.}
      slow: {kind: failed, text: Too slow., reason: slow}
      broken: {kind: failed, text: Broken.}
      human: {kind: handoff, summary: "Money[ for {payee}].", busy: later}
      later: {kind: failed, reason: busy, text: Try again later.}
  complain:
    description: Complain.
    title: complain
    resume: complaining
    request: complaint
    examples: [I want to complain, this is a complaint]
    after: [send_money]
    slots:
      text: {type: text, prompt: "What happened?"}
      kind: {type: enum, values: {billing: [bill], other: []}}
    initial: text
    states:
      text: {kind: collect, slot: text, to: think}
      think:
        kind: reason
        instructions: What kind of complaint is it?
        relevant: [text, customer]
        proposals: [kind]
        budget_ms: 500
        transitions:
          - {kind: hybrid, when: "has(slots.kind) && slots.kind == 'billing'", name: billing, to: billing}
          - {kind: reasoning, name: fraud, requires: size(text) > 20, to: fraud}
          - {when: has(slots.kind), to: taken}
          - {to: unsure}
      billing: {kind: done, text: It is the bill.}
      fraud: {kind: handover, agent: fraud, task: report, context: [text, customer], failed: unsure}
      taken: {kind: done, text: Taken.}
      unsure: {kind: done, text: Somebody will read it.}
"""
FRAUD = """\
version: 1
agent: fraud
name: Fraud desk
called_numbers: ["+1"]
greeting: Fraud desk.
help: I take reports.
context: {customer: {type: text}}
tasks:
  report:
    description: Report fraud.
    title: report fraud
    resume: reporting
    request: report
    examples: [report fraud]
    slots: {text: {type: text, prompt: "What?"}, when: {type: date, prompt: "When was it?"}}
    initial: what
    states:
      what: {kind: collect, slot: text, to: when}
      when: {kind: collect, slot: when, to: done}
      done: {kind: done, text: Reported.}
"""
CARD = "4111111111111111"


@pytest.fixture(scope="module")
def desk() -> Agent:
    return load_text(DESK)


def play(agent: Agent, *lines: Any, **script: Any) -> Played:
    given = [{"say": line} if isinstance(line, str) else line for line in lines]
    others = script.pop("others", ())
    played = run(agent, {"name": "test", "lines": given, **script}, script.get("tools", {}), others)
    assert played.failures == []
    return played


def heard(played: Played) -> list[str]:
    return spoken_texts(played.steps)


def rules(played: Played, text: str) -> list[dict[str, Any]]:
    return [rule for made in played.steps for rule in made.audit[0]["rules"] if text in str(rule)]


TO_AMOUNT = ("send money", {"key": CARD, "state": "amount"})
TO_SURE = (
    *TO_AMOUNT,
    "fifty euros",
    {"say": "yes", "state": "payee"},
    "Anna Lee",
    {"say": " for the  rent", "state": "sure"},
)


def test_a_whole_task_with_its_part(desk: Agent) -> None:
    played = play(desk, *TO_SURE, {"say": "yes", "calls": ["send"], "open": []}, tools={"send": {}})
    assert played.calls == [("send", {"card": CARD, "amount": 50.0, "to": "Anna Lee"})]
    texts = heard(played)
    assert texts[1] == "Your card?"
    assert "I have 50 euros. Is that right?" in texts
    assert "Anna Lee. What for?" in texts
    assert "50 euros to Anna Lee from the card ending in 1 1 1 1. Shall I?" in texts
    assert texts[-2:] == ["Sent.", "Is there anything else I can help you with?"]
    assert played.steps[-1].snapshot.facts["customer"].value == "Anna Lee"
    assert played.steps[-1].snapshot.facts["customer"].source == "caller"
    assert CARD not in str([(made.audit, made.outputs, made.summary) for made in played.steps])


def test_privacy_goes_on_and_off_with_the_keys(desk: Agent) -> None:
    played = play(desk, {"say": "send money", "private": True}, {"key": CARD, "private": False})
    changes = [made.privacy for made in played.steps if made.privacy]
    assert changes == [Privacy(True), Privacy(False)]


def test_what_only_keys_may_give_is_not_taken_from_words_or_models(desk: Agent) -> None:
    said = "four one one one " + "one " * 12
    play(desk, "send money", {"say": said, "state": "card", "hears": ["Please key it in on your telephone."]})
    played = play(desk, "send money", {"answer": f'{{"card": "{CARD}"}}', "words": said, "state": "card"})
    assert "1111" not in str([made.audit for made in played.steps])


def test_a_wrong_checksum_is_no_answer(desk: Agent) -> None:
    play(desk, "send money", {"key": "4111111111111112", "state": "card"})


def test_a_wish_leads_out_and_the_part_that_failed_leads_on(desk: Agent) -> None:
    played = play(desk, "send money", {"say": "I don't have the card", "phase": "closing", "open": []})
    assert heard(played)[-3:] == ["Without it I cannot help.", "Please hold.", "(transfers)"]


def test_silence_leads_where_the_state_says(desk: Agent) -> None:
    silent = {"does": "nothing"}
    play(desk, "send money", {**silent, "hears": "Are you looking for it?"}, {**silent, "phase": "closing"})


def test_an_explicit_slot_counts_only_after_the_callers_yes(desk: Agent) -> None:
    refused = {"say": "no", "hears": "How much?", "slots": {"amount": None}}
    corrected = {"say": "no, sixty euros", "hears": "I have 60 euros. Is that right?"}
    play(desk, *TO_AMOUNT, "fifty euros", refused)
    play(desk, *TO_AMOUNT, "fifty euros", corrected, {"key": "1", "state": "payee", "slots": {"amount": 60.0}})
    lie = {"answer": "yes", "words": "", "state": "amount"}
    play(desk, *TO_AMOUNT, "fifty euros", lie, {"answer": '{"amount": 50}', "words": "", "state": "amount"})
    stale = {"answer": "yes", "words": "yes", "state": "payee"}
    play(desk, *TO_AMOUNT, "fifty euros", stale)


def test_time_leads_on(desk: Agent) -> None:
    played = play(desk, *TO_AMOUNT, {"does": "wait", "seconds": 100, "open": []})
    assert "Too slow." in heard(played)
    assert played.steps[2].wake_ms == 0
    assert played.steps[-2].wake_ms > 0
    late = {"say": "fifty euros", "seconds": 100, "open": []}
    assert "Too slow." in heard(play(desk, *TO_AMOUNT, late))
    in_time = {"say": "fifty euros", "seconds": 30, "state": "amount"}
    play(desk, *TO_AMOUNT, in_time)


def test_priorities_requirements_and_promises_of_edges_are_kept_and_told(desk: Agent) -> None:
    played = play(desk, *TO_SURE)
    told = [rule for rule in rules(played, "-> ") if rule.get("state") == "judge"]
    assert [rule["for"] for rule in told] == [
        "-> never", "-> never: requires", "-> human", "-> never", "-> never: requires", "-> never: ensures",
    ]  # fmt: skip
    assert "tier" not in played.steps[-1].snapshot.facts


def test_the_model_hears_the_gate(desk: Agent) -> None:
    played = play(desk, *TO_SURE, {"say": "yes", "hold": True}, tools={"send": {}})
    assert [made.speech for made in played.steps][-2:] == ["free", "gated"]


def test_a_busy_human_brings_the_caller_back(desk: Agent) -> None:
    big = ("send money", {"key": CARD}, "two thousand euros", "yes", "Anna Lee")
    offer = "Is there anything else I can help you with?"
    busy = {"does": "busy", "hears": ["They are busy.", "Try again later.", offer]}
    play(desk, *big, {"say": "rent", "phase": "closing", "open": []}, {**busy, "open": []})
    wish = {"say": "let me talk to a human", "phase": "closing"}
    play(desk, *TO_AMOUNT, wish, {"does": "busy", "hears": "They are busy. How much?", "state": "amount"})
    play(desk, *TO_AMOUNT, wish, {"say": "hello?", "verdict": "rejected"}, {"does": "answered", "open": []})
    play(desk, *TO_AMOUNT, wish, {"does": "drop", "open": []}, {"does": "ring_back", "hears": "Desk, hello."})
    play(desk, *TO_AMOUNT, {"does": "busy", "verdict": "rejected", "state": "amount"})


def test_plain_facts_are_told_in_between(desk: Agent) -> None:
    asked = {"say": "what are your opening hours?", "hears": "We are open all day. How much?", "state": "amount"}
    play(desk, *TO_AMOUNT, asked)
    play(desk, {"say": "when are you open", "hears": "We are open all day. What can I do for you?"})


def test_a_second_task_waits_for_the_first(desk: Agent) -> None:
    waits = {"say": "I want to complain", "hears": "I'll do that right after sending money. How much?"}
    rest = ("fifty", "yes", "Anna Lee", "rent")
    played = play(
        desk, *TO_AMOUNT, {**waits, "state": "amount"}, *rest, {"say": "yes", "state": "text"}, tools={"send": {}}
    )
    assert heard(played)[-2:] == ["Sent.", "What happened?"]


@pytest.mark.parametrize("words", ["send money and then complain", "I want to send money, and I want to complain"])
def test_of_two_tasks_wanted_at_once_the_second_waits(desk: Agent, words: str) -> None:
    first = {"say": words, "hears": "Let's send money and complain, one after the other. Your card?", "open": OPEN_BOTH}
    rest = ({"key": CARD, "state": "amount"}, "fifty", "yes", "Anna Lee", "rent")
    after = {"say": "yes", "hears": ["Sent.", "What happened?"], "state": "text"}
    play(desk, first, *rest, after, tools={"send": {}})


OPEN_BOTH = ["send_money", "complain"]


def test_both_is_an_answer_to_which(desk: Agent) -> None:
    open_ended = load_text(DESK.replace("    after: [send_money]\n", ""))
    for agent in (desk, open_ended):
        torn = {"say": "money transfer complaint", "hears": "Would you like to send money or complain?"}
        both = {"say": "both please", "hears": "Let's send money and complain, one after the other. Your card?"}
        wait = {"key": CARD, "state": "amount", "open": OPEN_BOTH}
        rest = (wait, "fifty", "yes", "Anna Lee", "rent", {"say": "yes", "state": "text"})
        play(agent, torn, both, *rest, tools={"send": {}})
        play(agent, torn, {"say": "not both", "open": []})


def test_what_was_keyed_in_for_a_part_is_work_that_would_be_lost(desk: Agent) -> None:
    asked = {"say": "never mind", "hears": "Shall I stop sending money?"}
    played = play(desk, *TO_AMOUNT, asked, {"say": "no", "hears": "All right, let's go on. How much?"})
    assert played.steps[-1].snapshot.tasks[0].slots["card"].source == "keys"
    question = {"say": "when are you open", "hears": "We are open all day. Shall I stop sending money?"}
    play(desk, *TO_AMOUNT, asked, question, {"say": "yes", "open": []})
    play(desk, "send money", {"say": "never mind", "open": []})


def test_who_gives_up_for_something_else_gets_that(desk: Agent) -> None:
    instead = {"say": "forget it, I want to complain", "open": ["send_money"], "hears": "Shall I stop sending money?"}
    stopped = ["All right, I've stopped that.", "What happened?"]
    play(desk, *TO_AMOUNT, instead, {"say": "yes", "hears": stopped, "open": ["complain"]})
    play(desk, "send money", {"say": "never mind, I want to complain", "open": ["complain"]})


def test_a_question_in_between_while_a_tool_is_at_work(desk: Agent) -> None:
    working = "We are open all day. I'm still working on that. One moment, please."
    asked = {"say": "when are you open", "hears": working, "hold": True, "state": "send"}
    play(desk, *TO_SURE, {"say": "yes", "hold": True}, asked, {"does": "wait", "open": []}, tools={"send": {}})


REASONED = [
    ({"slots": {"kind": "billing"}, "transition": "billing", "thoughts": "It is the bill."}, "It is the bill."),
    ({"slots": {"kind": "other"}, "transition": "billing"}, "Taken."),
    ({"slots": {"kind": "bill"}}, "Taken."),
    ({"slots": {"kind": "nonsense", "text": "changed"}, "transition": "fraud"}, "Somebody will read it."),
    ({"transition": "never"}, "Somebody will read it."),
    ({"slots": "not even", "transition": ["x"]}, "Somebody will read it."),
    ({"error": "over budget"}, "Somebody will read it."),
]


@pytest.mark.parametrize(("proposal", "said"), REASONED, ids=range(len(REASONED)))
def test_rules_decide_on_what_a_model_proposes(desk: Agent, proposal: dict[str, Any], said: str) -> None:
    played = play(desk, "I want to complain", "you charged me", reasoning={"think": proposal})
    assert heard(played)[-2] == said
    (intent,) = [intent for made in played.steps for intent in made.intents]
    assert intent.payload["context"] == {
        "text": "you charged me",
        "caller_said": ["I want to complain", "you charged me"],
    }
    assert intent.payload["proposals"] == {"slots": ["kind"], "transitions": ["billing", "fraud"]}
    assert intent.payload["schema"]["properties"]["transition"]["enum"] == ["billing", "fraud", None]
    assert intent.payload["budget_ms"] == 500
    assert "It is the bill." not in heard(played)[:-2]


def test_thoughts_are_in_the_audit_only(desk: Agent) -> None:
    line = {"say": "you charged me", "hold": True}
    played = play(
        desk, "I want to complain", line, {"does": "wait"}, reasoning={"think": {"thoughts": "Hm, a secret."}}
    )
    assert played.steps[-1].audit[0]["scratchpad"] == "Hm, a secret."
    assert "Hm" not in str(heard(played))
    forgetful = load_text(DESK.replace("memory: {", "reasoning: {keep: false}\nmemory: {"))
    played = play(forgetful, "I want to complain", "you charged me", reasoning={"think": {"thoughts": "Hm, a secret."}})
    assert "Hm" not in str([made.audit for made in played.steps])


def test_a_model_that_is_too_late_is_given_up(desk: Agent) -> None:
    held = {"say": "you charged me", "hold": True}
    played = play(desk, "I want to complain", held, {"does": "wait", "seconds": 5, "hold": True, "open": []})
    assert "Somebody will read it." in heard(played)
    assert played.steps[-1].settled


def test_another_agent_takes_over_with_what_was_chosen(desk: Agent) -> None:
    fraud = load_text(FRAUD)
    think = {"think": {"transition": "fraud"}}
    words = "somebody stole all of my money from the account"
    taken = {"say": words, "agent": "fraud", "state": "when", "slots": {"text": words}}
    played = play(desk, "I want to complain", taken, {"say": "yesterday", "open": []}, reasoning=think, others=[fraud])
    assert heard(played)[-3:] == ["When was it?", "Reported.", "Is there anything else I can help you with?"]
    played = play(desk, "I want to complain", {"say": words, "agent": "desk"}, reasoning=think)
    assert "Somebody will read it." in heard(played)


def test_the_caller_is_remembered_as_long_as_allowed(desk: Agent) -> None:
    told = play(
        desk,
        *TO_SURE,
        {"say": "yes"},
        {"does": "drop"},
        {"does": "ring", "facts": {"customer": "Anna Lee"}},
        tools={"send": {}},
    )
    kept = [made.memory for made in told.steps if made.memory]
    assert kept[-1]["history"][-1]["task"] == "send_money"
    assert "verified" not in kept[-1]["facts"]
    late = {"does": "ring", "seconds": 86_400, "facts": {"customer": None}}
    short = load_text(DESK.replace("retention_days: 30", "retention_days: 0.5"))
    play(short, *TO_SURE, {"say": "yes"}, {"does": "drop"}, late, tools={"send": {}})


def test_secrets_are_saved_sealed_only(desk: Agent) -> None:
    played = play(desk, "send money", {"key": CARD[:9]}, {"key": CARD[9:]})
    for made in played.steps:
        saved = made.snapshot.to_bytes(lambda text: text.encode().hex())
        assert Snapshot.from_bytes(saved, lambda text: bytes.fromhex(text).decode()) == made.snapshot
        lost = Snapshot.from_bytes(saved, lambda text: None)
        assert "1111" not in str(lost)
        assert b"1111111" not in saved
    assert "card" in played.steps[-1].snapshot.tasks[0].slots
    assert "card" not in lost.tasks[0].slots


IDENTIFYING = (
    DESK.replace("memory: {", "resume: {identify: prove}\nmemory: {")
    + """\
  prove:
    internal: true
    description: Prove it.
    slots: {pin: {type: digits, min_length: 4, max_length: 4, sensitive: true, prompt: "Your PIN?"}}
    initial: pin
    states:
      pin: {kind: collect, slot: pin, transitions: [{when: pin == '12' + '34', to: fine}, {to: wrong}]}
      fine: {kind: done}
      wrong: {kind: failed, text: That is wrong.}
"""
)


def test_nothing_of_an_earlier_call_is_said_before_the_caller_is_known() -> None:
    agent = load_text(IDENTIFYING)
    back = {"does": "ring_back", "private": True}
    played = play(
        agent,
        *TO_AMOUNT,
        {"does": "drop"},
        back,
        {"key": "1234", "phase": "resuming"},
        {"say": "continue", "state": "amount"},
    )
    assert "Welcome back! Before we go on, I have to make sure that it is you. Your PIN?" in heard(played)
    assert heard(played)[-2].startswith("Welcome back! We were sending money.")
    played = play(agent, *TO_AMOUNT, {"does": "drop"}, back, {"key": "9999", "open": []})
    assert "sending" not in str(heard(played))
    assert [task.task for task in played.steps[-1].business.open_tasks] == ["send_money"]
    assert "1234" not in str([made.audit for made in played.steps])
