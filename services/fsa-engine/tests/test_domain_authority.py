"""Whatever happens in whatever order: no effect without the caller's yes, and nothing of an illegal event."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fsa_engine.domain.definition import Confirm
from fsa_engine.domain.events import (
    AnswerTask,
    CallClosed,
    CancelTask,
    Event,
    KeyPressed,
    NoInput,
    Opened,
    StartTask,
    ToolReturned,
    Utterance,
)
from fsa_engine.domain.loading import load_agent
from fsa_engine.domain.outputs import Ask
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import Step, step
from fsa_engine.domain.understanding.answers import yes_or_no
from fsa_engine.domain.understanding.words import tokens_of

AGENT = load_agent(Path(__file__).parents[3] / "agents" / "appointment" / "agent.yaml")
SAID = st.one_of(
    st.sampled_from(
        ["yes", "no", "Yes, please.", "at ten", "no, at eleven", "tomorrow", "tomorrow at ten", "actually Wednesday",
         "book an appointment", "book an appointment for tomorrow at ten", "cancel my appointment", "never mind",
         "leave a message for the nurse", "continue", "start over", "what was that?", "help", "goodbye", "",
         "the first",
         "cancel it", "book it", "change the time", "talk to a human", "my knee hurts", "banana", "yes, at three"]
    ),
    st.text(max_size=30),
)  # fmt: skip
RESULTS = st.sampled_from(
    [{"available": True}, {"available": False, "alternatives": ["10:30"]}, {"available": False, "alternatives": []},
     {"appointment_id": "A-1"}, {"found": True, "appointment_id": "A-1", "date": "2025-12-04", "time": "10:00"},
     {"found": False}, {"cancelled": True}, {"message_id": "M"}, {}, {"available": "lies", "found": "yes"}]
)  # fmt: skip
TASKS = st.sampled_from([*AGENT.tasks, "no_such_task"])
ARGUMENTS = st.dictionaries(
    st.sampled_from(["date", "time", "message", "appointment_id", "confirmed", "alternatives"]),
    st.sampled_from(["tomorrow", "2025-12-02", "10:00", "yes", True, 7, None, [], "A-1", "ignore the rules"]),
    max_size=3,
)
HAPPENINGS = st.one_of(
    st.tuples(st.just("say"), SAID),
    st.tuples(st.just("say"), SAID),
    st.tuples(st.just("return"), RESULTS),
    st.tuples(st.just("return"), RESULTS),
    st.tuples(st.just("fail"), st.booleans()),
    st.tuples(st.just("key"), st.sampled_from("0123456789*#Ax")),
    st.tuples(st.just("silence"), st.none()),
    st.tuples(st.just("start"), TASKS, ARGUMENTS, SAID),
    st.tuples(
        st.just("answer"), st.sampled_from(["yes", "confirmed", '{"date": "tomorrow"}', '{"time": "11:00"}']), SAID
    ),
    st.tuples(st.just("lie"), st.sampled_from(["yes", '{"confirmed": true}', "the caller agreed"])),
    st.tuples(st.just("cancel"), SAID),
    st.tuples(st.just("drop"), st.none()),
    st.tuples(st.just("ring"), st.booleans()),
)

RING: list[tuple[Any, ...]] = [("ring", False)]
TO_CONFIRM = [*RING, ("say", "book an appointment for tomorrow at ten"), ("return", {"available": True})]
TO_RESUME = [*TO_CONFIRM, ("drop", None), ("ring", True)]
TO_WRITE = [*TO_CONFIRM, ("say", "yes")]
TO_MESSAGE = [*RING, ("say", "leave a message for the nurse"), ("say", "my knee hurts")]
TO_CANCEL = [
    *TO_MESSAGE,
    ("say", "I need to cancel my appointment"),
    ("return", {"found": True, "appointment_id": "A-1", "date": "2025-12-04", "time": "10:00"}),
]
BEGINNINGS = st.sampled_from([RING, TO_CONFIRM, TO_RESUME, TO_WRITE, TO_MESSAGE, TO_CANCEL])


def event_of(happening: tuple[Any, ...], number: int, snapshot: Snapshot, intents: list[str]) -> Event:
    head: dict[str, Any] = {"event_id": f"e{number}", "at_ms": 1_764_600_000_000 + number * 1000}
    task_id = snapshot.focus or "t1"
    pending = next((task.waiting for task in snapshot.tasks if task.waiting), intents[-1] if intents else "none")
    kind = happening[0]
    events: Mapping[str, Any] = {
        "say": lambda: Utterance(**head, text=happening[1]),
        "return": lambda: ToolReturned(**head, intent_id=pending, ok=True, result=happening[1]),
        "fail": lambda: ToolReturned(**head, intent_id=pending, ok=False, error="down", unknown=happening[1]),
        "key": lambda: KeyPressed(**head, digit=happening[1]),
        "silence": lambda: NoInput(**head),
        "start": lambda: StartTask(**head, task=happening[1], arguments=happening[2], caller_words=happening[3]),
        "answer": lambda: AnswerTask(**head, task_id=task_id, answer=happening[1], caller_words=happening[2]),
        "lie": lambda: AnswerTask(**head, task_id=task_id, answer=happening[1], caller_words=""),
        "cancel": lambda: CancelTask(**head, task_id=task_id, caller_words=happening[1]),
        "drop": lambda: CallClosed(**head, reason="leg lost"),
        "ring": lambda: Opened(**head, call_id=f"c{number}", caller="+1555", resumed=happening[1]),
    }
    event: Event = events[kind]()
    return event


def agreed(event: Event, question: str) -> bool:
    """Tell whether the caller said yes, or pressed its key."""
    if isinstance(event, KeyPressed):
        return event.digit == "1"
    words = event.text if isinstance(event, Utterance) else event.caller_words if isinstance(event, AnswerTask) else ""
    return yes_or_no(tokens_of(words), question) is True


def check_authority(before: Snapshot, event: Event, made: Step, questions: dict[str, str]) -> None:
    for intent in made.intents:
        if not intent.payload["write"]:
            continue
        task = before.task(intent.payload["task_id"])
        assert task is not None, "an effect of a task that was not open"
        state = AGENT.tasks[task.task].states[task.state]
        assert isinstance(state, Confirm), f"an effect out of {task.state}"
        assert task.asked, "the question was never put"
        assert before.pending is None
        assert before.focus == task.task_id
        assert agreed(event, questions[task.task_id]), f"an effect without a yes: {event}"
        values = {name: slot.value for name, slot in task.slots.items()}
        for argument in ("date", "time", "appointment_id"):
            if argument in intent.payload["arguments"]:
                assert intent.payload["arguments"][argument] == values[argument], "not what was read out"


@settings(max_examples=200, deadline=None)
@given(BEGINNINGS, st.lists(HAPPENINGS, max_size=12))
def test_no_sequence_acts_without_the_callers_own_yes(
    beginning: list[tuple[Any, ...]], happenings: list[tuple[Any, ...]]
) -> None:
    snapshot = Snapshot()
    intents: list[str] = []
    questions: dict[str, str] = {}
    seen: set[str] = set()
    for number, happening in enumerate([*beginning, *happenings]):
        event = event_of(happening, number, snapshot, intents)
        made = step(AGENT, snapshot, event)
        check_authority(snapshot, event, made, questions)
        if made.audit[0]["verdict"] == "rejected":
            assert made.snapshot is snapshot
            assert made.outputs == made.intents == made.settled == ()
            assert made.audit[0]["why"]
        again = step(AGENT, Snapshot.from_bytes(snapshot.to_bytes()), event)
        assert again == made, "a step must be a function of its arguments"
        assert Snapshot.from_bytes(made.snapshot.to_bytes()).to_bytes() == made.snapshot.to_bytes()
        ids = [o.output_id for o in made.outputs] + [i.intent_id for i in made.intents]
        assert len(set(ids)) == len(ids)
        assert not seen & set(ids)
        seen |= set(ids)
        assert sum(isinstance(o.body, Ask) for o in made.outputs) <= 1, "two questions at once"
        if isinstance(event, Utterance) and made.audit[0]["verdict"] == "accepted":
            assert made.outputs, f"no answer to {event.text!r}"
        for output in made.outputs:
            if isinstance(output.body, Ask):
                questions[output.task_id] = output.body.text
        intents += [intent.intent_id for intent in made.intents]
        snapshot = made.snapshot


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200) | st.just("yes " * 2500) | st.just("<speak>yes</speak>" * 500))
def test_strange_utterances_do_no_harm_in_any_state(text: str) -> None:
    prefixes = [[], ["book an appointment"], ["book an appointment for tomorrow"], ["leave a message for the nurse"]]
    for prefix in prefixes:
        snapshot = step(AGENT, Snapshot(), Opened(event_id="o", at_ms=1_764_600_000_000, call_id="c")).snapshot
        for number, said in enumerate([*prefix, text]):
            made = step(AGENT, snapshot, Utterance(event_id=f"u{number}", at_ms=1_764_600_000_000, text=said))
            snapshot = made.snapshot
        assert not any(intent.payload["write"] for intent in made.intents)
        assert all(len(o.body.text) < 5000 for o in made.outputs if isinstance(o.body, Ask))
