"""A step as the shell makes it: from what is held of a session, with evidence where it is wanted, to what is saved."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from chassis.ids import Clock
from fsa_engine import remembering, wire
from fsa_engine.adapters.line_post import LinePost
from fsa_engine.adapters.session_store import SessionStore
from fsa_engine.catalog import AgentCatalog, ServedAgent
from fsa_engine.comparing import Comparisons
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import AnswerTask, Event, Utterance
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import Step, is_private
from fsa_engine.intents import IntentRunner
from fsa_engine.speaking import Manner, manner
from fsa_engine.vault import Vault
from opusagent.session.v1.session_pb2 import SaveTaskRequest

StepFunction = Callable[[Agent, Snapshot, Event], Step]


@dataclass(frozen=True)
class Ports:
    """What a conversation works with."""

    store: SessionStore
    post: LinePost
    catalog: AgentCatalog
    runner: IntentRunner
    step: StepFunction
    clock: Clock
    comparisons: Comparisons


@dataclass
class Held:
    """What is held in memory of a session: exactly what is saved as `version`."""

    snapshot: Snapshot
    version: int
    agent: ServedAgent | None
    vault: Vault

    @property
    def manner(self) -> Manner | None:
        """How the call is held; None before any agent has it."""
        return manner(self.agent.agent, self.snapshot) if self.agent is not None else None


async def make(ports: Ports, agent: Agent, snapshot: Snapshot, event: Event) -> Step:
    """Make the step; once more where evidence was wanted of what the caller's words mean and there is some."""
    made = ports.step(agent, snapshot, event)
    if made.undecided and isinstance(event, Utterance | AnswerTask):
        evidence = await ports.comparisons.evidence(agent, made.undecided)
        if evidence:
            made = ports.step(agent, snapshot, replace(event, intents=evidence))
    return made


def save_of(
    made: Step, event: Event, agent: Agent, held: Held, ports: Ports, *, session_id: str, call_id: str, keeps: bool
) -> SaveTaskRequest:
    """Return the save of a step that was computed from what is held. `keeps`: the agent may remember the caller."""
    return wire.save_request(
        session_id,
        call_id,
        event,
        held.version,
        made,
        mark=ports.runner.mark,
        private=is_private(agent, made.snapshot),
        seal=held.vault.seal,
        memory=remembering.kept(agent, made, event) if keeps else None,
    )
