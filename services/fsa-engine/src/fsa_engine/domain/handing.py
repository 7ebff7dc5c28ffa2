"""The call in other hands: what became of a transfer to a human, and of a hand-over to another agent."""

from types import MappingProxyType
from typing import Any

from fsa_engine.domain.definition import Handoff, HandOver, Slot
from fsa_engine.domain.events import HandedOver, TransferReturned
from fsa_engine.domain.floor import give, put_question
from fsa_engine.domain.flow import close, fail, run
from fsa_engine.domain.moving import move
from fsa_engine.domain.salience import put_fact
from fsa_engine.domain.slotting import checked
from fsa_engine.domain.snapshot import TaskInstance
from fsa_engine.domain.starting import start
from fsa_engine.domain.turn import Illegal, Turn


def transfer_returned(turn: Turn, event: TransferReturned) -> None:
    """Take the outcome of a transfer in. Raises Illegal if none is under way."""
    transfer = turn.snapshot.transfer
    if transfer is None or turn.snapshot.phase != "closing":
        raise Illegal("no transfer is under way")
    turn.note(f"transfer: {event.outcome}")
    if event.outcome == "answered":
        handed_off(turn)
        return
    turn.change(phase=transfer.phase, closing_spoken=False, transfer=None, silences=0)
    escalation = turn.agent.escalation
    apology = {"busy": escalation.busy, "no_answer": escalation.no_answer}.get(event.outcome, escalation.unavailable)
    task = turn.task(transfer.task_id) if transfer.task_id else None
    if task is None:
        turn.lead = apology
        put_question(turn)
    else:
        _back_from(turn, task, event.outcome, apology)
        give(turn)


def _back_from(turn: Turn, task: TaskInstance, outcome: str, apology: str) -> None:
    """Go on from a handoff that did not come about."""
    state = turn.state(task)
    task = turn.put(task, waiting="")
    own = {"busy": "busy", "no_answer": "no_answer"}.get(outcome, "unavailable")
    to = (getattr(state, own) or state.unavailable) if isinstance(state, Handoff) else None
    if to is None:
        fail(turn, task, apology, f"transfer_{outcome}")
        return
    turn.lead = apology
    move(turn, task, to, f"transfer: {outcome}")
    run(turn, task.task_id)


def handed_off(turn: Turn) -> None:
    """A human has the caller: nothing is left open for the agent."""
    transfer = turn.snapshot.transfer
    task = turn.task(transfer.task_id) if transfer and transfer.task_id else None
    state = turn.state(task) if task else None
    if task and isinstance(state, Handoff) and state.answered:
        move(turn, turn.put(task, waiting=""), state.answered, "transfer: answered")
    for root in turn.snapshot.roots:
        close(turn, root, "handed off")
    turn.change(transfer=None, pending=None, focus="")


def handed_over(turn: Turn, event: HandedOver) -> None:
    """Take the outcome of a hand-over in: begin as the other agent, or go on as the one that stays."""
    if event.ok:
        _take_over(turn, event)
        return
    turn.settled.append(event.intent_id)
    task = next((t for t in turn.snapshot.tasks if t.waiting == event.intent_id), None)
    if task is None:
        raise Illegal("no task waits for this hand-over")
    turn.reject(f"not handed over: {event.error[:200]}")
    state = turn.state(task)
    task = turn.put(task, waiting="")
    if isinstance(state, HandOver) and state.failed:
        move(turn, task, state.failed, "the other agent is not there")
        run(turn, task.task_id)
    else:
        fail(turn, task, turn.agent.escalation.unavailable, "handover_failed")
    give(turn)


def _take_over(turn: Turn, event: HandedOver) -> None:
    if all(task.waiting != event.intent_id for task in turn.snapshot.tasks):
        raise Illegal("no task waits for this hand-over")
    turn.settled.append(event.intent_id)
    turn.note(f"taken over from {event.from_agent[:64]}")
    known = {name: fact for name, fact in turn.snapshot.facts.items() if name in turn.agent.context}
    turn.change(
        definition_hash=turn.agent.definition_hash,
        tasks=(),
        aside=(),
        focus="",
        pending=None,
        phase="open",
        keys="",
        misunderstood=0,
        facts=MappingProxyType(known),
    )
    given = dict(list(event.context.items())[:50])
    slots = turn.agent.tasks[event.task].slots if event.task in turn.agent.tasks else {}
    for name, value in given.items():
        declared = turn.agent.context.get(name)
        if declared is not None and checked(value, declared.type) is not None:
            put_fact(turn, name, value, "operator")
        elif name not in slots:
            turn.reject(f"{name[:64]}: neither slot nor fact of {turn.agent.agent}")
    missing = [name for name in _takes(turn, event.task) if not _usable(slots[name], given.get(name))]
    if missing:
        turn.reject(f"{event.task}: not given {', '.join(missing)}")
    if event.task in turn.agent.tasks and not missing:
        start(turn, event.task, given=given)
    else:
        put_question(turn)


def _takes(turn: Turn, name: str) -> tuple[str, ...]:
    return turn.agent.tasks[name].takes if name in turn.agent.tasks else ()


def _usable(slot: Slot, value: Any) -> bool:
    return not slot.sensitive and checked(value, slot.type, slot.of) is not None
