"""All five services in this process: in-process bus, sessions and log in SQLite, local speech unless set otherwise."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import fsa_engine.bootstrap
import gateway.bootstrap
import llm_relay.bootstrap
import notifier.bootstrap
import session.bootstrap
from chassis.bus import BusError
from chassis.bus_inprocess import InProcessBus
from chassis.http import HttpServer, serve_ops
from chassis.lifecycle import Service
from chassis.rpc import RpcServer, direct, serve
from fsa_engine.settings import EngineSettings
from gateway.settings import GatewaySettings
from llm_relay.settings import RelaySettings
from notifier.settings import NotifierSettings
from opusagent.session.v1.session_pb2_grpc import add_SessionServiceServicer_to_server
from opusagent_cli.configured import check, configured
from opusagent_cli.options import SERVICES, UpOptions, UsageError, settings_of
from opusagent_cli.ports import must_be_free
from session.settings import SessionSettings
from session.store import StoreError

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub


class OneProcess:
    """OpusAgent in one process; `start` returns when it takes calls."""

    def __init__(self, options: UpOptions) -> None:
        """Wire the services.

        Raises:
            SettingsError: settings are wrong, in the options or in the environment.
        """
        self.options = options
        settings = {service: settings_of(service, options) for service in SERVICES}
        check(settings.items())
        options.data.mkdir(parents=True, exist_ok=True)
        self.bus = InProcessBus(options.data)
        session_settings = configured(SessionSettings, settings["session"])
        store = session.bootstrap.make_store(session_settings)
        self._session = session.bootstrap.build(session_settings, self.bus, store)
        self.session: SessionServiceAsyncStub = direct(self._session.servicer)
        self._engine = fsa_engine.bootstrap.build(
            configured(EngineSettings, settings["fsa-engine"]), self.bus, self.session
        )
        self._relay = llm_relay.bootstrap.build(
            configured(RelaySettings, settings["llm-relay"]), self.bus, self.session
        )
        self._gateway = gateway.bootstrap.build(
            configured(GatewaySettings, settings["gateway"]), self.bus, self.session
        )
        self._notifier = notifier.bootstrap.build(
            configured(NotifierSettings, settings["notifier"]), self.bus, self.session
        )
        self._started: list[Service] = []
        self._up = False
        self._ops: HttpServer | None = None
        self._port: RpcServer | None = None

    @property
    def services(self) -> Sequence[Service]:
        """In the order in which they start."""
        return (self._session, self._engine, self._relay, self._notifier, self._gateway)

    @property
    def ready(self) -> bool:
        """Whether a call would be served."""
        return self._up and all(service.ready for service in self.services)

    async def start(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Start the bus and every service.

        Raises:
            UsageError: a port cannot be had, or the data folder's files cannot be used.
        """
        options, routes = self.options, self._gateway.ops_routes
        must_be_free("--port", options.host, options.port)
        must_be_free("--ops-port", options.host, options.ops_port)
        try:
            await self.bus.start()
            for service in self.services:
                progress(f"starting {service.name}")
                # One that does not come up is stopped like the others: it may have opened something.
                self._started.append(service)
                await service.start()
        except (BusError, StoreError) as error:
            raise UsageError(f"--data: {error}; give another folder, or move what is there") from error
        self._up = True
        self._ops = await serve_ops(options.host, options.ops_port, lambda: self.ready, routes)
        await self._open_session(progress)

    async def _open_session(self, progress: Callable[[str], None]) -> None:
        """Let other commands look into session; a taken port keeps nobody from being served."""
        port = self.options.session_port
        if not port:
            return
        try:
            registration = (add_SessionServiceServicer_to_server, self._session.servicer)
            self._port = await serve([registration], "127.0.0.1", port)
        except OSError:
            self.options = replace(self.options, session_port=0)
            progress(f"port {port} is taken: `opusagent events` and others cannot look in here; see --session-port")

    async def stop(self) -> None:
        """Stop in reverse order; each service keeps the promises it gave."""
        if self._port is not None:
            await self._port.stop()
        if self._ops is not None:
            await self._ops.stop()
        while self._started:
            await self._started.pop().stop()
        await self.bus.stop()
