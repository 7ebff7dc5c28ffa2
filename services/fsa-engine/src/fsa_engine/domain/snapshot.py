"""The whole state of one session's conversation, as a value: what a step starts from and what it leaves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

import orjson

FORMAT = 1
"""Version of the encoding; a higher one than this is refused."""

Phase: TypeAlias = Literal["greeting", "open", "resuming", "offering_more", "closing", "closed"]
Source: TypeAlias = Literal["caller", "keys", "model", "tool"]


Seal: TypeAlias = Callable[[str], str]
"""Text to sealed text, under the session's key."""
Unseal: TypeAlias = Callable[[str], str | None]
"""The way back; None where the key is gone."""
SEALED = "$sealed"


class SnapshotError(ValueError):
    """The bytes are no snapshot that this version can read."""


@dataclass(frozen=True)
class SlotValue:
    """A filled slot. `value` is JSON: dates as YYYY-MM-DD, times as HH:MM, yes/no as bool.

    `sensitive`: saved sealed.
    """

    value: Any
    source: Source
    confirmed: bool = False
    sensitive: bool = False


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

    def to_bytes(self, seal: Seal | None = None) -> bytes:
        """Encode as canonical JSON (sorted keys); what is sensitive goes through `seal`, if there is one."""
        raw = asdict_frozen(self)
        if seal is not None:
            _seal(raw, seal)
        return orjson.dumps({"format": FORMAT, **raw}, option=orjson.OPT_SORT_KEYS)

    @staticmethod
    def from_bytes(data: bytes, unseal: Unseal | None = None) -> "Snapshot":
        """Decode; empty bytes are the snapshot of a session that has not begun. Raises SnapshotError.

        What cannot be unsealed any more is gone: slots are empty, keys and held results forgotten.
        """
        if not data:
            return Snapshot()
        try:
            raw = orjson.loads(data)
            _unseal(raw, unseal or _none)
            return _decode(raw)
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


def _none(sealed: str) -> str | None:
    return None


def _seal(raw: dict[str, Any], seal: Seal) -> None:
    """Seal sensitive slots, and what a secret may be part of: keys pressed, words kept, results held."""

    def sealed(value: Any) -> dict[str, str]:
        return {SEALED: seal(orjson.dumps(value).decode())}

    if raw["keys"]:
        raw["keys"] = sealed(raw["keys"])
    if raw["pending"] and raw["pending"]["words"]:
        raw["pending"]["words"] = sealed(raw["pending"]["words"])
    for task in raw["tasks"]:
        if task["held"] is not None:
            task["held"] = sealed(task["held"])
        for slot in task["slots"].values():
            if slot["sensitive"]:
                slot["value"] = sealed(slot["value"])


def _unseal(raw: dict[str, Any], unseal: Unseal) -> None:
    def opened(value: Any, lost: Any) -> Any:
        if not isinstance(value, dict) or SEALED not in value:
            return value
        text = unseal(value[SEALED])
        return lost if text is None else orjson.loads(text)

    raw["keys"] = opened(raw["keys"], "")
    if raw["pending"]:
        raw["pending"]["words"] = opened(raw["pending"]["words"], "")
    for task in raw["tasks"]:
        task["held"] = opened(task["held"], {"ok": False, "result": {}, "error": "sealed", "unknown": True})
        for slot in task["slots"].values():
            slot["value"] = opened(slot["value"], None)
        task["slots"] = {name: slot for name, slot in task["slots"].items() if slot["value"] is not None}


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
