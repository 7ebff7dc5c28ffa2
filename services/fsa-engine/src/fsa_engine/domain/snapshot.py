"""The whole state of one session's conversation, as a value: what a step starts from and what it leaves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import orjson

FORMAT = 1
"""Version of the encoding; a higher one than this is refused."""

Phase: TypeAlias = Literal["greeting", "open", "resuming", "offering_more", "closing", "closed"]
Source: TypeAlias = Literal["caller", "keys", "model", "tool", "operator"]
"""Who gave a value; operator: the definition's own expressions, or another agent of the same operator."""


Seal: TypeAlias = Callable[[str], str]
"""Text to sealed text, under the session's key."""
Unseal: TypeAlias = Callable[[str], str | None]
"""The way back; None where the key is gone."""
SEALED = "$sealed"


_SCALARS = frozenset({str, int, float, bool, type(None)})


class SnapshotError(ValueError):
    """The bytes are no snapshot that this version can read."""


V = TypeVar("V")


def changed_in(value: V, **fields: Any) -> V:
    """Return a copy of a snapshot's part with other values in existing fields.

    As `dataclasses.replace`, at a quarter of its cost: a step changes its snapshot a dozen times.
    """
    copied = object.__new__(type(value))
    copied.__dict__.update(value.__dict__)
    copied.__dict__.update(fields)
    return copied


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
class FactValue:
    """What is known of the conversation. `confidence`: 0 to 1; `expires_ms`: Unix milliseconds, 0 = never."""

    value: Any
    source: Source
    confidence: float = 1.0
    at_ms: int = 0
    expires_ms: int = 0
    sensitive: bool = False


@dataclass(frozen=True)
class Transfer:
    """A transfer to a human whose outcome is not known. `phase`: to go back to; `task_id`: whose handoff it is."""

    phase: Phase
    task_id: str = ""


@dataclass(frozen=True)
class Thought:
    """An entry of a scratchpad: what a model thought in a state, never spoken."""

    state: str
    text: str
    at_ms: int


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
    asked what to change. `verifying`: its value was said back and waits for a yes. `asked_ms`, `entered_ms`: when the
    question was put and the state entered. `waiting`: intent id of the work in flight, or task id of the sub-task.
    `held`: a tool's return that came while nobody was on the line. `attempts`: answers not understood, by state.
    `parent`: the task that it is a part of. `queued`: waits for another task to end.
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
    verifying: bool = False
    asked_ms: int = 0
    entered_ms: int = 0
    parent: str = ""
    queued: bool = False
    scratchpad: tuple[Thought, ...] = ()

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
    """One per session. `focus`: the task that has the floor, empty = the conversation itself.

    `facts`: the salient context. `heard`: the caller's last words, oldest first. `aside`: tasks of an earlier call that
    wait for the caller to be identified. `memory`: what is known of the caller from earlier calls.
    """

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
    facts: Mapping[str, FactValue] = field(default_factory=lambda: MappingProxyType({}))
    heard: tuple[str, ...] = ()
    transfer: Transfer | None = None
    aside: tuple[TaskInstance, ...] = ()
    memory: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def roots(self) -> tuple[TaskInstance, ...]:
        """The tasks that are a part of no other."""
        return tuple(task for task in self.tasks if not task.parent)

    def root_of(self, task: TaskInstance) -> TaskInstance:
        """Return the task that a task is at last a part of."""
        while task.parent and (parent := self.task(task.parent)) is not None:
            task = parent
        return task

    def leaf_of(self, task: TaskInstance) -> TaskInstance:
        """Return the part of a task that is at work."""
        while (child := next((t for t in self.tasks if t.parent == task.task_id), None)) is not None:
            task = child
        return task

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
            return changed_in(self, tasks=(*self.tasks, changed))
        return changed_in(self, tasks=tuple(changed if t.task_id == changed.task_id else t for t in self.tasks))

    def without_task(self, task_id: str) -> "Snapshot":
        """Take a task out; the focus goes to none if it was there."""
        kept = tuple(t for t in self.tasks if t.task_id != task_id)
        return changed_in(self, tasks=kept, focus="" if self.focus == task_id else self.focus)

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
            if raw.pop("format") != FORMAT:
                raise SnapshotError("written by another version of the engine")
            return _decode(raw)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SnapshotError(f"not a readable snapshot: {error}") from error

    @staticmethod
    def from_plain(raw: Mapping[str, Any]) -> "Snapshot":
        """Make a snapshot of plain JSON, as `asdict_frozen` gives it. Raises SnapshotError."""
        try:
            return _decode(orjson.loads(orjson.dumps(raw)))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SnapshotError(f"not a readable snapshot: {error}") from error


def asdict_frozen(value: Any) -> Any:
    """Turn dataclasses and read-only mappings into plain dicts and lists."""
    if type(value) in _SCALARS:
        return value
    if hasattr(value, "__dataclass_fields__"):
        return {name: asdict_frozen(item) for name, item in value.__dict__.items()}
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
    if raw["heard"]:
        raw["heard"] = sealed(raw["heard"])
    for fact in raw["facts"].values():
        if fact["sensitive"]:
            fact["value"] = sealed(fact["value"])
    for task in (*raw["tasks"], *raw["aside"]):
        if task["held"] is not None:
            task["held"] = sealed(task["held"])
        if task["scratchpad"]:
            task["scratchpad"] = sealed(task["scratchpad"])
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
    raw["heard"] = opened(raw.get("heard", []), [])
    for fact in raw.get("facts", {}).values():
        fact["value"] = opened(fact["value"], None)
    raw["facts"] = {name: fact for name, fact in raw.get("facts", {}).items() if fact["value"] is not None}
    for task in (*raw["tasks"], *raw.get("aside", [])):
        task["scratchpad"] = opened(task.get("scratchpad", []), [])
        task["held"] = opened(task["held"], {"ok": False, "result": {}, "error": "sealed", "unknown": True})
        for slot in task["slots"].values():
            slot["value"] = opened(slot["value"], None)
        task["slots"] = {name: slot for name, slot in task["slots"].items() if slot["value"] is not None}


def _decode(raw: dict[str, Any]) -> Snapshot:
    if raw["phase"] not in get_args(Phase):
        raise SnapshotError("unknown phase")
    pending = raw.pop("pending")
    return Snapshot(
        **{
            **raw,
            "tasks": tuple(_decode_task(task) for task in raw["tasks"]),
            "aside": tuple(_decode_task(task) for task in raw.get("aside", ())),
            "facts": MappingProxyType({name: FactValue(**fact) for name, fact in raw["facts"].items()}),
            "heard": tuple(raw["heard"]),
            "transfer": Transfer(**raw["transfer"]) if raw.get("transfer") else None,
            "memory": MappingProxyType(raw.get("memory", {})),
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
            "scratchpad": tuple(Thought(**thought) for thought in raw["scratchpad"]),
        }
    )
