"""One engine as a process of its own: `python -m fsa_engine`, configured by environment variables."""

from chassis import rpc, runtime
from chassis.bus_kafka import KafkaBus
from chassis.lifecycle import Service
from chassis.settings import load
from fsa_engine.bootstrap import EngineApp, build
from fsa_engine.handlers import SERVICE
from fsa_engine.settings import EngineSettings
from opusagent.session.v1.session_pb2_grpc import SessionServiceStub


class EngineProcess(Service):
    """The engine together with the connections that a process of its own needs."""

    name = SERVICE

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._bus = KafkaBus(
            settings.kafka_bootstrap_servers,
            SERVICE,
            security=settings.kafka_security,
            replication_factor=settings.kafka_replication_factor,
        )
        self._session = rpc.remote(SessionServiceStub, settings.session_target)
        self._app: EngineApp | None = None

    async def start(self) -> None:
        """Connect, then bring the engine up."""
        await self._bus.start()
        self._app = build(self._settings, self._bus, self._session)
        await self._app.start()

    async def drain(self) -> None:
        """Let running calls end."""
        if self._app is not None:
            await self._app.drain()

    async def stop(self) -> None:
        """Take the engine down, then its connections."""
        if self._app is not None:
            await self._app.stop()
        await self._bus.stop()
        await self._session.close()

    @property
    def ready(self) -> bool:
        """Whether it would serve a call now."""
        return self._app is not None and self._app.ready


def main() -> None:
    """Run until told to end."""
    settings = load(EngineSettings)
    runtime.run(EngineProcess(settings), settings)


if __name__ == "__main__":
    main()
