"""What a story tells: its timeline, live and afterwards, and its checks."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened. `kind`: recognised, heard, call, state, tool, sms or check."""

    # Seconds since the story began.
    at_s: float
    # caller, agent, human, rules, tool, sms, call or story.
    who: str
    text: str
    kind: str
    # Of an agent's turn that answers the caller: end of the caller's speech to the first sound, milliseconds.
    response_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One promise and whether it was observed; `detail` says what was seen."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(slots=True)
class StoryReport:
    """The whole story."""

    story: str
    protocol: str
    checks: list[Check] = field(default_factory=list)
    timeline: list[TimelineEntry] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every promise was observed."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    @property
    def response_ms(self) -> list[int]:
        """The response time of every turn that answered the caller, in order."""
        return [entry.response_ms for entry in self.timeline if entry.response_ms is not None]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "story": self.story,
            "protocol": self.protocol,
            "ok": self.ok,
            "seconds": round(self.seconds, 1),
            "response_ms": self.response_ms,
            "checks": [asdict(check) for check in self.checks],
            "timeline": [asdict(entry) for entry in self.timeline],
        }
