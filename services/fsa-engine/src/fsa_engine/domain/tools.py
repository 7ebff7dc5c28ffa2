"""What came back: a tool's result, a model's proposal."""

from collections.abc import Mapping
from typing import Any

from fsa_engine.domain.definition import Act, Reason
from fsa_engine.domain.events import ReasoningReturned, ToolReturned
from fsa_engine.domain.filling import put_values
from fsa_engine.domain.flow import go, run
from fsa_engine.domain.moving import move
from fsa_engine.domain.outputs import Progress
from fsa_engine.domain.reasoning import proposable, think
from fsa_engine.domain.salience import set_facts
from fsa_engine.domain.slotting import fill_slots
from fsa_engine.domain.snapshot import TaskInstance
from fsa_engine.domain.turn import NOT_KEPT, Turn
from fsa_engine.domain.understanding.values import proposed


def tool_returned(turn: Turn, event: ToolReturned) -> bool:
    """Take a result in; return whether the task went on. One that nobody waits for is only settled."""
    returned = {"ok": event.ok, "result": dict(event.result), "error": event.error[:500], "unknown": event.unknown}
    return _returned(turn, event.intent_id, returned)


def reasoning_returned(turn: Turn, event: ReasoningReturned) -> bool:
    """Take a proposal in; return whether the task went on. Thoughts stay even where nobody waits for the proposal."""
    turn.proposal = dict(event.proposal) if event.ok else None
    turn.scratchpad = event.thoughts[:4000] if turn.agent.reasoning.keep else NOT_KEPT
    returned = {
        "ok": event.ok,
        "proposal": dict(event.proposal),
        "thoughts": event.thoughts,
        "error": event.error[:500],
    }
    return _returned(turn, event.intent_id, returned)


def _returned(turn: Turn, intent_id: str, returned: Mapping[str, Any]) -> bool:
    """Hand a result to the task that waits for it; while nobody is on the line it is held, and told when he is back."""
    turn.settled.append(intent_id)
    tasks = (*turn.snapshot.tasks, *turn.snapshot.aside)
    task = next((t for t in tasks if t.waiting == intent_id), None)
    if task is None:
        turn.reject("no task waits for this result")
        return False
    if turn.task(task.task_id) is None:
        turn.set_aside(task, waiting="", held=returned)
        turn.note(f"{task.task}: result held, the caller is not known yet")
        return False
    if turn.snapshot.phase in {"closing", "closed"}:
        turn.put(task, waiting="", held=returned)
        turn.note(f"{task.task}: result held, nobody is on the line")
        return False
    take_result(turn, task, returned)
    return True


def take_result(turn: Turn, task: TaskInstance, returned: Mapping[str, Any]) -> None:
    """Take a result in where the state is one that asked for it, and go on from there."""
    state = turn.state(task)
    task = turn.put(task, waiting="", held=None)
    if turn.lead:
        turn.say(Progress(""), task.task_id)
    if isinstance(state, Act) and "proposal" not in returned:
        _act(turn, task, state, returned)
    elif isinstance(state, Reason) and "proposal" in returned:
        _reason(turn, task, state, returned)
    run(turn, task.task_id)


def _act(turn: Turn, task: TaskInstance, state: Act, returned: Mapping[str, Any]) -> None:
    if returned["ok"]:
        result = returned["result"]
        task = fill_slots(turn, task, state.fill, result)
        if state.set:
            set_facts(turn, task, state.set, turn.values(task, result), "tool")
        go(turn, task, state.edges, result)
    elif returned["unknown"]:
        move(turn, task, state.unknown or state.failed, "nobody can tell whether the tool acted")
    else:
        move(turn, task, state.failed, f"tool failed: {returned['error']}")


def _reason(turn: Turn, task: TaskInstance, state: Reason, returned: Mapping[str, Any]) -> None:
    task = think(turn, task, str(returned["thoughts"]))
    if not returned["ok"]:
        turn.reject(f"no proposal: {returned['error']}")
    proposal = returned["proposal"] if returned["ok"] else {}
    accepted = _accept(turn, task, state, proposal.get("slots"))
    known = {edge.proposal for edge in state.transitions if edge.proposable}
    transition = proposal.get("transition")
    if transition is not None and (not isinstance(transition, str) or transition not in known):
        turn.reject("a transition that does not exist was proposed")
        transition = None
    go(turn, turn.task(task.task_id) or task, state.edges, proposal={**accepted, "transition": transition or ""})


def _accept(turn: Turn, task: TaskInstance, state: Reason, given: Any) -> dict[str, Any]:
    """Fill the slots that were proposed, may be, parse, and pass their checks; return those."""
    definition, allowed = turn.definition(task), proposable(turn, task, state)
    values = {}
    # In the order that the record keeps, so that a replay goes the same way.
    for name, value in sorted(given.items())[:50] if isinstance(given, dict) else ():
        if value is None:
            continue
        read = proposed(value, definition.slots[name].shape, turn.setting) if name in allowed else None
        if read is None:
            turn.reject(f"{name[:64]}: not a value that may be proposed here")
        else:
            values[name] = read
    if not values:
        return {}
    filled = put_values(turn, task, values, "model")
    turn.instead = ""
    return {name: value for name, value in values.items() if name in filled.new}
