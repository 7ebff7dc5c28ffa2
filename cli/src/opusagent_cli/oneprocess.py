"""All five services in this process: in-process bus, sessions and log in SQLite, local speech unless set otherwise."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_settings import BaseSettings

import fsa_engine.bootstrap
import fsa_engine.settings
import gateway.bootstrap
import gateway.settings
import llm_relay.bootstrap
import llm_relay.settings
import notifier.bootstrap
import notifier.settings
import session.bootstrap
import session.settings
from chassis.bus_inprocess import InProcessBus
from chassis.http import HttpServer, serve_ops
from chassis.lifecycle import Service
from chassis.rpc import RpcServer, direct, serve
from opusagent.session.v1.session_pb2_grpc import add_SessionServiceServicer_to_server
from opusagent_cli.options import UpOptions, settings_of

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

S = TypeVar("S", bound=BaseSettings)


class OneProcess:
    """OpusAgent in one process; `start` returns when it takes calls."""

    def __init__(self, options: UpOptions) -> None:
        self.options = options
        options.data.mkdir(parents=True, exist_ok=True)
        self.bus = InProcessBus(options.data)
        session_settings = _settings("session", session.settings.SessionSettings, options)
        store = session.bootstrap.make_store(session_settings)
        self._session = session.bootstrap.build(session_settings, self.bus, store)
        self.session: SessionServiceAsyncStub = direct(self._session.servicer)
        self._engine = fsa_engine.bootstrap.build(
            _settings("fsa-engine", fsa_engine.settings.EngineSettings, options), self.bus, self.session
        )
        self._relay = llm_relay.bootstrap.build(
            _settings("llm-relay", llm_relay.settings.RelaySettings, options), self.bus, self.session
        )
        self._gateway = gateway.bootstrap.build(
            _settings("gateway", gateway.settings.GatewaySettings, options), self.bus, self.session
        )
        self._notifier = notifier.bootstrap.build(
            _settings("notifier", notifier.settings.NotifierSettings, options), self.bus, self.session
        )
        self._started: list[Service] = []
        self._ops: HttpServer | None = None
        self._port: RpcServer | None = None

    @property
    def services(self) -> Sequence[Service]:
        """In the order in which they start."""
        return (self._session, self._engine, self._relay, self._notifier, self._gateway)

    @property
    def ready(self) -> bool:
        """Whether a call would be served."""
        return len(self._started) == len(self.services) and all(service.ready for service in self.services)

    async def start(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Start the bus and every service.

        Raises:
            OSError: a port cannot be had.
        """
        await self.bus.start()
        for service in self.services:
            progress(f"starting {service.name}")
            await service.start()
            self._started.append(service)
        routes = self._gateway.ops_routes
        self._ops = await serve_ops(self.options.host, self.options.ops_port, lambda: self.ready, routes)
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


def _settings(service: str, settings_class: type[S], options: UpOptions) -> S:
    values: dict[str, Any] = {name.lower(): value for name, value in settings_of(service, options).items()}
    return settings_class(**values)
