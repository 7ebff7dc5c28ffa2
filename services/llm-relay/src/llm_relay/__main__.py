"""The relay as a process of its own: `python -m llm_relay`, configured by environment variables."""

from typing_extensions import override

from chassis import rpc, runtime
from chassis.bus_kafka import KafkaBus
from chassis.lifecycle import Service
from chassis.settings import load
from llm_relay.bootstrap import build
from llm_relay.handlers import SERVICE
from llm_relay.settings import RelaySettings
from opusagent.session.v1.session_pb2_grpc import SessionServiceStub


class RelayProcess(Service):
    """The relay together with the connections that a process of its own needs."""

    name = SERVICE

    def __init__(self, settings: RelaySettings) -> None:
        self._bus = KafkaBus(
            settings.kafka_bootstrap_servers,
            f"{self.name}-{settings.holder}",
            security=settings.kafka_security,
            replication_factor=settings.kafka_replication_factor,
        )
        self._session = rpc.remote(SessionServiceStub, settings.session_target)
        self._app = build(settings, self._bus, self._session)

    @override
    async def start(self) -> None:
        await self._bus.start()
        await self._app.start()

    @override
    async def drain(self) -> None:
        await self._app.drain()

    @override
    async def stop(self) -> None:
        await self._app.stop()
        await self._bus.stop()
        await self._session.close()

    @property
    @override
    def ready(self) -> bool:
        return self._app.ready


def main() -> None:
    """Run until told to end."""
    settings = load(RelaySettings)
    runtime.run(RelayProcess(settings), settings)


if __name__ == "__main__":
    main()
