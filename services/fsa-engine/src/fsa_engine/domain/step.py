"""The step: one event in, the next snapshot and everything that follows from it out.

Pure: time comes with the event, work to be done outside goes out as intents, and their results come back as events. An
event that cannot happen in a snapshot changes nothing and says why in the audit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from fsa_engine.domain import keys, proposing
from fsa_engine.domain.audit import record, summary
from fsa_engine.domain.conversing import hear, silence
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import (
    AnswerTask,
    CallClosed,
    CancelTask,
    Delivered,
    Event,
    HandedOver,
    KeyPressed,
    NoInput,
    Opened,
    ReasoningReturned,
    StartTask,
    TimePassed,
    ToolReturned,
    TransferReturned,
    Utterance,
)
from fsa_engine.domain.floor import give
from fsa_engine.domain.outputs import Business, Intent, OpenTask, Output, Privacy
from fsa_engine.domain.resuming import open_call
from fsa_engine.domain.snapshot import CallFacts, Snapshot
from fsa_engine.domain.template import fill
from fsa_engine.domain.tools import tool_returned
from fsa_engine.domain.turn import Illegal, Turn
from fsa_engine.domain.understanding.spoken import joined


@dataclass(frozen=True)
class Step:
    """What one event led to. `settled`: ids of intents whose results it took in. `audit`: JSON throughout.

    `privacy`: a change of who hears the caller, None = as before (`is_private` tells which). `speech`: gated = no model
    audio of a turn leaves the relay before the step that answers it. `wake_ms`: when TimePassed is wanted, Unix
    milliseconds, 0 = never; the latest step's counts. `memory`: what is to be kept of the caller, None = as before.
    `confidential`: the whole event, where the audit has it masked; to be sealed or dropped (`audit.with_sealed`).
    """

    snapshot: Snapshot
    outputs: tuple[Output, ...]
    intents: tuple[Intent, ...]
    settled: tuple[str, ...]
    audit: tuple[Mapping[str, Any], ...]
    business: Business
    summary: str
    privacy: Privacy | None = None
    speech: Literal["free", "gated"] = "free"
    wake_ms: int = 0
    memory: Mapping[str, Any] | None = None
    confidential: Mapping[str, Any] | None = None


def step(agent: Agent, snapshot: Snapshot, event: Event) -> Step:
    """Decide what an event leads to. Never raises for an event: an illegal one changes nothing and is audited."""
    turn = Turn(agent, snapshot, event)
    try:
        _HANDLERS[type(event)](turn, event)
    except Illegal as illegal:
        turn = Turn(agent, snapshot, event)
        why = str(illegal)
        rejected = record(turn, snapshot, "rejected", why)
        return Step(snapshot, (), (), (), (rejected,), business(agent, snapshot), f"rejected: {why}")
    audit = record(turn, snapshot, "accepted", "")
    return Step(
        turn.snapshot,
        tuple(turn.outputs),
        tuple(turn.intents),
        tuple(turn.settled),
        (audit,),
        business(agent, turn.snapshot),
        summary(snapshot, turn),
    )


def business(agent: Agent, snapshot: Snapshot) -> Business:
    """Tell what session must know of a conversation."""
    return Business(
        tuple(OpenTask(t.task_id, t.task, t.state) for t in snapshot.tasks),
        snapshot.closing_spoken,
        agent.sms.on,
        _sms(agent, snapshot),
        int(agent.resume.ttl_hours * 3_600_000),
    )


def _sms(agent: Agent, snapshot: Snapshot) -> str:
    if not snapshot.tasks or snapshot.closing_spoken or agent.sms.on == "never":
        return ""
    requests = [agent.tasks[t.task].request for t in snapshot.tasks if t.task in agent.tasks]
    words = {"requests": joined(requests), "was": "was" if len(requests) == 1 else "were"}
    return fill(agent.sms.text, lambda name, _: words.get(name))


def _on_call(turn: Turn) -> None:
    phase = turn.snapshot.phase
    if phase == "greeting":
        raise Illegal("no call was opened")
    if phase in {"closing", "closed"}:
        raise Illegal("the conversation is over")


def _opened(turn: Turn, event: Opened) -> None:
    facts = turn.snapshot.call
    if facts.call_id == event.call_id and turn.snapshot.phase not in {"greeting", "closed"}:
        raise Illegal("this call is open already")
    turn.change(
        call=CallFacts(event.call_id, event.caller, event.callee, event.channel),
        definition_hash=turn.agent.definition_hash,
    )
    _adopt(turn)
    open_call(turn, event)


def _adopt(turn: Turn) -> None:
    """Fit tasks that another version of the definition began: what no longer exists falls away."""
    kept = []
    for task in turn.snapshot.tasks:
        definition = turn.agent.tasks.get(task.task)
        if definition is None:
            turn.note(f"{task.task}: no longer defined, dropped")
            continue
        slots = MappingProxyType({name: slot for name, slot in task.slots.items() if name in definition.slots})
        fitted = replace(task, slots=slots, asked=False, changing=False)
        if task.state not in definition.states:
            turn.note(f"{task.task}: state {task.state} no longer defined, begins anew")
            fitted = replace(fitted, state=definition.initial, waiting="", held=None)
        kept.append(fitted)
    turn.change(tasks=tuple(kept))


def _utterance(turn: Turn, event: Utterance) -> None:
    _on_call(turn)
    hear(turn, event)


def _key(turn: Turn, event: KeyPressed) -> None:
    _on_call(turn)
    if len(event.digit) != 1 or event.digit not in "0123456789*#ABCD":
        raise Illegal("not a key")
    keys.press(turn, event.digit)


def _no_input(turn: Turn, event: NoInput) -> None:
    _on_call(turn)
    task = turn.snapshot.focused
    if turn.snapshot.keys and task is not None:
        keys.submit(turn, task)
        give(turn)
    else:
        silence(turn)


def _start(turn: Turn, event: StartTask) -> None:
    _on_call(turn)
    proposing.start_task(turn, event)


def _answer(turn: Turn, event: AnswerTask) -> None:
    _on_call(turn)
    proposing.answer(turn, event)


def _cancel(turn: Turn, event: CancelTask) -> None:
    _on_call(turn)
    proposing.cancel(turn, event)


def _returned(turn: Turn, event: ToolReturned) -> None:
    if tool_returned(turn, event):
        give(turn)


def _later(turn: Turn, event: Event) -> None:
    raise Illegal("nothing waits for this")


def _closed(turn: Turn, event: CallClosed) -> None:
    if turn.snapshot.phase in {"greeting", "closed"}:
        raise Illegal("no call is open")
    turn.note(f"call closed: {event.reason[:100]}")
    turn.change(phase="closed", pending=None, keys="")


def _delivered(turn: Turn, event: Delivered) -> None:
    return


_HANDLERS: dict[type, Callable[[Turn, Any], None]] = {
    Opened: _opened,
    Utterance: _utterance,
    KeyPressed: _key,
    NoInput: _no_input,
    StartTask: _start,
    AnswerTask: _answer,
    CancelTask: _cancel,
    ToolReturned: _returned,
    ReasoningReturned: _later,
    TransferReturned: _later,
    HandedOver: _later,
    TimePassed: _later,
    CallClosed: _closed,
    Delivered: _delivered,
}
