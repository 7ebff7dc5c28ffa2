"""The gateway as a process of its own: `python -m gateway`, configured by environment variables."""

from chassis import rpc, runtime
from chassis.bus_kafka import KafkaBus
from chassis.lifecycle import Service
from chassis.settings import load
from gateway.bootstrap import build
from gateway.settings import GatewaySettings
from opusagent.session.v1.session_pb2_grpc import SessionServiceStub


class GatewayProcess(Service):
    """The gateway together with the connections that a process of its own needs."""

    name = "gateway"

    def __init__(self, settings: GatewaySettings) -> None:
        self._bus = KafkaBus(
            settings.kafka_bootstrap_servers,
            f"{self.name}-{settings.holder}",
            security=settings.kafka_security,
            replication_factor=settings.kafka_replication_factor,
        )
        self._session = rpc.remote(SessionServiceStub, settings.session_target)
        self._app = build(settings, self._bus, self._session)
        self.routes = self._app.ops_routes

    async def start(self) -> None:
        """Connect, then take calls."""
        await self._bus.start()
        await self._app.start()

    async def drain(self) -> None:
        """Let running calls end."""
        await self._app.drain()

    async def stop(self) -> None:
        """Take the gateway down, then its connections."""
        await self._app.stop()
        await self._bus.stop()
        await self._session.close()

    @property
    def ready(self) -> bool:
        """Whether it would take a call now."""
        return self._app.ready


def main() -> None:
    """Run until told to end."""
    settings = load(GatewaySettings)
    service = GatewayProcess(settings)
    runtime.run(service, settings, service.routes)


if __name__ == "__main__":
    main()
