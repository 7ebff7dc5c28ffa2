"""The composition root of the engine, the same for production, one process and tests."""

import asyncio
from typing import TYPE_CHECKING

from chassis.bus import FSA_INBOX, Bus, Subscription
from chassis.facts import FactLog
from chassis.heads import Gate
from chassis.ids import Clock, now_ms
from chassis.leases import SlotLease
from chassis.lifecycle import Service
from chassis.logging import get_logger
from fsa_engine.adapters.line_post import LinePost
from fsa_engine.adapters.mcp_server import Endpoint, TaskServer
from fsa_engine.adapters.mcp_tools import Limits, ToolServers
from fsa_engine.adapters.reasoner import Reasoner
from fsa_engine.adapters.session_store import SessionStore
from fsa_engine.catalog import AgentCatalog
from fsa_engine.comparing import Comparisons
from fsa_engine.conversations import Conversations, IdleLimits
from fsa_engine.domain.step import step as core_step
from fsa_engine.handlers import SERVICE, InboxReader
from fsa_engine.intents import IntentRunner
from fsa_engine.reloading import Reloader
from fsa_engine.settings import EngineSettings
from fsa_engine.stepping import Ports, StepFunction
from fsa_engine.sweeping import Sweeper
from fsa_engine.text_calls import TextCalls
from fsa_engine.text_desk import TextDesk
from opusagent.session.v1.session_pb2 import ROLE_ENGINE

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

_log = get_logger(__name__)


class EngineApp(Service):
    """The engine: takes a slot, reads its inbox, steps conversations."""

    name = SERVICE

    def __init__(
        self,
        settings: EngineSettings,
        bus: Bus,
        session: "SessionServiceAsyncStub",
        catalog: AgentCatalog,
        clock: Clock,
        *,
        step: StepFunction,
    ) -> None:
        self.catalog = catalog
        self._settings = settings
        self._bus = bus
        self._facts = FactLog(bus, SERVICE, clock)
        retry = (settings.session_retry_first_seconds, settings.session_retry_longest_seconds)
        store = SessionStore(session, *retry, asyncio.sleep)
        self._reasoner = Reasoner(settings.reasoner)
        runner = IntentRunner(self._facts, clock, self._reasoner, int(settings.tool_grace_seconds * 1000))
        self._comparisons = Comparisons(settings.intent_model, settings.intent_budget_seconds)
        catalog.prepare = self._comparisons.prepare
        ports = Ports(store, LinePost(bus), catalog, runner, step, clock, self._comparisons)
        idle = IdleLimits(settings.session_idle_seconds, settings.session_abandoned_seconds)
        self.conversations = Conversations(ports, idle)
        self._reloader = Reloader(catalog, settings.agents_reload_seconds)
        self._sweeper = Sweeper(store, self.conversations, runner, settings.sweep_seconds)
        waits = (settings.engine_mcp_wait_seconds, settings.engine_mcp_idle_seconds)
        self._desk = TextDesk(store, self.conversations, catalog, self._facts, clock, *waits)
        self.task_server = self._task_server()
        self.lease = SlotLease(
            session,
            ROLE_ENGINE,
            settings.holder,
            lambda: self.conversations.live_calls,
            settings.capacity,
            on_lost=self._lost,
        )
        self._subscription: Subscription | None = None
        self._started = False

    async def start(self) -> None:
        """Load the agents, connect their tools, take a slot and read its inbox."""
        await self._comparisons.start()
        await self._reloader.start()
        await self.catalog.start()
        await self.lease.start()
        reader = InboxReader(self.conversations, Gate(SERVICE))
        self._subscription = await self._bus.listen(FSA_INBOX, self.lease.slot, reader)
        await self.lease.mark_ready()
        self._sweeper.start()
        if self.task_server is not None:
            await self.task_server.start()
            await self._desk.adopt()
        self._started = True

    async def drain(self) -> None:
        """Take no new calls; returns when the last one has ended and all is saved."""
        await self.lease.drain()
        await self.conversations.drained()

    async def stop(self) -> None:
        """Save what was accepted, leave running intents open in the session, end the tool servers."""
        self._started = False
        if self.task_server is not None:
            await self.task_server.stop()
        await self._desk.stop()
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()
        await self._sweeper.stop()
        await self.conversations.stop(self._settings.stop_seconds)
        await self._reloader.stop()
        await self._reasoner.stop()
        await self.catalog.stop()
        await self._comparisons.stop()
        await self.lease.stop()
        await self._facts.close()

    @property
    def ready(self) -> bool:
        """Whether it would serve a call now: not before there is an agent to serve it."""
        return self._started and bool(self.catalog.served) and not self.lease.lost and self._bus.healthy

    def _task_server(self) -> TaskServer | None:
        settings = self._settings
        if settings.engine_mcp_port is None:
            return None
        endpoint = Endpoint(settings.engine_mcp_host, settings.engine_mcp_port, settings.mcp_tokens, settings.mcp_hosts)
        return TaskServer(endpoint, self.catalog, TextCalls(self._desk))

    async def _lost(self) -> None:
        """Another process has the slot: stop reading what is meant for it."""
        self._started = False
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()


def catalog(settings: EngineSettings) -> AgentCatalog:
    """Return the catalog of the configured agents, not yet loaded."""
    limits = Limits(settings.tool_connect_seconds, settings.tool_result_bytes)
    return AgentCatalog(
        settings.agent_folders,
        settings.default_agent,
        ToolServers(limits),
        settings.tool_environment,
        settings.escalation_target,
    )


def build(
    settings: EngineSettings,
    bus: Bus,
    session: "SessionServiceAsyncStub",
    agents: AgentCatalog | None = None,
    clock: Clock = now_ms,
    *,
    step: StepFunction = core_step,
) -> EngineApp:
    """Wire the engine. The bus is started and stopped by whoever made it. Call it inside a running event loop."""
    return EngineApp(settings, bus, session, agents or catalog(settings), clock, step=step)
