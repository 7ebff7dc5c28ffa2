"""Whether the tools that a definition calls exist and take what it gives them."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_types import Tool

from fsa_engine.domain.definition import Act, Agent, ToolRef


def tool_problems(agent: Agent, server: str, offered: Mapping[str, Tool]) -> list[str]:
    """Return what is wrong between a definition and one of its tool servers, one sentence each."""
    problems: list[str] = []
    for name, reference in agent.tools.items():
        if reference.server != server:
            continue
        tool = offered.get(reference.tool or name)
        if tool is None:
            problems.append(f"tool server {server} has no tool {reference.tool or name!r}")
            continue
        problems += _key_problems(name, reference, tool.input_schema)
        for where, arguments in _uses(agent, name):
            problems += _argument_problems(f"{where}: tool {name}", reference, arguments, tool.input_schema)
    return problems


def _uses(agent: Agent, tool: str) -> Iterator[tuple[str, set[str]]]:
    """Yield every place that calls a tool, with the names of the arguments it gives."""
    for task_name, task in agent.tasks.items():
        for state_name, state in task.states.items():
            if isinstance(state, Act) and state.tool == tool:
                yield f"{task_name}.{state_name}", set(state.arguments)
    for name, reference in agent.tools.items():
        if reference.lookup is not None and reference.lookup.tool == tool:
            yield f"tools.{name}.lookup", set(reference.lookup.arguments)


def _key_problems(name: str, reference: ToolRef, schema: Mapping[str, Any]) -> list[str]:
    key = reference.key_argument
    if key and _closed(schema) and key not in schema.get("properties", {}):
        return [f"tool {name} takes no argument {key!r}, which key_argument names"]
    return []


def _argument_problems(where: str, reference: ToolRef, given: set[str], schema: Mapping[str, Any]) -> list[str]:
    unknown = given - set(schema.get("properties", {})) if _closed(schema) else set()
    missing = set(schema.get("required", ())) - given - {reference.key_argument}
    problems = [f"{where} takes no argument {name!r}" for name in sorted(unknown)]
    return problems + [f"{where} needs an argument {name!r}" for name in sorted(missing)]


def _closed(schema: Mapping[str, Any]) -> bool:
    """Whether arguments that the schema does not name are certainly a mistake.

    Servers rarely say `additionalProperties: false`, and ignore or refuse what they do not name.
    """
    return not schema.get("additionalProperties", False)
