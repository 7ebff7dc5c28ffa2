"""The decisions of a session again, by stepping its events in order from nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fsa_engine.domain import events
from fsa_engine.domain.audit import MASK
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.replay import Difference, Replay
from fsa_engine.domain.replay import replay as domain_replay
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import step

COMPARED = ("verdict", "why", "decisions", "rejected", "rules", "outputs", "intents", "after")


def rerun(records: Sequence[Mapping[str, Any]], agent: Agent) -> Replay:
    """Replay one session's records, in the order of the chain, on a definition."""
    try:
        return domain_replay(records, agent)
    except NotImplementedError:
        return _stepped(records, agent)


def _stepped(records: Sequence[Mapping[str, Any]], agent: Agent) -> Replay:
    snapshot = Snapshot()
    differences: list[Difference] = []
    for index, record in enumerate(records, start=1):
        event = record["event"]
        if MASK in str(event):
            note = f"step {index} and what follows were not decided again: its words are hidden"
            return Replay(index - 1, tuple(differences), (note,))
        made = step(agent, snapshot, _event(event))
        differences += _differences(index, str(event["event_id"]), record, made.audit[0])
        snapshot = Snapshot.from_bytes(made.snapshot.to_bytes())
    return Replay(len(records), tuple(differences))


def _event(recorded: Mapping[str, Any]) -> events.Event:
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in recorded.items()}
    made: events.Event = getattr(events, str(fields.pop("kind")))(**fields)
    return made


def _differences(
    index: int, event_id: str, recorded: Mapping[str, Any], made: Mapping[str, Any]
) -> Iterator[Difference]:
    for what in COMPARED:
        if recorded.get(what) != made.get(what):
            yield Difference(index, event_id, what, recorded.get(what), made.get(what))
