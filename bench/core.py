"""The engine's core alone: how long a step takes by rules, and how long definitions take to load.

The steps are those of the conversations beside the shipped agents `appointment` and `card`: requests, answers,
corrections, confirmations, questions in between, words that mean nothing, keys, tools' results. Each is made again from
the snapshot it was made from. No clock, socket, broker or store takes part, and no model: so CPU time is what is told,
which other work on the machine does not lengthen.
"""

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.figures import Aim, Spread
from bench.targets import ROOT
from chassis import sealing
from fsa_engine import wire
from fsa_engine.domain.conversation import load_scripts, run
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import Event
from fsa_engine.domain.loading import load_agent
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import Step, step
from fsa_engine.vault import Vault

AGENTS = ("appointment", "card")
HANDED_OVER_TO = ("fraud",)
SHIPPED = ("appointment", "card", "orders", "helpdesk", "fraud")
DEFINITIONS = 100
STEP_AIM_MS = 0.3
_KINDS = {"Utterance": "caller's words", "KeyPressed": "a key", "ToolReturned": "a tool's result"}
_VAULT = Vault("session", sealing.new_key())
_Happened = tuple[Agent, Snapshot, Event]


@dataclass(frozen=True)
class Core:
    """What was measured. Times are CPU time of one core, in milliseconds unless said otherwise."""

    step: dict[str, Spread]
    """By what happened; "all" for all steps: decision and audit record, as values."""
    saved: Spread
    """The same steps with everything that is saved of them encoded and, where it is sensitive, sealed."""
    steps_per_second: int
    saved_per_second: int
    load_ms: Spread
    """One definition: read, checked, compiled."""
    load_seconds: float
    """All of DEFINITIONS."""

    @property
    def aims(self) -> list[Aim]:
        """The aims of this part."""
        return [
            Aim("step in the core, p50", STEP_AIM_MS, self.step["all"].p50, "ms"),
            Aim("step in the core, p99", STEP_AIM_MS, self.step["all"].p99, "ms"),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return it for the report's JSON."""
        return asdict(self)


def conversations() -> list[_Happened]:
    """Return what happens in all conversations, step by step."""
    others = [load_agent(_definition(name)) for name in HANDED_OVER_TO]
    happened: list[_Happened] = []
    for name in AGENTS:
        agent = load_agent(_definition(name))
        for script in load_scripts(_definition(name).parent / "conversations.yaml"):
            happened += run(agent, script, others=others).happened
    return happened


def measure(rounds: int) -> Core:
    """Make every step `rounds` times, and load the definitions once."""
    happened = conversations()
    for each in happened:
        _encode(each, step(*each))
    timed: dict[str, list[float]] = {"all": []}
    saved: list[float] = []
    stepping = encoding = 0.0
    for _ in range(rounds):
        began = time.thread_time()
        for each in happened:
            _time_step(each, timed)
        stepping += time.thread_time() - began
        began = time.thread_time()
        for each in happened:
            start = time.thread_time_ns()
            _encode(each, step(*each))
            saved.append((time.thread_time_ns() - start) / 1e6)
        encoding += time.thread_time() - began
    loads = load_times()
    return Core(
        step={kind: Spread.of(values) for kind, values in timed.items()},
        saved=Spread.of(saved),
        steps_per_second=round(len(timed["all"]) / stepping),
        saved_per_second=round(len(saved) / encoding),
        load_ms=Spread.of(loads),
        load_seconds=round(sum(loads) / 1000, 2),
    )


def _time_step(happened: _Happened, timed: dict[str, list[float]]) -> None:
    agent, snapshot, event = happened
    start = time.thread_time_ns()
    step(agent, snapshot, event)
    took = (time.thread_time_ns() - start) / 1e6
    timed["all"].append(took)
    timed.setdefault(_KINDS.get(type(event).__name__, "anything else"), []).append(took)


def _encode(happened: _Happened, made: Step) -> bytes:
    request = wire.save_request(
        "session", "call", happened[2], 1, made, mark=lambda intent: intent, private=False, seal=_VAULT.seal
    )
    return request.SerializeToString()


def load_times() -> list[float]:
    """Load DEFINITIONS copies of the shipped agents, each from a file of its own; milliseconds of each."""
    texts = [_definition(name).read_text() for name in SHIPPED]
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(DEFINITIONS):
            file = Path(folder, f"agent-{number}", "agent.yaml")
            file.parent.mkdir()
            file.write_text(texts[number % len(texts)])
            start = time.thread_time_ns()
            load_agent(file)
            times.append((time.thread_time_ns() - start) / 1e6)
    return times


def _definition(name: str) -> Path:
    return ROOT / "agents" / name / "agent.yaml"
