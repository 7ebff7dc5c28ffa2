"""The whole state of one session's conversation, as a value: what a step starts from and what it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

import orjson

FORMAT = 1
"""Version of the encoding; a higher one than this is refused."""

Phase: TypeAlias = Literal["greeting", "open", "resuming", "offering_more", "closing", "closed"]
Source: TypeAlias = Literal["caller", "keys", "model", "tool"]


class SnapshotError(ValueError):
    """The bytes are no snapshot that this version can read."""


@dataclass(frozen=True)
class SlotValue:
    """A filled slot. `value` is JSON: dates as YYYY-MM-DD, times as HH:MM, yes/no as bool."""

    value: Any
    source: Source
    confirmed: bool = False


@dataclass(frozen=True)
class Pending:
    """A question of the conversation itself that comes before the focused task's own.

    `kind`: "cancel" (give task_id up?), "choose" (which of `options`, names of tasks, is meant?).
    """

    kind: Literal["cancel", "choose"]
    task_id: str = ""
    options: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True)
class TaskInstance:
    """One open task.

    `asked`: its state's question was put to the caller and waits. `changing`: the caller refused a confirmation and was
    asked what to change. `waiting`: intent id of the tool call in flight. `held`: a tool's return that came while
    nobody was on the line. `attempts`: answers not understood, by state.
    """

    task_id: str
    task: str
    state: str
    slots: Mapping[str, SlotValue] = field(default_factory=lambda: MappingProxyType({}))
    attempts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    asked: bool = False
    changing: bool = False
    waiting: str = ""
    held: Mapping[str, Any] | None = None

    def values(self) -> dict[str, Any]:
        """Slot name to value, of the filled ones."""
        return {name: slot.value for name, slot in self.slots.items()}


@dataclass(frozen=True)
class CallFacts:
    """The call that goes on, or the last one."""

    call_id: str = ""
    caller: str = ""
    callee: str = ""
    channel: str = ""


@dataclass(frozen=True)
class Snapshot:
    """One per session. `focus`: the task that has the floor, empty = the conversation itself."""

    phase: Phase = "greeting"
    tasks: tuple[TaskInstance, ...] = ()
    focus: str = ""
    pending: Pending | None = None
    call: CallFacts = CallFacts()
    definition_hash: str = ""
    keys: str = ""
    silences: int = 0
    misunderstood: int = 0
    started: int = 0
    closing_spoken: bool = False

    def task(self, task_id: str) -> TaskInstance | None:
        """Return the open task of that id."""
        return next((task for task in self.tasks if task.task_id == task_id), None)

    @property
    def focused(self) -> TaskInstance | None:
        """The task that has the floor."""
        return self.task(self.focus) if self.focus else None

    def with_task(self, changed: TaskInstance) -> "Snapshot":
        """Put a task in place of the one of its id, or after the others."""
        if self.task(changed.task_id) is None:
            return replace(self, tasks=(*self.tasks, changed))
        return replace(self, tasks=tuple(changed if t.task_id == changed.task_id else t for t in self.tasks))

    def without_task(self, task_id: str) -> "Snapshot":
        """Take a task out; the focus goes to none if it was there."""
        kept = tuple(t for t in self.tasks if t.task_id != task_id)
        return replace(self, tasks=kept, focus="" if self.focus == task_id else self.focus)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON (sorted keys)."""
        return orjson.dumps({"format": FORMAT, **_plain(asdict_frozen(self))}, option=orjson.OPT_SORT_KEYS)

    @staticmethod
    def from_bytes(data: bytes) -> "Snapshot":
        """Decode; empty bytes are the snapshot of a session that has not begun. Raises SnapshotError."""
        if not data:
            return Snapshot()
        try:
            return _decode(orjson.loads(data))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SnapshotError(f"not a readable snapshot: {error}") from error


def asdict_frozen(value: Any) -> Any:
    """Turn dataclasses and read-only mappings into plain dicts and lists."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: asdict_frozen(getattr(value, name)) for name in value.__dataclass_fields__}
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): asdict_frozen(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [asdict_frozen(item) for item in value]
    return value


def _decode(raw: dict[str, Any]) -> Snapshot:
    if raw.pop("format") != FORMAT:
        raise SnapshotError("written by another version of the engine")
    if raw["phase"] not in get_args(Phase):
        raise SnapshotError("unknown phase")
    pending = raw.pop("pending")
    return Snapshot(
        **{
            **raw,
            "tasks": tuple(_decode_task(task) for task in raw["tasks"]),
            "pending": Pending(**{**pending, "options": tuple(pending["options"])}) if pending else None,
            "call": CallFacts(**raw["call"]),
        }
    )


def _decode_task(raw: dict[str, Any]) -> TaskInstance:
    slots = {name: SlotValue(**slot) for name, slot in raw["slots"].items()}
    held = None if raw["held"] is None else MappingProxyType(raw["held"])
    return TaskInstance(
        **{
            **raw,
            "slots": MappingProxyType(slots),
            "attempts": MappingProxyType(raw["attempts"]),
            "held": held,
        }
    )
