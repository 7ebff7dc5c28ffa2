"""The decisions of a session again, from its audit records: the same verdicts, or where they differ.

Pure. The events stand in the records; what is sensitive in them stands there sealed. Where it cannot be opened any more
the recorded values of the rules are taken, and the replay says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.snapshot import Unseal


@dataclass(frozen=True)
class Difference:
    """What came out otherwise. `what`: verdict, state, slots, outputs, intents, ...; values as in the records."""

    index: int
    event_id: str
    what: str
    recorded: Any
    replayed: Any


@dataclass(frozen=True)
class Replay:
    """What came of a replay. `steps`: records replayed; `notes`: what was not decided anew, and why."""

    steps: int
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def same(self) -> bool:
        """Whether every verdict was reached again."""
        return not self.differences


def replay(records: Iterable[Mapping[str, Any]], agent: Agent, unseal: Unseal | None = None) -> Replay:
    """Replay one session's records, in the order of the chain, on a definition: its own, or another one."""
    raise NotImplementedError
