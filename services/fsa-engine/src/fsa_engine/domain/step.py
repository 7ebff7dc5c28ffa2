"""The step: one event in, the next snapshot and everything that follows from it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import Event
from fsa_engine.domain.outputs import Business, Intent, Output
from fsa_engine.domain.snapshot import Snapshot


@dataclass(frozen=True)
class Step:
    """What one event led to. `settled`: ids of intents whose results it took in. `audit`: canonical-JSON-able dicts."""

    snapshot: Snapshot
    outputs: tuple[Output, ...]
    intents: tuple[Intent, ...]
    settled: tuple[str, ...]
    audit: tuple[Mapping[str, Any], ...]
    business: Business
    summary: str


def step(agent: Agent, snapshot: Snapshot, event: Event) -> Step:
    """Decide what an event leads to. Never raises for an event: an illegal one changes nothing and is audited."""
    raise NotImplementedError
