"""What a conversing model is offered: only the tools that mean something now, with only the values it may propose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsa_engine.domain.definition import Act, Agent, Collect, Confirm, Slot, Task
from fsa_engine.domain.events import AnswerTask, CancelTask, StartTask
from fsa_engine.domain.reasoning import value_schema
from fsa_engine.domain.secrecy import is_private
from fsa_engine.domain.snapshot import Snapshot, TaskInstance


@dataclass(frozen=True)
class ToolDecl:
    """A function that the model may call. `name`: start_task, answer_task or cancel_task; `parameters`: JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


def tools_for(agent: Agent, snapshot: Snapshot) -> list[ToolDecl]:
    """Return what the model may call in this state of the conversation."""
    if snapshot.phase in {"closing", "closed"} or snapshot.transfer is not None or is_private(agent, snapshot):
        return []
    found = []
    if snapshot.phase in {"greeting", "open", "offering_more", "resuming"} and not snapshot.aside:
        found += _start(agent, snapshot)
    found += _answer(agent, snapshot)
    open_roots = [root for root in snapshot.roots if not _writing(agent, snapshot, root)]
    if open_roots and snapshot.phase == "open":
        ids = [root.task_id for root in open_roots]
        about = "; ".join(f"{root.task_id} is {root.task}" for root in open_roots)
        found.append(ToolDecl("cancel_task", f"Give up a task that the caller does not want any more ({about}).", _of({
            "task_id": {"enum": ids},
        }, ["task_id"])))  # fmt: skip
    return found


def _start(agent: Agent, snapshot: Snapshot) -> list[ToolDecl]:
    """Offer the tasks that are not open yet, with what may be proposed for each."""
    taken = {root.task for root in snapshot.roots}
    tasks = {name: task for name, task in agent.tasks.items() if not task.internal and name not in taken}
    if not tasks:
        return []
    arguments: dict[str, Any] = {}
    for task in tasks.values():
        for name, slot in task.slots.items():
            if may_be_proposed(slot):
                arguments.setdefault(name, value_schema(slot))
    about = "; ".join(f"{name}: {task.description.strip()}" for name, task in tasks.items())
    properties = {"task": {"enum": list(tasks)}, "arguments": _of(arguments, [])}
    return [ToolDecl("start_task", f"Start a task that the caller wants. {about}", _of(properties, ["task"]))]


def may_be_proposed(slot: Slot) -> bool:
    """Tell whether a model may ever propose a slot's value."""
    return slot.from_ == "caller" and not slot.sensitive and not slot.by_keys


def _answer(agent: Agent, snapshot: Snapshot) -> list[ToolDecl]:
    """Offer to pass on the answer to the question that is open, if there is one."""
    pending, task = snapshot.pending, snapshot.focused
    if pending is not None:
        return [_passing_on("the open question", pending.task_id if pending.kind == "cancel" else "", {})]
    if snapshot.phase in {"resuming", "offering_more"} or task is None:
        return [_passing_on("the open question of the conversation, or what else the caller says", "", {})]
    definition = agent.tasks.get(task.task)
    state = definition.states.get(task.state) if definition else None
    if definition is None or not isinstance(state, Collect | Confirm) or not task.asked:
        busy = _writing(agent, snapshot, snapshot.root_of(task))
        return [] if busy else [_passing_on("what is being done, or what else the caller says", "", {})]
    asked = "a confirmation" if isinstance(state, Confirm) or task.verifying else state.slot
    return [_passing_on(f"the question about {asked}", task.task_id, _proposable(definition, state))]


def _passing_on(what: str, task_id: str, slots: Mapping[str, Any]) -> ToolDecl:
    about = f"Pass on the caller's answer to {what}; the caller's own words count, not yours."
    properties = {"task_id": {"enum": [task_id]}, "answer": _of(slots, [])}
    return ToolDecl("answer_task", about, _of(properties, ["task_id"]))


def is_offered(agent: Agent, snapshot: Snapshot, event: StartTask | AnswerTask | CancelTask) -> bool:
    """Tell whether a model may make this call in this state of the conversation."""
    name, argument, value = _call(event)
    tool = next((tool for tool in tools_for(agent, snapshot) if tool.name == name), None)
    return tool is not None and value in tool.parameters["properties"][argument]["enum"]


def _call(event: StartTask | AnswerTask | CancelTask) -> tuple[str, str, str]:
    if isinstance(event, StartTask):
        return "start_task", "task", event.task
    return "answer_task" if isinstance(event, AnswerTask) else "cancel_task", "task_id", event.task_id


def _proposable(definition: Task, state: Collect | Confirm) -> dict[str, Any]:
    found = {}
    for name, slot in definition.slots.items():
        allowed = state.proposals is None or name in state.proposals
        changeable = state.may_change is None or name in state.may_change
        if allowed and changeable and may_be_proposed(slot):
            found[name] = value_schema(slot)
    return found


def _writing(agent: Agent, snapshot: Snapshot, root: TaskInstance) -> bool:
    """Tell whether a tool that cannot be taken back is at work for a task."""
    leaf = snapshot.leaf_of(root)
    definition = agent.tasks.get(leaf.task)
    state = definition.states.get(leaf.state) if definition else None
    return isinstance(state, Act) and bool(leaf.waiting or leaf.held) and agent.tools[state.tool].write


def _of(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**schema, "required": required} if required else schema
