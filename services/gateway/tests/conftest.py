"""A gateway on a free port, over the in-process bus, with a fake session and a scripted relay."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chassis.bus_inprocess import InProcessBus
from chassis.rpc import direct
from gateway.bootstrap import GatewayApp, build
from gateway.settings import GatewaySettings
from gateway.testing import FakeSession, Peers


@dataclass
class Rig:
    """What a test of the gateway holds in its hands."""

    app: GatewayApp
    session: FakeSession
    peers: Peers
    bus: InProcessBus

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.app.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.app.port}"


RigMaker = Callable[..., Awaitable[Rig]]


@pytest.fixture
async def make_rig() -> AsyncIterator[RigMaker]:
    """Start gateways; several share the bus and the session of the first."""
    rigs: list[Rig] = []

    async def make(**settings: Any) -> Rig:
        number = len(rigs)
        values = {"host": "127.0.0.1", "port": 0, "holder": f"gateway-{number}", "status_wait": 0.05} | settings
        if rigs:
            bus, session, peers = rigs[0].bus, rigs[0].session, rigs[0].peers
        else:
            bus, session = InProcessBus(), FakeSession()
            peers = Peers(bus)
            await bus.start()
            await peers.start()
        app = build(GatewaySettings(**values), bus, direct(session))
        rig = Rig(app, session, peers, bus)
        rigs.append(rig)
        await app.start()
        return rig

    yield make
    for rig in rigs:
        await rig.app.stop()
    if rigs:
        await rigs[0].peers.stop()
        await rigs[0].bus.stop()


@pytest.fixture
async def rig(make_rig: RigMaker) -> Rig:
    """One gateway with short waits and no secrets."""
    return await make_rig()
