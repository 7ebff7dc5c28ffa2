"""One relay with a fake backend, on virtual time, and one call on it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from chassis import rpc
from llm_relay.bootstrap import RelayApp, build
from llm_relay.settings import BackendName, RelaySettings
from llm_relay.testing import FakeBackend, FakeSession, PostBox, SessionFake, VirtualTimers, Wire, call_opened
from opusagent.dialogue.v1.plan_pb2 import DialoguePlan, Style
from opusagent.fsa.v1.fsa_pb2 import Output, Outputs
from opusagent.media.v1.inbox_pb2 import GatewayItem, PlanReady


async def soon(condition: Callable[[], object]) -> None:
    """Let the loop run until the condition holds."""
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


@dataclass
class Rig:
    """What a test of the relay holds in its hands."""

    app: RelayApp
    backend: FakeBackend
    box: PostBox
    store: SessionFake
    timers: VirtualTimers
    wire: Wire

    async def open(self, *outputs: Output, style: Style | None = None, **plan: object) -> FakeSession:
        """A call whose plan has come, with these outputs of its opening."""
        self.wire.gateway(opened=call_opened())
        chosen = style if style is not None else self.backend.capabilities.styles[0]
        ready = PlanReady(
            plan=DialoguePlan(style=chosen, **plan), opening=Outputs(event_id="call-1/opened", outputs=outputs)
        )
        self.wire.engine(plan=ready)
        await soon(lambda: self.backend.sessions)
        await soon(lambda: self.app.calls.get("call-1").dialogue._session)
        return self.backend.sessions[0]

    def sent(self, body: str) -> list[GatewayItem]:
        """What was sent to the gateway with this body."""
        return [item for item in self.box.to_gateway if item.WhichOneof("body") == body]

    def posted(self, body: str) -> list[object]:
        """Events of this body sent to the engine."""
        return [item for item in self.box.to_engine if item.WhichOneof("body") == body]


@pytest.fixture
async def make_rig() -> AsyncIterator[Callable[..., Awaitable[Rig]]]:
    apps: list[RelayApp] = []

    async def make(backend: FakeBackend | None = None) -> Rig:
        backend = backend or FakeBackend()
        box, store, timers = PostBox(), SessionFake(), VirtualTimers()
        settings = RelaySettings(relay_backend=BackendName.LOCAL, holder="relay-a")
        app = build(
            settings,
            box,
            rpc.direct(store),
            clock=lambda: 1_700_000_000_000,
            backends={BackendName.LOCAL: lambda _: backend},
            timers=timers,
        )
        await app.start()
        apps.append(app)
        assert box.inbox is not None
        return Rig(app, backend, box, store, timers, Wire(box.inbox))

    yield make
    for app in apps:
        await app.stop()


@pytest.fixture
async def rig(make_rig: Callable[..., Awaitable[Rig]]) -> Rig:
    return await make_rig()
