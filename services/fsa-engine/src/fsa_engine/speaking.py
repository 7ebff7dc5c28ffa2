"""What a conversation tells relay and gateway of its call, in the order in which it must take effect."""

from collections.abc import Sequence
from dataclasses import dataclass

from fsa_engine.adapters.line_post import Line, LinePost
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.offering import ToolDecl, tools_for
from fsa_engine.domain.secrecy import collects_secret
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import is_private, speech_of
from fsa_engine.wire import toolbox
from opusagent.dialogue.v1.plan_pb2 import DialoguePlan
from opusagent.fsa.v1.fsa_pb2 import Output, Outputs
from opusagent.media.v1.inbox_pb2 import PlanReady


@dataclass(frozen=True)
class Manner:
    """How a call is held in a state. `private`: the engine alone hears the caller; `gated`, `secret`: see fsa.v1.Floor.

    `tools`: what a conversing model may call.
    """

    private: bool = False
    gated: bool = False
    secret: bool = False
    tools: tuple[ToolDecl, ...] = ()


def manner(agent: Agent, snapshot: Snapshot) -> Manner:
    """Return how a call is held in the state it is in."""
    gated = speech_of(agent, snapshot) == "gated"
    secret = collects_secret(agent, snapshot)
    return Manner(is_private(agent, snapshot), gated, secret, tuple(tools_for(agent, snapshot)))


class Speaker:
    """Speaks for one conversation. `generation` of the engine goes with every word.

    The gateway is told of a private caller before the relay gets what belongs to it; what it was told is not repeated.
    """

    def __init__(self, post: LinePost) -> None:
        self.generation = 1
        self._post = post
        self._told: tuple[str, int, bool] | None = None

    def loaded(self, version: int) -> None:
        """Take note that the session was loaded: others may have spoken for it in between."""
        self.generation = max(self.generation, version + 1)
        self._told = None

    def accepted(self, line: Line, event_id: str) -> None:
        """Say that an event will be answered for."""
        self._post.accepted(line, self.generation, event_id)

    def follow(self, line: Line, how: Manner) -> None:
        """Tell the gateway who hears the caller, if that is news to it."""
        news = (line.call_id, line.gateway_slot, how.private)
        if self._told != news:
            self._post.privacy(line, self.generation, on=how.private)
            self._told = news

    def outputs(self, line: Line, event_id: str, outputs: Sequence[Output], how: Manner | None) -> None:
        """Hand over what a step has to say; `how`: None where that is not known."""
        self._post.outputs(line, self.generation, _outputs(event_id, outputs, how))

    def plan(self, line: Line, plan: DialoguePlan, event_id: str, outputs: Sequence[Output], how: Manner) -> None:
        """Answer a plan request: who the agent is, and what it says first."""
        self._post.plan(line, self.generation, PlanReady(plan=plan, opening=_outputs(event_id, outputs, how)))

    def no_plan(self, line: Line, why: str) -> None:
        """Answer a plan request for which there is no agent."""
        self._post.plan(line, self.generation, PlanReady(error=why))


def _outputs(event_id: str, outputs: Sequence[Output], how: Manner | None) -> Outputs:
    made = Outputs(event_id=event_id, outputs=outputs)
    if how is not None:
        made.floor.gated, made.floor.secret = how.gated, how.secret
        made.toolbox.CopyFrom(toolbox(how.tools))
    return made
