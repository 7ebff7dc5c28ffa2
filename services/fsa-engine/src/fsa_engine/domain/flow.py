"""How a task moves through its states: on from one that is satisfied, until one has to wait.

A state waits for the caller (collect, confirm), for a tool (act) or ends the task. Everything else goes on at once. A
task without the floor moves too, but puts no question until it has it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fsa_engine.domain.definition import (
    Act,
    Collect,
    Confirm,
    Constant,
    Decide,
    Done,
    Failing,
    Handoff,
    Say,
    Transition,
)
from fsa_engine.domain.outputs import Failed, HandOff, Progress, Result, Verbatim
from fsa_engine.domain.snapshot import TaskInstance
from fsa_engine.domain.template import mentioned
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.spoken import spoken

YES_NO = ("yes", "no")
MOVES = 50
"""States that a task may pass in one step; a definition that needs more goes in a circle."""


def run(turn: Turn, task_id: str) -> None:
    """Move a task on until it waits or ends."""
    for _ in range(MOVES):
        task = turn.task(task_id)
        if task is None:
            return
        state = turn.state(task)
        if not _ON[type(state)](turn, task, state):
            return
    task = turn.task(task_id)
    if task is not None:
        fail(turn, task, turn.agent.texts.too_many_retries, "circle")


def move(turn: Turn, task: TaskInstance, to: str, why: str) -> TaskInstance:
    """Put a task into a state, afresh."""
    turn.note(f"{task.task}: {task.state} -> {to} ({why})")
    attempts = {state: count for state, count in task.attempts.items() if state != task.state}
    return turn.put(
        task, state=to, asked=False, changing=False, waiting="", held=None, attempts=MappingProxyType(attempts)
    )


def follow(
    turn: Turn, task: TaskInstance, edges: tuple[Transition, ...], result: Mapping[str, Any] | None = None
) -> None:
    """Take the first way out whose rule holds; log why the others were not taken."""
    values, rules = turn.values(task, result), turn.definition(task).rules
    taken: Transition | None = None
    for edge in edges:
        if taken is not None:
            skipped = {"rule": edge.when, "for": f"-> {edge.to}", "skipped": "an earlier one was taken"}
            turn.rules.append({"task": task.task_id, "state": task.state, **skipped})
        elif edge.when is None or turn.judge(task, rules.compile(edge.when), values, f"-> {edge.to}").holds:
            taken = edge
    if taken is None:
        fail(turn, task, turn.agent.texts.too_many_retries, "no_way_on")
    else:
        move(turn, task, taken.to, taken.when or "always")


def close(turn: Turn, task: TaskInstance, outcome: str) -> None:
    """End a task."""
    turn.note(f"{task.task}: ended ({outcome})")
    pending = turn.snapshot.pending
    if pending and pending.task_id == task.task_id:
        turn.change(pending=None)
    turn.snapshot = turn.snapshot.without_task(task.task_id)


def fail(turn: Turn, task: TaskInstance, text: str, reason: str) -> None:
    """End a task without its goal."""
    turn.say(Failed(text, reason), task.task_id)
    close(turn, task, reason)


def escalate(turn: Turn, task: TaskInstance | None, text: str, target: str, summary: str) -> None:
    """Give the call to a human; the conversation is over for the agent."""
    turn.say(Verbatim(text), task.task_id if task else "")
    turn.say(HandOff(target, summary), task.task_id if task else "")
    if task:
        close(turn, task, "handed off")
    turn.change(phase="closing", closing_spoken=True, pending=None)


def question(turn: Turn, task: TaskInstance, state: Collect | Confirm, again: bool = False) -> None:
    """Put a state's question."""
    if isinstance(state, Confirm):
        text = turn.agent.texts.change if task.changing else turn.text(task, state.text)
        names = tuple(name.replace("_", " ") for name in state.slots)
        turn.ask(text, *(("choice", names) if task.changing else ("yes_no", YES_NO)), task.task_id)
    else:
        slot = turn.definition(task).slots[state.slot]
        wording = state.prompt or slot.prompt or f"What is the {state.slot.replace('_', ' ')}?"
        if again:
            wording = state.reprompt or slot.reprompt or f"{turn.agent.texts.not_understood} {wording}"
        turn.ask(turn.text(task, wording), slot.type, _likely(turn, task, state), task.task_id)
    turn.put(task, asked=True)


def _likely(turn: Turn, task: TaskInstance, state: Collect) -> tuple[str, ...]:
    """Return what may be answered: the values of a set, or what a tool found and the question offers."""
    slots = turn.definition(task).slots
    slot = slots[state.slot]
    offered = mentioned(state.prompt or "")
    lists = [n for n in task.slots if n in offered and slots[n].type == "list" and slots[n].of == slot.type]
    found = [spoken(value, slot.type, turn.now) for name in lists for value in task.slots[name].value]
    return tuple([name.replace("_", " ") for name in slot.values] + found)


def _collect(turn: Turn, task: TaskInstance, state: Collect) -> bool:
    if state.slot in task.slots and not state.ask_again:
        follow(turn, task, state.edges)
        return True
    if turn.has_floor(task):
        question(turn, task, state)
    return False


def _confirm(turn: Turn, task: TaskInstance, state: Confirm) -> bool:
    if turn.has_floor(task):
        question(turn, task, state)
    return False


def _decide(turn: Turn, task: TaskInstance, state: Decide) -> bool:
    follow(turn, task, state.edges)
    return True


def _say(turn: Turn, task: TaskInstance, state: Say) -> bool:
    text = turn.text(task, state.text)
    turn.say(Verbatim(text) if state.verbatim else Progress(text), task.task_id)
    follow(turn, task, state.edges)
    return True


def _act(turn: Turn, task: TaskInstance, state: Act) -> bool:
    if task.waiting:
        return False
    if state.progress and turn.has_floor(task):
        turn.say(Progress(turn.text(task, state.progress)), task.task_id)
    turn.put(task, waiting=turn.intend(tool_call(turn, task, state)))
    return False


def tool_call(turn: Turn, task: TaskInstance, state: Act) -> dict[str, Any]:
    """Describe a tool call as an intent's payload (see `outputs.Intent`)."""
    tool = turn.agent.tools[state.tool]
    slots = turn.definition(task).slots
    arguments = {name: _argument(turn, task, given) for name, given in state.arguments.items()}
    lookup = None
    if tool.lookup:
        found = turn.agent.tools[tool.lookup.tool]
        given_to = {name: _argument(turn, task, given) for name, given in tool.lookup.arguments.items()}
        lookup = {
            "server": found.server,
            "tool": found.tool or tool.lookup.tool,
            "arguments": given_to,
            "key_argument": found.key_argument,
            "timeout_ms": found.timeout_ms,
            "happened": tool.lookup.happened,
        }
    return {
        "server": tool.server,
        "tool": tool.tool or state.tool,
        "arguments": arguments,
        "write": tool.write,
        "settle": tool.settle or "",
        "key_argument": tool.key_argument,
        "lookup": lookup,
        "timeout_ms": tool.timeout_ms,
        "task_id": task.task_id,
        "state": task.state,
        "sensitive": [
            n for n, g in state.arguments.items() if isinstance(g, str) and g in slots and slots[g].sensitive
        ],
    }


def _argument(turn: Turn, task: TaskInstance, given: str | Constant) -> Any:
    if isinstance(given, Constant):
        return given.const
    if given.startswith("call."):
        return getattr(turn.snapshot.call, given.removeprefix("call."))
    return task.values().get(given)


def _handoff(turn: Turn, task: TaskInstance, state: Handoff) -> bool:
    target = state.target or turn.agent.escalation.target
    if target:
        text = turn.text(task, state.text or turn.agent.escalation.text)
        escalate(turn, task, text, target, turn.text(task, state.summary) or turn.named("{tasks}", (task,)))
        return False
    if state.unavailable:
        move(turn, task, state.unavailable, "no human can be reached")
        return True
    fail(turn, task, turn.agent.escalation.unavailable, "handoff_unavailable")
    return False


def _done(turn: Turn, task: TaskInstance, state: Done) -> bool:
    turn.say(Result(turn.text(task, state.text or "")), task.task_id)
    close(turn, task, "done")
    return False


def _failing(turn: Turn, task: TaskInstance, state: Failing) -> bool:
    fail(turn, task, turn.text(task, state.text or ""), state.reason)
    return False


_ON: dict[type, Callable[[Turn, TaskInstance, Any], bool]] = {
    Collect: _collect,
    Confirm: _confirm,
    Decide: _decide,
    Say: _say,
    Act: _act,
    Handoff: _handoff,
    Done: _done,
    Failing: _failing,
}
