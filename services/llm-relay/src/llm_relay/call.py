"""One call: put together when it opens, given a model session when its plan is there, taken apart when it closes."""

import asyncio
from dataclasses import dataclass

from opentelemetry.context import Context

from audio.formats import Format
from audio.transcode import Transcoder
from chassis.bus import Bus
from chassis.heads import Stamper
from chassis.ids import Clock
from chassis.logging import get_logger
from chassis.retry import Backoff, Sleep
from llm_relay.adapters.engine import EngineLink
from llm_relay.adapters.gateway import GatewayLink
from llm_relay.adapters.timers import Timers
from llm_relay.adapters.transcript import Transcript
from llm_relay.agent import Agent
from llm_relay.backends.port import Backend, BackendError, Capabilities, ModelSession, Opening
from llm_relay.dialogue import Dialogue
from llm_relay.domain.conversation import Conversation
from llm_relay.domain.gate import Gate
from llm_relay.domain.outputs import Outputs
from llm_relay.links import Links
from opusagent.call.v1.call_pb2 import ENCODING_ALAW, ENCODING_MULAW, ENCODING_PCM16, AudioFormat, CallInfo
from opusagent.fsa.v1 import fsa_pb2
from opusagent.media.v1.inbox_pb2 import CallOpened, PlanReady, PlanRequest

OPEN_ATTEMPTS = 4
APOLOGY = "I'm sorry, we cannot take your call right now. Please try again later."

_ENCODINGS = {ENCODING_MULAW: "mulaw", ENCODING_ALAW: "alaw", ENCODING_PCM16: "pcm16"}
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every call of a relay shares."""

    bus: Bus
    stamper: Stamper
    backend: Backend
    timers: Timers
    clock: Clock
    sleep: Sleep


def audio_format(wire: AudioFormat) -> Format:
    """The contract's audio format. Raises ValueError for one that it does not define."""
    return Format(_ENCODINGS.get(wire.encoding, ""), wire.sample_rate_hz)  # type: ignore[arg-type]


def model_format(can: Capabilities, call_format: Format) -> Format:
    """The format between relay and model: the call's own when the backend takes it."""
    return call_format if can.formats is None or call_format in can.formats else can.formats[0]


def _link(opened: CallOpened, around: Surroundings, transcript: Transcript, trace: Context | None) -> Links:
    call, route = opened.call, opened.route
    engine = EngineLink(around.bus, around.stamper, around.timers, around.clock, call=call, route=route, trace=trace)
    gateway = GatewayLink(around.bus, around.stamper, opened.call.call_id, opened.route)
    return Links(engine, gateway, transcript, around.timers)


class Call:
    """Of one call."""

    def __init__(
        self, opened: CallOpened, around: Surroundings, transcript: Transcript, trace: Context | None = None
    ) -> None:
        """`trace`: the call's. Raises ValueError when the call's audio format is none of the contract's."""
        self.info: CallInfo = opened.call
        self.trace = trace
        self._around = around
        self._transcript = transcript
        self._format = audio_format(opened.call.format)
        self._model_format = model_format(around.backend.capabilities, self._format)
        state = Conversation(Outputs(opened.route.relay_generation), Gate(self._model_format.bytes_per_ms))
        links = self._links = _link(opened, around, transcript, trace)
        can, to_call = around.backend.capabilities, Transcoder(self._model_format, self._format)
        self._agent = Agent(self.info.call_id, state, links, can, to_call)
        to_model = Transcoder(self._format, self._model_format)
        self.dialogue = Dialogue(self.info, state, links, self._agent, to_model=to_model)
        self._opening: asyncio.Task[None] | None = None

    def ask_for_plan(self) -> None:
        """Ask the engine who the agent is and what it says first."""
        request = PlanRequest(call=self.info, styles=self._around.backend.capabilities.styles)
        self._links.engine.post(f"{self.info.call_id}/opened", plan=request)

    def plan_ready(self, ready: PlanReady) -> None:
        """The engine's answer; a repeated one adds nothing."""
        self._links.engine.answered(f"{self.info.call_id}/opened")
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(ready), name=f"opening:{self.info.call_id}")
        if ready.error:
            _log.error("no agent can serve the call", why=ready.error)
            self.dialogue.outputs(self._refusal())
        else:
            self.dialogue.outputs(ready.opening)

    def _refusal(self) -> fsa_pb2.Outputs:
        event_id = f"{self.info.call_id}/refused"
        apology = fsa_pb2.Output(output_id=f"{event_id}#0", verbatim=fsa_pb2.Verbatim(text=APOLOGY))
        hang_up = fsa_pb2.Output(output_id=f"{event_id}#1", hang_up=fsa_pb2.HangUp())
        return fsa_pb2.Outputs(event_id=event_id, outputs=[apology, hang_up])

    async def _open(self, ready: PlanReady) -> None:
        try:
            session = await self._session(ready)
        except BackendError as error:
            _log.error("no model session can be had", why=str(error))
            self._agent.give_up("no model session")
            return
        except Exception:
            _log.exception("opening the model session failed")
            self._agent.give_up("no model session")
            return
        self.dialogue.opened(session, ready.plan)

    async def _session(self, ready: PlanReady) -> ModelSession:
        opening = Opening(
            call_id=self.info.call_id,
            format=self._model_format,
            plan=ready.plan,
            tools=ready.opening.toolbox.tools,
            history=lambda: self._transcript.past,
        )
        backoff = Backoff(sleep=self._around.sleep)
        for _ in range(OPEN_ATTEMPTS - 1):
            try:
                return await self._around.backend.open(opening, self.dialogue)
            except BackendError as error:
                _log.warning("a model session could not be opened, trying again", why=str(error))
                await backoff.wait()
        return await self._around.backend.open(opening, self.dialogue)

    async def close(self) -> None:
        """The leg has ended, or the relay stops: write what was said, let go of the rest."""
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait([self._opening])
        await self.dialogue.close()
        self._around.stamper.forget(self.info.call_id)
