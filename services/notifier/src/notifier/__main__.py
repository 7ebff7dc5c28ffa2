"""`python -m notifier`: the notifier as a process of its own."""

from typing import Any

from chassis.bus import Bus
from chassis.bus_kafka import KafkaBus
from chassis.lifecycle import Service
from chassis.rpc import remote
from chassis.runtime import run
from chassis.settings import load
from notifier.bootstrap import build
from notifier.settings import NotifierSettings
from opusagent.session.v1.session_pb2_grpc import SessionServiceStub


class NotifierProcess(Service):
    """The notifier with its bus."""

    name = "notifier"

    def __init__(self, settings: NotifierSettings) -> None:
        self._bus: Bus = KafkaBus.from_settings(settings, f"notifier-{settings.holder}")
        self._session: Any = remote(SessionServiceStub, settings.session_target)
        self._app = build(settings, self._bus, self._session)
        self._running = False

    async def start(self) -> None:
        """Connect, then take commands."""
        await self._bus.start()
        await self._app.start()
        self._running = True

    async def drain(self) -> None:
        """See the commands taken in through."""
        await self._app.drain()

    async def stop(self) -> None:
        """End."""
        self._running = False
        await self._app.stop()
        await self._session.close()
        await self._bus.stop()

    @property
    def ready(self) -> bool:
        """Whether commands are taken."""
        return self._running and self._app.ready


def main() -> None:
    """Run until told to end."""
    settings = load(NotifierSettings)
    run(NotifierProcess(settings), settings)


if __name__ == "__main__":
    main()
