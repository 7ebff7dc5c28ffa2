"""The composition root: the same for production, for one process and for tests."""

import asyncio
from typing import TYPE_CHECKING

from typing_extensions import override

from chassis.bus import RELAY_INBOX, Bus, Subscription
from chassis.heads import Stamper
from chassis.ids import Clock, now_ms
from chassis.leases import SlotLease
from chassis.lifecycle import Service
from chassis.logging import get_logger
from chassis.retry import Sleep
from llm_relay.adapters.timers import LoopTimers, Timers
from llm_relay.backends.port import Backend
from llm_relay.backends.registry import BACKENDS, Backends
from llm_relay.call import Surroundings
from llm_relay.calls import Calls
from llm_relay.handlers import SERVICE, Inbox
from llm_relay.settings import RelaySettings
from opusagent.media.v1.inbox_pb2 import SENDER_RELAY
from opusagent.session.v1.session_pb2 import ROLE_RELAY

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

_log = get_logger(__name__)


class RelayApp(Service):
    """The relay of one process. The bus is started and stopped by whoever made it."""

    name = SERVICE

    def __init__(self, bus: Bus, backend: Backend, calls: Calls, lease: SlotLease) -> None:
        self._bus = bus
        self._backend = backend
        self._lease = lease
        self._subscription: Subscription | None = None
        self.calls = calls
        lease.on_lost = self._lost

    @override
    async def start(self) -> None:
        await self._backend.start()
        await self._lease.start()
        self._subscription = await self._bus.listen(RELAY_INBOX, self._lease.slot, Inbox(self.calls))
        await self._lease.mark_ready()
        _log.info("taking calls", slot=self._lease.slot, backend=type(self._backend).__name__)

    @override
    async def drain(self) -> None:
        await self._lease.drain()
        await self.calls.drained()

    @override
    async def stop(self) -> None:
        await self._deafen()
        await self.calls.stop()
        await self._lease.stop()
        await self._backend.stop()

    @property
    @override
    def ready(self) -> bool:
        return self._subscription is not None and self._bus.healthy

    async def _lost(self) -> None:
        """Another relay has the slot: it speaks for our calls now, so nothing more is said here."""
        await self._deafen()
        await self.calls.stop()

    async def _deafen(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()


def build(
    settings: RelaySettings,
    bus: Bus,
    session: "SessionServiceAsyncStub",
    clock: Clock = now_ms,
    backends: Backends = BACKENDS,
    *,
    timers: Timers | None = None,
    sleep: Sleep = asyncio.sleep,
) -> RelayApp:
    """Put a relay together. `clock`: Unix milliseconds for what is recorded; `timers`: what the dialogue waits by."""
    backend = backends[settings.backend](settings)
    around = Surroundings(bus, Stamper(SENDER_RELAY), backend, timers or LoopTimers(), clock, sleep)
    calls = Calls(around, session)
    lease = SlotLease(session, ROLE_RELAY, settings.holder, lambda: len(calls), settings.relay_capacity, sleep=sleep)
    return RelayApp(bus, backend, calls, lease)
