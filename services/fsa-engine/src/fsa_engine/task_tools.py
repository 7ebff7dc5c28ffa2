"""The tasks of the served agents as MCP tools: names, schemas, and what the arguments of a call ask for."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_types import Tool, ToolAnnotations

from fsa_engine.catalog import ServedAgent
from fsa_engine.domain.definition import Slot, Task
from fsa_engine.task_view import TaskView

ANSWER, STATUS, CANCEL = "answer_task", "task_status", "cancel_task"
LONGEST_NAME = 64
"""Characters; clients that hand tools on to a model take no more."""
LONGEST_WORDS = 4000

_WORDS = {
    "type": "string",
    "maxLength": LONGEST_WORDS,
    "description": "The person's own words, verbatim. Never invent them: only they can confirm.",
}
_CALLER = {
    "type": "string",
    "maxLength": 40,
    "description": "The person's telephone number in E.164, where the agent's back end goes by it.",
}
_SESSION = {"type": "string", "maxLength": 200, "description": "From the result of the tool that started the task."}
_KEYS = {
    "type": "string",
    "pattern": "^[0-9*#A-D]{1,40}$",
    "description": "Keys pressed instead of words, for what must not be spoken, such as a card number; end with #.",
}


@dataclass(frozen=True)
class TaskTool:
    """A task that can be started. `own`: arguments that are not slots."""

    agent: ServedAgent
    task: str
    own: frozenset[str]


def start_tools(agents: Iterable[ServedAgent]) -> dict[str, TaskTool]:
    """Return every task of every agent by the name of its tool, in order."""
    tools: dict[str, TaskTool] = {}
    for served in agents:
        for task, definition in served.agent.tasks.items():
            if getattr(definition, "internal", False):
                continue
            own = frozenset({"words", "caller"} - set(definition.slots))
            tools[_name(served.agent.agent, task, tools)] = TaskTool(served, task, own)
    return tools


def listed(agents: Iterable[ServedAgent]) -> list[Tool]:
    """Return all tools as a client sees them."""
    starts = [_start_tool(name, tool) for name, tool in start_tools(agents).items()]
    return [*starts, *_GENERIC]


def schema_of(name: str, tools: Mapping[str, TaskTool]) -> dict[str, Any] | None:
    """Return the input schema of a tool; None when there is none of that name."""
    if name in tools:
        return _start_schema(tools[name])
    return next((tool.input_schema for tool in _GENERIC if tool.name == name), None)


def _name(agent: str, task: str, taken: Mapping[str, Any]) -> str:
    name = f"{agent}_{task}"
    if len(name) <= LONGEST_NAME and name not in taken:
        return name
    digest = hashlib.sha256(f"{agent}/{task}".encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}_{digest}"


def _start_tool(name: str, tool: TaskTool) -> Tool:
    definition: Task = tool.agent.agent.tasks[tool.task]
    agent = tool.agent.agent.name
    return Tool(
        name=name,
        title=f"{agent}: {definition.title}",
        description=f"{definition.description.strip()} ({agent}.) Starts the task; what is given here is proposed, and "
        f"asked for where it is missing or must come from the person. Go on with {ANSWER}.",
        input_schema=_start_schema(tool),
        output_schema=_OUTPUT,
        annotations=ToolAnnotations(read_only_hint=False, open_world_hint=False),
    )


def _start_schema(tool: TaskTool) -> dict[str, Any]:
    own = {"words": _WORDS, "caller": _CALLER}
    properties = _argument_schemas(tool.agent.agent.tasks[tool.task]) | {
        n: own[n] for n in ("words", "caller") if n in tool.own
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _object(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {})


_OUTPUT = TaskView.model_json_schema()
_GENERIC = (
    Tool(
        name=ANSWER,
        title="Answer a task's question",
        description="Passes the person's answer on to the task, or anything else they say: a correction, another wish.",
        input_schema=_object(["session"], session=_SESSION, words=_WORDS, keys=_KEYS)
        | {"anyOf": [{"required": ["words"]}, {"required": ["keys"]}]},
        output_schema=_OUTPUT,
        annotations=ToolAnnotations(read_only_hint=False, open_world_hint=False),
    ),
    Tool(
        name=STATUS,
        title="How a task stands",
        description="Returns what the task said and asked last; waits a while if a tool is at work.",
        input_schema=_object(["session"], session=_SESSION),
        output_schema=_OUTPUT,
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
    ),
    Tool(
        name=CANCEL,
        title="Give a task up",
        description="Ends the session. What a tool has begun to change is not taken back.",
        input_schema=_object(["session"], session=_SESSION),
        output_schema=_OUTPUT,
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False),
    ),
)


def _argument_schemas(task: Task) -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of every slot that may be proposed when a task is started, by name."""
    return {name: _schema(slot) for name, slot in task.slots.items() if slot.from_ == "caller" and not slot.sensitive}


_JSON_TYPES: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "decimal": {"type": "string", "description": "A decimal number."},
    "date": {"type": "string", "description": "As the caller said it, or YYYY-MM-DD."},
    "time": {"type": "string", "description": "As the caller said it, or HH:MM (24 h)."},
    "yes_no": {"type": "boolean"},
    "digits": {"type": "string", "pattern": "^[0-9]*$"},
}


def _schema(slot: Slot) -> dict[str, Any]:
    """Return a slot's JSON Schema, as a model sees it."""
    if slot.type == "list":
        return {"type": "array", "items": dict(_JSON_TYPES.get(slot.of, {"type": "string"}))}
    schema = dict(_JSON_TYPES.get(slot.type, {"type": "string"}))
    if slot.type == "enum":
        schema["enum"] = list(slot.values)
    if slot.description:
        schema["description"] = slot.description
    return schema
