"""The decisions of a session again, from its audit records: the same verdicts, or where they differ.

Pure. The events stand in the records; what is sensitive in them stands there sealed. Where it cannot be opened any
more, a step is not decided anew but taken as it was recorded, and of later rules over such values the recorded ones are
taken; the notes say so. With another definition the recorded events meet its rules: the differences are what would have
changed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from fsa_engine.domain import events
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import Event
from fsa_engine.domain.snapshot import Snapshot, SnapshotError, Unseal
from fsa_engine.domain.step import Step, step
from fsa_engine.domain.turn import MASK

COMPARED = ("verdict", "why", "decisions", "rejected", "rules", "outputs", "intents", "after")
"""Parts of a record that a replay must reach again."""
_WORDS = ("text", "alternatives", "caller_words", "answer", "digit", "arguments", "result", "proposal", "context")


@dataclass(frozen=True)
class Difference:
    """What came out otherwise. `index`: of the record, from 1; `what`: one of COMPARED; values as in the records."""

    index: int
    event_id: str
    what: str
    recorded: Any
    replayed: Any


@dataclass(frozen=True)
class Replay:
    """What came of a replay. `steps`: records looked at; `notes`: what was not decided anew, and why."""

    steps: int
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def same(self) -> bool:
        """Whether every verdict was reached again."""
        return not self.differences


def replay(
    records: Iterable[Mapping[str, Any]], agent: Agent | Mapping[str, Agent], unseal: Unseal | None = None
) -> Replay:
    """Replay one session's records, in the order of the chain.

    `agent`: the definition to decide by, its own or another; or definitions by hash, for a session that several served.
    `unseal`: opens what the records hold sealed, under the session's key.
    """
    player = _Player(agent, unseal)
    count = 0
    for count, record in enumerate(records, start=1):
        player.take(count, record)
    return Replay(count, tuple(player.differences), tuple(player.notes))


class _Player:
    def __init__(self, agent: Agent | Mapping[str, Agent], unseal: Unseal | None) -> None:
        self.differences: list[Difference] = []
        self.notes: list[str] = []
        self._agents = agent
        self._unseal = unseal
        self._snapshot: Snapshot | None = Snapshot()
        self._recorded: dict[tuple[str, ...], Any] = {}

    def take(self, index: int, record: Mapping[str, Any]) -> None:
        """Decide one step again, or take it as it was."""
        agent = self._agent(record)
        event = self._event(index, record)
        if agent is None:
            self._note(index, f"definition {str(record.get('definition'))[:12]} is not at hand")
        if agent is None or event is None or self._snapshot is None:
            self._as_recorded(index, record)
            return
        self._recorded = {_key(entry): entry.get("value") for entry in record.get("rules", ())}
        missing: list[str] = []

        def recorded(entry: Mapping[str, Any]) -> Any:
            if _key(entry) not in self._recorded:
                missing.append(str(entry["rule"]))
                return None
            self._note(index, "rules over values that cannot be opened any more were taken as recorded")
            return self._recorded[_key(entry)]

        made = step(agent, self._snapshot, event, recorded)
        for rule in missing:
            self._note(index, f"rule {rule!r} needs a value that cannot be opened any more; it counts as false")
        self._compare(index, str(event.event_id), record, made)
        self._snapshot = Snapshot.from_bytes(made.snapshot.to_bytes())

    def _agent(self, record: Mapping[str, Any]) -> Agent | None:
        if isinstance(self._agents, Agent):
            return self._agents
        return self._agents.get(str(record.get("definition")))

    def _event(self, index: int, record: Mapping[str, Any]) -> Event | None:
        """Return the event as it was; None if that cannot be known any more."""
        shown = record.get("event")
        if not isinstance(shown, Mapping):
            self._note(index, "there is no event in the record")
            return None
        if "sealed" in record or "snapshot" in record or _is_masked(shown):
            text = self._unseal(str(record["sealed"])) if self._unseal and "sealed" in record else None
            if text is None:
                self._note(index, "the words are sealed and cannot be opened; the step is taken as recorded")
                return None
            shown = orjson.loads(text)
        try:
            return event_of(shown)
        except (TypeError, ValueError) as error:
            self._note(index, f"the event cannot be read: {error}")
            return None

    def _as_recorded(self, index: int, record: Mapping[str, Any]) -> None:
        """Go on from the snapshot that the record holds."""
        raw = record.get("snapshot")
        if record.get("verdict") == "rejected" and self._snapshot is not None:
            return
        try:
            self._snapshot = None if raw is None else Snapshot.from_plain(raw)
        except SnapshotError as error:
            self._snapshot = None
            self._note(index, str(error))
        if self._snapshot is None:
            self._note(index, "nothing is known of the state after it; what follows is taken as recorded too")

    def _compare(self, index: int, event_id: str, record: Mapping[str, Any], made: Step) -> None:
        again = orjson.loads(orjson.dumps(made.audit[0]))
        same_definition = record.get("definition") == again["definition"]
        for what in COMPARED:
            if what == "rules" and not same_definition:
                continue
            if not _alike(record.get(what), again[what]):
                self.differences.append(Difference(index, event_id, what, record.get(what), again[what]))

    def _note(self, index: int, text: str) -> None:
        note = f"step {index}: {text}"
        if note not in self.notes:
            self.notes.append(note)


def _alike(recorded: Any, replayed: Any) -> bool:
    """Compare parts of records; a value that was said and cannot be opened any more may be anything."""
    if isinstance(replayed, str) and MASK in replayed and isinstance(recorded, str):
        return (
            re.fullmatch(".*".join(re.escape(part) for part in replayed.split(MASK)), recorded, re.DOTALL) is not None
        )
    if isinstance(replayed, dict) and isinstance(recorded, dict):
        return recorded.keys() == replayed.keys() and all(_alike(recorded[key], replayed[key]) for key in replayed)
    if isinstance(replayed, list) and isinstance(recorded, list):
        return len(recorded) == len(replayed) and all(map(_alike, recorded, replayed))
    return bool(recorded == replayed)


def event_of(shown: Mapping[str, Any]) -> Event:
    """Make an event of what a record shows. Raises ValueError, TypeError."""
    fields = dict(shown)
    kind = _KINDS.get(str(fields.pop("kind", "")))
    if kind is None:
        raise ValueError(f"unknown event {shown.get('kind')!r}")
    made: Event = kind(**{name: _tupled(value) for name, value in fields.items()})
    return made


def _tupled(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(tuple(item) if isinstance(item, list) else item for item in value)
    return value


def _is_masked(shown: Mapping[str, Any]) -> bool:
    values = [shown.get(name) for name in _WORDS]
    return any(value == MASK or (isinstance(value, Mapping) and MASK in value.values()) for value in values)


def _key(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(entry.get(name, "")) for name in ("task", "state", "rule", "for"))


_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        events.Opened,
        events.Utterance,
        events.KeyPressed,
        events.NoInput,
        events.StartTask,
        events.AnswerTask,
        events.CancelTask,
        events.ToolReturned,
        events.ToolProgressed,
        events.ReasoningReturned,
        events.TransferReturned,
        events.HandedOver,
        events.TimePassed,
        events.CallClosed,
        events.Delivered,
    )
}
