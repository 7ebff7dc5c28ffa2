"""What an agent remembers of a caller, between the core and session (form: `domain.remembering`)."""

from collections.abc import Mapping
from typing import Any

import orjson

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import Event
from fsa_engine.domain.step import Step
from fsa_engine.wire import canonical
from opusagent.session.v1.session_pb2 import CallerMemory, LoadTaskResponse

DAY_MS = 86_400_000


def known(loaded: LoadTaskResponse, agent: Agent) -> Mapping[str, Any]:
    """Return what an agent remembers of the caller of a session that was loaded with it."""
    found = next((one.memory_json for one in loaded.memory if one.agent == agent.agent), "{}")
    memory = orjson.loads(found)
    return memory if isinstance(memory, dict) else {}


def kept(agent: Agent, step: Step, event: Event) -> CallerMemory | None:
    """Return what is to be kept after a step, for as long as the agent says; None where nothing of it changed."""
    if step.memory is None:
        return None
    until = event.at_ms + round(agent.memory.retention_days * DAY_MS)
    return CallerMemory(agent=agent.agent, memory_json=canonical(step.memory), until_ms=until)
