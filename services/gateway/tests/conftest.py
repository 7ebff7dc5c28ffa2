"""A gateway on a free port, over the in-process bus, with a fake session and a scripted relay."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
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


@dataclass
class StandIn:
    """Twilio's REST, as far as a leg goes: `status` empty means that there is no such leg."""

    status: str = "in-progress"
    url: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    posted: Event = field(default_factory=Event)


@pytest.fixture
def rest() -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            stand_in.asked.append((self.command, self.path, body))
            answer = json.dumps({"sid": "CA1", "status": stand_in.status}).encode()
            self.send_response(200 if stand_in.status else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            if self.command == "POST":
                stand_in.posted.set()

        do_GET = do_POST = _answer

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield stand_in
    server.shutdown()
    thread.join()
    server.server_close()
