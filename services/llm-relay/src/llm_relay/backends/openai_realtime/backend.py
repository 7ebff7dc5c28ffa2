"""The OpenAI Realtime backend: sessions that converse by themselves and reach the tasks by function calls."""

import asyncio

from typing_extensions import override

from audio.formats import ALAW_8K, MULAW_8K, PCM16_24K
from chassis.ids import Clock, now_ms
from chassis.retry import Sleep
from llm_relay.adapters.timers import LoopTimers, Timers
from llm_relay.backends.openai_realtime import config
from llm_relay.backends.openai_realtime.connection import Dial, dialler
from llm_relay.backends.openai_realtime.outbox import Outbox
from llm_relay.backends.openai_realtime.protocol import Protocol
from llm_relay.backends.openai_realtime.session import RealtimeSession, Sockets
from llm_relay.backends.port import Backend, Capabilities, Listener, ModelSession, Opening
from llm_relay.settings import RelaySettings
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIALOGUE

CAPABILITIES = Capabilities(
    styles=(STYLE_DIALOGUE,),
    speaks_text=False,
    takes_steering=True,
    truncates=True,
    formats=(PCM16_24K, MULAW_8K, ALAW_8K),
)
"""Source of the formats: `session.audio.input.format` of the GA API."""


class RealtimeBackend(Backend):
    """Shared by all calls of a process; holds nothing but how to dial."""

    def __init__(self, dial: Dial, model: config.ModelSettings, timers: Timers, clock: Clock, sleep: Sleep) -> None:
        self._dial = dial
        self._model = model
        self._timers = timers
        self._clock = clock
        self._sleep = sleep

    @classmethod
    def of(cls, settings: RelaySettings) -> "RealtimeBackend":
        """The API that the settings name."""
        return cls(dialler(settings), config.ModelSettings.of(settings), LoopTimers(), now_ms, asyncio.sleep)

    @property
    @override
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @override
    async def start(self) -> None:
        """Nothing to load."""

    @override
    async def stop(self) -> None:
        """Nothing to let go of: each session closes its own socket."""

    @override
    async def open(self, opening: Opening, listener: Listener) -> ModelSession:
        configured = config.session(opening.plan, opening.tools, opening.format, self._model)
        connection = await self._dial()
        outbox = Outbox()
        protocol = Protocol(configured, opening.format, outbox.send, listener, timers=self._timers)
        sockets = Sockets(self._dial, self._clock, self._sleep)
        session = RealtimeSession(protocol, outbox, opening, listener, sockets=sockets)
        session.run(connection)
        return session
