"""One agent served for one conversation: session, engine, relay, and the stand-in of the model that the relay dials."""

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from chassis.bus_inprocess import InProcessBus
from chassis.ids import Clock
from chassis.rpc import direct
from chassis.settings import ServiceSettings
from fsa_engine.adapters.mcp_tools import ToolServers
from fsa_engine.bootstrap import build as build_engine
from fsa_engine.catalog import AgentCatalog
from fsa_engine.settings import EngineSettings
from fsa_engine.stepping import StepFunction
from llm_relay.bootstrap import build as build_relay
from llm_relay.settings import BackendName, RelaySettings
from opusagent_cli.agent.dialogue.hurrying import HurriedTimers
from opusagent_cli.agent.dialogue.mind import Obedient
from opusagent_cli.agent.rooms import folder_of
from opusagent_cli.options import UsageError
from session.bootstrap import build as build_session
from session.settings import SessionSettings, StoreKind
from simulator.realtime.spelling import SpellingStandIn

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True)
class Stage:
    """What a conversation takes place on."""

    bus: InProcessBus
    session: Any
    model: SpellingStandIn
    timers: HurriedTimers


@contextlib.asynccontextmanager
async def stage(
    files: list[Path], tools: ToolServers, mind: Obedient, clock: Clock, step: StepFunction
) -> AsyncIterator[Stage]:
    """Serve definitions, the first for every number, for the length of a block.

    Raises:
        UsageError: they cannot be served.
    """
    async with contextlib.AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opusagent-")))
        bus = InProcessBus(None)
        await bus.start()
        stack.push_async_callback(bus.stop)
        session = build_session(
            _settings(SessionSettings, store=StoreKind.MEMORY, lease_ttl_seconds=0), bus, clock=clock
        )
        await session.start()
        stack.push_async_callback(session.stop)
        client = direct(session.servicer)
        folders = [folder_of(files[0], scratch), *(file.parent for file in files[1:])]
        settings = _settings(EngineSettings, agents_path=os.pathsep.join(map(str, folders)), agents_reload_seconds=0)
        catalog = AgentCatalog(folders, "", tools, {"OPUSAGENT_DATA": str(scratch)})
        engine = build_engine(settings, bus, client, catalog, clock, step=step)
        stack.push_async_callback(engine.stop)
        await engine.start()
        if catalog.problems:
            raise UsageError(f"the agent cannot be served: {catalog.problems}")
        model = SpellingStandIn(mind)
        url = await model.start()
        stack.push_async_callback(model.stop)
        timers = HurriedTimers()
        dial = {"relay_backend": BackendName.OPENAI_REALTIME, "openai_api_key": SecretStr("-"), "openai_base_url": url}
        relay = build_relay(_settings(RelaySettings, **dial), bus, client, clock, timers=timers)
        stack.push_async_callback(relay.stop)
        await relay.start()
        yield Stage(bus, client, model, timers)


def _settings(kind: type[S], **values: Any) -> S:
    return kind(**values)
