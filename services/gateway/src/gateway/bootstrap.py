"""The gateway put together: the same for production, one process with all services, and tests."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import BaseRoute

from chassis.bus import GATEWAY_INBOX, Bus, Subscription
from chassis.facts import FactLog
from chassis.http import HttpServer
from chassis.ids import Clock, now_ms
from chassis.leases import SlotLease
from chassis.lifecycle import Service
from chassis.logging import get_logger
from gateway.adapters import ops
from gateway.adapters.audiocodes import AudioCodes
from gateway.adapters.server import http_class
from gateway.adapters.sockets import Sockets
from gateway.adapters.twilio import Twilio
from gateway.adapters.upgrade import Acceptor, protocol_class
from gateway.handlers import InboxRouter
from gateway.settings import GatewaySettings
from gateway.surroundings import Waits
from gateway.switchboard import Switchboard
from opusagent.call.v1.call_pb2 import Channel
from opusagent.session.v1.session_pb2 import Role

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

_log = get_logger(__name__)


class GatewayApp(Service):
    """The gateway as a service: its public port, its slot, its calls."""

    name = "gateway"

    def __init__(
        self, settings: GatewaySettings, bus: Bus, switchboard: Switchboard, facts: FactLog, lease: SlotLease
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._facts = facts
        self._lease = lease
        self._inbox: Subscription | None = None
        self._router = InboxRouter(switchboard)
        self._lost = False
        lease.on_lost = self._slot_lost
        switchboard.on_gone = self._router.forget
        self.switchboard = switchboard
        self.sockets = Sockets(settings.max_unstarted, settings.handshake_seconds)
        self.asgi = FastAPI(title="OpusAgent gateway", openapi_url=None)
        self.ops_routes: Sequence[BaseRoute] = ()
        self._server: HttpServer | None = None

    def serve_with(self, server: HttpServer) -> None:
        """Set the public port."""
        self._server = server

    @property
    def port(self) -> int:
        """The public port; chosen by the system where PORT is 0."""
        assert self._server is not None
        return self._server.port

    @property
    def ready(self) -> bool:
        """Whether a call would be taken now."""
        return self._inbox is not None and self._bus.healthy and not self.switchboard.draining and not self._lost

    async def start(self) -> None:
        """Take a slot, stand at the inbox's end, open the port.

        Raises:
            OSError: the port cannot be had.
        """
        assert self._server is not None
        await self._lease.start()
        self.switchboard.slot = self._lease.slot
        self._inbox = await self._bus.listen(GATEWAY_INBOX, self._lease.slot, self._router)
        await self._server.start()
        await self._lease.mark_ready()
        _log.info("gateway listens", port=self.port, slot=self._lease.slot)

    async def drain(self) -> None:
        """Take no new calls; return when the last one has ended."""
        self.switchboard.draining = True
        await self._lease.drain()
        await self.switchboard.wait_empty()

    async def stop(self) -> None:
        """Close what is open; calls that still run are left for telephony to bring elsewhere."""
        self.switchboard.draining = True
        await self.switchboard.let_go()
        await self.sockets.stop()
        if self._server is not None:
            await self._server.stop()
        if self._inbox is not None:
            await self._inbox.close()
            self._inbox = None
        await self._facts.close()
        await self._lease.stop()

    async def _slot_lost(self) -> None:
        """Another gateway has our slot: nothing reaches us any more, so the legs must go elsewhere."""
        self._lost = True
        self.switchboard.draining = True
        await self.switchboard.let_go()


def build(settings: GatewaySettings, bus: Bus, session: "SessionServiceAsyncStub", clock: Clock = now_ms) -> GatewayApp:
    """Wire a gateway. The bus must have been started before `start`."""
    facts = FactLog(bus, GatewayApp.name, clock)
    waits = Waits(
        settings.status_wait,
        settings.reconnect_grace,
        settings.leave_wait,
        settings.transfer_wait,
        settings.transfer_ring,
    )
    switchboard = Switchboard(bus, session, facts, clock, waits=waits, max_calls=settings.max_calls)
    lease = SlotLease(session, Role.ROLE_GATEWAY, settings.holder, lambda: len(switchboard), settings.max_calls)
    app = GatewayApp(settings, bus, switchboard, facts, lease)
    twilio = Twilio(settings, switchboard, facts, app.sockets, clock)
    switchboard.control(Channel.CHANNEL_TWILIO, twilio.leg_control)
    audiocodes = AudioCodes(settings, switchboard, app.sockets)
    acceptors: dict[str, Acceptor] = {}
    for served, channel in ((settings.serves_twilio, twilio), (settings.serves_audiocodes, audiocodes)):
        if served:
            app.asgi.include_router(channel.router)
            acceptors[channel.path] = channel.accept
    upgraded = protocol_class(
        acceptors,
        max_frame_bytes=settings.max_frame_bytes,
        ping_seconds=settings.ping_seconds,
    )
    app.serve_with(
        HttpServer(
            app.asgi,
            settings.host,
            settings.port,
            ws=upgraded,
            http=http_class(settings.handshake_seconds),
            ws_per_message_deflate=False,
            server_header=False,
        )
    )
    app.ops_routes = ops.routes(switchboard, clock)
    return app
