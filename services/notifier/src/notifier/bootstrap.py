"""Puts the notifier together: the same for production, for one process and for tests."""

import asyncio
from typing import TYPE_CHECKING

from chassis.bus import NOTIFY_OUTBOX, Bus, Record, Subscription
from chassis.ids import Clock, now_ms
from chassis.lifecycle import Service
from chassis.retry import Sleep
from notifier.adapters.console import ConsoleProvider
from notifier.adapters.twilio import TwilioProvider
from notifier.claims import Claims
from notifier.delivery import Delivery
from notifier.dispatcher import Dispatcher
from notifier.handlers import handle
from notifier.outcomes_log import OutcomesLog
from notifier.provider import Provider
from notifier.settings import NotifierSettings, ProviderKind

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

GROUP = "notifier"


class NotifierApp(Service):
    """Follows notify-outbox and carries out what is asked. The bus is its owner's."""

    name = "notifier"

    def __init__(self, bus: Bus, provider: Provider, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self._bus = bus
        self._provider = provider
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Begin to take commands."""
        await self._provider.start()
        self._subscription = await self._bus.follow(NOTIFY_OUTBOX, GROUP, self._handle)

    async def drain(self) -> None:
        """Take no new commands and see the others through."""
        await self._leave()
        await self.dispatcher.idle()

    async def stop(self) -> None:
        """Break off what is under way."""
        await self._leave()
        await self.dispatcher.stop()
        await self._provider.stop()

    @property
    def ready(self) -> bool:
        """Whether commands are taken."""
        return self._subscription is not None and self._bus.healthy

    async def _leave(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()

    async def _handle(self, record: Record) -> None:
        await handle(record, self.dispatcher)


def make_provider(settings: NotifierSettings) -> Provider:
    """Return the provider that the settings name."""
    return TwilioProvider(settings) if settings.notifier_provider is ProviderKind.TWILIO else ConsoleProvider()


def build(
    settings: NotifierSettings,
    bus: Bus,
    session: "SessionServiceAsyncStub",
    *,
    provider: Provider | None = None,
    clock: Clock = now_ms,
    sleep: Sleep = asyncio.sleep,
) -> NotifierApp:
    """Wire the notifier on a bus that the caller starts and stops; by default with the provider of the settings."""
    provider = provider or make_provider(settings)
    claims = Claims(session, sleep)
    log = OutcomesLog(bus, clock, sleep)
    delivery = Delivery(settings, provider, claims, log, clock=clock, sleep=sleep)
    return NotifierApp(bus, provider, Dispatcher(delivery.carry_out, settings.notifier_concurrency))
