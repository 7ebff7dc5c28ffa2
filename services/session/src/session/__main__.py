"""`python -m session`: the session service as a process of its own."""

from chassis.bus import Bus
from chassis.bus_kafka import KafkaBus
from chassis.lifecycle import Service
from chassis.rpc import RpcServer, serve
from chassis.runtime import run
from chassis.settings import load
from opusagent.session.v1.session_pb2_grpc import add_SessionServiceServicer_to_server
from session.bootstrap import SessionApp, build
from session.settings import SessionSettings


class SessionProcess(Service):
    """Session with its bus and its port."""

    name = "session"

    def __init__(self, settings: SessionSettings, bus: Bus, app: SessionApp) -> None:
        self._settings = settings
        self._bus = bus
        self._app = app
        self._server: RpcServer | None = None

    async def start(self) -> None:
        """Connect, then listen."""
        await self._bus.start()
        await self._app.start()
        registration = (add_SessionServiceServicer_to_server, self._app.servicer)
        self._server = await serve([registration], self._settings.session_host, self._settings.session_port)

    async def stop(self) -> None:
        """Close the port first, then end what is behind it."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()
        await self._app.stop()
        await self._bus.stop()

    @property
    def ready(self) -> bool:
        """Whether requests can be answered."""
        return self._server is not None and self._app.ready


def main() -> None:
    """Run until told to end."""
    settings = load(SessionSettings)
    bus = KafkaBus.from_settings(settings, f"session-{settings.holder}")
    run(SessionProcess(settings, bus, build(settings, bus)), settings)


if __name__ == "__main__":
    main()
