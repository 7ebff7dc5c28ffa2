"""What a drawing of a task shows: its states with a line on each, and the ways between them."""

from dataclasses import dataclass
from typing import Any

from fsa_engine.domain.definition import Agent, Task
from opusagent_cli.agent.edges import Edge, edges


@dataclass(frozen=True)
class Node:
    """A state: its name, its kind, and what it does in a few words."""

    name: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Picture:
    """A task as it is drawn."""

    task: str
    title: str
    initial: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def pictures(agent: Agent, only: str = "") -> list[Picture]:
    """Return the picture of every task, or of one. Raises KeyError for a task that is not there."""
    names = [only] if only else list(agent.tasks)
    return [_picture(name, agent.tasks[name], agent) for name in names]


def _picture(name: str, task: Task, agent: Agent) -> Picture:
    """Put the initial state first, then the others in the order of the file."""
    order = [task.initial, *(state for state in task.states if state != task.initial)]
    nodes = tuple(Node(state, task.states[state].kind, _detail(task.states[state], agent)) for state in order)
    return Picture(name, task.title or task.description, task.initial, nodes, tuple(edges(task)))


def _detail(state: Any, agent: Agent) -> str:
    if state.kind == "collect":
        return f"asks for {state.slot}"
    if state.kind == "confirm":
        return "asks for a yes"
    if state.kind == "act":
        tool = agent.tools.get(state.tool)
        return f"{'writes' if tool and tool.write else 'reads'}: {state.tool}"
    if state.kind == "say":
        return "says word for word" if state.verbatim else "says"
    if state.kind == "task":
        return f"runs {state.task}"
    if state.kind == "handover":
        return f"hands over to {state.agent}"
    if state.kind == "failed":
        return "failed" if state.reason == "failed" else f"failed: {state.reason}"
    return _PLAIN.get(state.kind, str(state.kind))


_PLAIN = {"decide": "decides", "reason": "thinks", "handoff": "to a human"}
