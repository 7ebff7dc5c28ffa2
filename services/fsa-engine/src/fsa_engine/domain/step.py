"""The step: one event in, the next snapshot and everything that follows from it out.

Pure: time comes with the event, work to be done outside goes out as intents, and their results come back as events. An
event that cannot happen in a snapshot changes nothing and says why in the audit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsa_engine.domain import remembering
from fsa_engine.domain.audit import record, summary
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import Event, HandedOver, Opened
from fsa_engine.domain.handlers import HANDLERS, adopt
from fsa_engine.domain.outputs import Business, Intent, OpenTask, Output, Privacy
from fsa_engine.domain.secrecy import is_private, privacy_change
from fsa_engine.domain.snapshot import Snapshot, TaskInstance
from fsa_engine.domain.template import fill
from fsa_engine.domain.timing import wake_ms
from fsa_engine.domain.turn import Illegal, Reading, Recorded, Turn
from fsa_engine.domain.understanding.spoken import joined

__all__ = ["Step", "business", "is_private", "speech_of", "step"]


@dataclass(frozen=True)
class Step:
    """What one event led to. `settled`: ids of intents whose results it took in. `audit`: JSON throughout.

    `privacy`: a change of who hears the caller, None = as before (`is_private` tells which). `speech`: gated = no model
    audio of a turn leaves the relay before the step that answers it. `wake_ms`: when TimePassed is wanted, Unix
    milliseconds, 0 = never; the latest step's counts. `memory`: what is to be kept of the caller, None = as before.
    `confidential`: the whole event, where the audit has it masked; to be sealed or dropped (`audit.with_sealed`).
    `undecided`: words whose meaning was looked for without evidence: the step may be made again, in place of this one,
    with the event's `intents`. `reading`: how the meaning of words was found.
    """

    snapshot: Snapshot
    outputs: tuple[Output, ...]
    intents: tuple[Intent, ...]
    settled: tuple[str, ...]
    audit: tuple[Mapping[str, Any], ...]
    business: Business
    summary: str
    privacy: Privacy | None = None
    speech: Literal["free", "gated"] = "free"
    wake_ms: int = 0
    memory: Mapping[str, Any] | None = None
    confidential: Mapping[str, Any] | None = None
    undecided: str = ""
    reading: Reading = ""


def step(agent: Agent, snapshot: Snapshot, event: Event, recorded: Recorded | None = None) -> Step:
    """Decide what an event leads to. Never raises for an event: an illegal one changes nothing and is audited.

    `recorded`: for a replay, the values of rules that cannot be evaluated any more.
    """
    turn = Turn(agent, snapshot, event, recorded)
    try:
        if snapshot.definition_hash not in {"", agent.definition_hash} and not isinstance(event, Opened | HandedOver):
            adopt(turn)
        HANDLERS[type(event)](turn, event)
    except Illegal as illegal:
        return _rejected(agent, snapshot, event, str(illegal))
    remembering.record(turn)
    audit, confidential = record(turn, snapshot, "accepted", "")
    return Step(
        turn.snapshot,
        tuple(turn.outputs),
        tuple(turn.intents),
        tuple(turn.settled),
        (audit,),
        business(agent, turn.snapshot),
        summary(snapshot, turn),
        privacy_change(agent, snapshot, turn.snapshot),
        speech_of(agent, turn.snapshot),
        wake_ms(agent, turn.snapshot),
        remembering.to_keep(turn, snapshot.facts, snapshot.memory),
        confidential,
        turn.undecided,
        turn.reading,
    )


def _rejected(agent: Agent, snapshot: Snapshot, event: Event, why: str) -> Step:
    audit, confidential = record(Turn(agent, snapshot, event), snapshot, "rejected", why)
    return Step(
        snapshot,
        (),
        (),
        (),
        (audit,),
        business(agent, snapshot),
        f"rejected: {why}",
        speech=speech_of(agent, snapshot),
        wake_ms=wake_ms(agent, snapshot) if snapshot.definition_hash == agent.definition_hash else 0,
        confidential=confidential,
    )


def speech_of(agent: Agent, snapshot: Snapshot) -> Literal["free", "gated"]:
    """Tell whether a model may speak on its own in the state that has the floor."""
    task = snapshot.focused
    definition = agent.tasks.get(task.task) if task else None
    state = definition.states.get(task.state) if definition and task else None
    return getattr(state, "speech", None) or agent.speech


def business(agent: Agent, snapshot: Snapshot) -> Business:
    """Tell what session must know of a conversation."""
    return Business(
        tuple(OpenTask(t.task_id, t.task, t.state) for t in _unfinished(snapshot)),
        snapshot.closing_spoken,
        agent.sms.on,
        _sms(agent, snapshot),
        int(agent.resume.ttl_hours * 3_600_000),
    )


def _unfinished(snapshot: Snapshot) -> tuple[TaskInstance, ...]:
    """Return what is left open, also what is set aside; nothing while a human has the call."""
    if snapshot.transfer is not None:
        return ()
    return (*snapshot.roots, *(task for task in snapshot.aside if not task.parent))


def _sms(agent: Agent, snapshot: Snapshot) -> str:
    if not _unfinished(snapshot) or snapshot.closing_spoken or agent.sms.on == "never":
        return ""
    requests = [agent.tasks[t.task].request for t in _unfinished(snapshot) if t.task in agent.tasks]
    words = {"requests": joined(requests), "was": "was" if len(requests) == 1 else "were"}
    return fill(agent.sms.text, lambda name, _: words.get(name))
