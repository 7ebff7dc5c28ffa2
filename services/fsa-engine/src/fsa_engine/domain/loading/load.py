"""Load one agent: syntax, then schema, then sense."""

from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from fsa_engine.domain.definition import KINDS, Agent
from fsa_engine.domain.loading.checks import check
from fsa_engine.domain.loading.problems import DefinitionError, Problem
from fsa_engine.domain.loading.source import LONGEST_FILE, Path, Source, read_source

_FIXES = {
    "extra_forbidden": "remove it, or look for a slip in its name",
    "missing": "add it",
    "union_tag_invalid": f"use one of {', '.join(KINDS)}",
    "union_tag_not_found": "say what kind of state this is",
}


def load_agent(path: str | FilePath) -> Agent:
    """Read and check the agent in a YAML file. Raises DefinitionError, OSError."""
    path = FilePath(path)
    with path.open("rb") as file:
        return load_text(file.read(LONGEST_FILE + 1), str(path))


def load_text(text: str | bytes, file: str = "agent.yaml") -> Agent:
    """Read and check an agent; `file` names it in problems. Raises DefinitionError."""
    source = read_source(text, file)
    try:
        agent = Agent.model_validate(source.data)
    except ValidationError as error:
        raise DefinitionError([_schema_problem(source, dict(each)) for each in error.errors()]) from error
    problems = check(agent, source)
    if problems:
        raise DefinitionError(problems)
    return agent


def _schema_problem(source: Source, error: dict[str, Any]) -> Problem:
    path = _real_path(source.data, tuple(error["loc"]))
    name = ".".join(str(part) for part in path) or "the file"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message, path = "unknown key", (*path[:-1], f"#{path[-1]}")
    elif error["type"] == "missing":
        message = "missing"
    return source.problem(path, f"{name}: {message}", _FIXES.get(error["type"], ""))


def _real_path(data: Any, location: tuple[str | int, ...]) -> Path:
    """Drop from pydantic's location the tags of unions, which do not stand in the file."""
    path: list[str | int] = []
    for index, part in enumerate(location):
        inside = isinstance(data, dict) and part in data
        if inside or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            data = data[part]
            path.append(part)
        elif index == len(location) - 1 and isinstance(data, dict) and data.get("kind") != part:
            path.append(part)
    return tuple(path)
