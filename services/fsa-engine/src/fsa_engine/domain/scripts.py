"""Scripts of conversations, written in YAML: what the caller does, and what is expected."""

from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from fsa_engine.domain.loading.problems import DefinitionError, Problem
from fsa_engine.domain.loading.source import Path, Source, read_source


class Line(BaseModel):
    """One thing that happens, and what is expected after it; what is not given is not looked at.

    `hears`: the text of the output, or the texts of all in order; "(hangs up)" and "(transfers)" stand for those.
    `calls`: tools called, in order. `state`: of the focused task; `slots`: of it, those that are named. `verdict`:
    "rejected" for an event that must not be possible. `key`: one key, or several pressed one after the other.
    `does`: also what becomes of a transfer. `seconds`: how long it is since the line before. `facts`: those that hold.
    `private`: whether only the engine hears the caller now. `agent`: who has the conversation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    say: str | None = None
    or_heard_as: tuple[str, ...] = ()
    key: str | None = None
    does: Literal["ring", "ring_back", "drop", "nothing", "wait", "answered", "busy", "no_answer"] | None = None
    seconds: Annotated[float, Field(ge=0, le=86_400)] = 1
    start: str | None = None
    answer: str | None = None
    cancel: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    words: str = ""
    hold: bool = False

    hears: tuple[str, ...] | None = None
    calls: tuple[str, ...] | None = None
    state: str | None = None
    phase: str | None = None
    slots: dict[str, Any] = Field(default_factory=dict)
    facts: dict[str, Any] = Field(default_factory=dict)
    private: bool | None = None
    agent: str | None = None
    open: tuple[str, ...] | None = None
    sms: str | None = None
    verdict: Literal["accepted", "rejected"] | None = None

    @field_validator("hears", mode="before")
    @classmethod
    def _one_text(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_thing(self) -> "Line":
        given = [v for v in (self.say, self.key, self.does, self.start, self.answer, self.cancel) if v is not None]
        if len(given) != 1:
            raise ValueError("a line has one of say, key, does, start, answer, cancel")
        return self


class Script(BaseModel):
    """One conversation. `at`: local time of the call, in the agent's time zone. `without`: agents not served in it.

    `rules_only`: why it is not held in dialogue style too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    at: datetime = datetime(2025, 12, 1, 9, 0)
    caller: str = "+15550100"
    without: tuple[str, ...] = ()
    rules_only: str = ""
    tools: dict[str, Any] = Field(default_factory=dict)
    reasoning: dict[str, Any] = Field(default_factory=dict)
    lines: tuple[Line, ...]
    _places: tuple[str, ...] = PrivateAttr(default=())

    def place(self, number: int) -> str:
        """Say which line this is, counted from 1, and where it stands if the script was read from a file."""
        at = f" at {self._places[number - 1]}" if 0 < number <= len(self._places) else ""
        return f"line {number}{at}"


def load_scripts(path: str | FilePath) -> list[Script]:
    """Read a YAML file: `tools`, `reasoning`, `at` for all, and `conversations`. Raises DefinitionError, OSError."""
    path = FilePath(path)
    source = read_source(path.read_bytes(), str(path))
    data = source.data if isinstance(source.data, dict) else {}
    _refuse_slips(source, data)
    common = {key: data[key] for key in ("at", "caller") if key in data}
    scripts = []
    for index, raw in enumerate(data.get("conversations") or []):
        here = ("conversations", index)
        if not isinstance(raw, dict):
            raise DefinitionError([source.problem(here, "a conversation is a mapping with a name and lines")])
        shared = {key: {**(data.get(key) or {}), **(raw.get(key) or {})} for key in ("tools", "reasoning")}
        merged = {**common, **raw, **shared}
        try:
            script = Script.model_validate(merged)
            lines = (source.place((*here, "lines", number))[0] for number in range(len(script.lines)))
            script._places = tuple(f"{path}:{line}" for line in lines)
            scripts.append(script)
        except ValidationError as error:
            raise DefinitionError(
                [source.problem((*here, *e["loc"]), str(e["msg"])) for e in error.errors()]
            ) from error
    if not scripts:
        raise DefinitionError([Problem(str(path), 1, 1, "no conversations", "add `conversations:`")])
    return scripts


def _refuse_slips(source: Source, data: dict[str, Any]) -> None:
    """Look at the keys of a whole file. Raises DefinitionError."""
    keys = ("at", "caller", "tools", "reasoning", "conversations")
    fix = f"one of {', '.join(keys)}"
    wrong = [source.problem((f"#{key}",), f"{key}: unknown key", fix) for key in data if key not in keys]
    wrong += [
        source.problem((*path, key), f"{key}: must be a mapping")
        for path, part in [((), data), *_mappings(data.get("conversations"))]
        for key in ("tools", "reasoning")
        if not isinstance(part.get(key) or {}, dict)
    ]
    if not isinstance(data.get("conversations") or [], list):
        wrong.append(source.problem(("conversations",), "conversations: must be a list"))
    if wrong:
        raise DefinitionError(wrong)


def _mappings(items: Any) -> list[tuple[Path, dict[str, Any]]]:
    """Return conversations and where they stand, without those that are none."""
    found = enumerate(items) if isinstance(items, list) else ()
    return [(("conversations", index), item) for index, item in found if isinstance(item, dict)]
