"""What a conversing model is offered: only the tools that mean something now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.snapshot import Snapshot


@dataclass(frozen=True)
class ToolDecl:
    """A function that the model may call. `name`: start_task, answer_task or cancel_task; `parameters`: JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


def tools_for(agent: Agent, snapshot: Snapshot) -> list[ToolDecl]:
    """Return what the model may call in this state of the conversation."""
    raise NotImplementedError
