"""A call through all five services is one trace: in one process, and over a Kafka and real gRPC."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from confluent_kafka import Producer
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import fsa_engine.bootstrap
import gateway.bootstrap
import llm_relay.bootstrap
import notifier.bootstrap
import session.bootstrap
from chassis import tracing
from chassis.bus import CALL_EVENTS, RELAY_INBOX, Bus, Headers
from chassis.bus_inprocess import InProcessBus
from chassis.bus_kafka import KafkaBus
from chassis.rpc import direct, remote, serve
from fsa_engine.settings import EngineSettings
from gateway.settings import GatewaySettings
from gateway.testing_twilio import TwilioPeer
from llm_relay.backends.port import Said
from llm_relay.settings import BackendName, RelaySettings
from llm_relay.testing import FakeBackend, FakeSession
from notifier.settings import NotifierSettings
from notifier.testing import FakeProvider
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.media.v1.inbox_pb2 import RelayInbox
from opusagent.session.v1.session_pb2_grpc import SessionServiceStub, add_SessionServiceServicer_to_server
from session.adapters.memory import MemoryStore
from session.settings import SessionSettings

PATIENCE_SECONDS = 30
CALLER, CALLED = "+15550108812", "+15550001"
FRAME = b"\xff" * 160

in_one_process = pytest.mark.parametrize("world", ["one process"], indirect=True)

AGENT = """\
version: 1
agent: shop
name: Shop
called_numbers: ["*"]
greeting: Hello.
help: I can take orders.
sms: {on: unfinished, text: "Reply CALL."}
servers:
  shop: {transport: stdio, command: [python, shop.py]}
tools:
  stock: {server: shop}
tasks:
  order:
    description: Take an order.
    title: order something
    request: order
    resume: ordering
    examples: [I want to order something]
    slots:
      what: {type: text, prompt: "What would you like?"}
    initial: ask
    states:
      ask: {kind: collect, slot: what, to: look}
      look: {kind: act, tool: stock, arguments: {what: what}, to: sure, failed: sorry}
      sure: {kind: confirm, slots: [what], text: "Shall I order it?", "yes": done}
      done: {kind: done, text: It is ordered.}
      sorry: {kind: failed, text: That did not work.}
"""
SHOP = """\
from typing import Any
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("shop")

@server.tool()
async def stock(what: str, ctx: Context[Any, Any]) -> dict[str, str]:
    return {"traceparent": (ctx.request_context.meta or {}).get("traceparent", "")}

server.run("stdio")
"""


@dataclass
class World:
    """A running OpusAgent, its callers' model, and the spans that it made."""

    gateways: list[gateway.bootstrap.GatewayApp]
    model: FakeBackend
    provider: FakeProvider
    exporter: InMemorySpanExporter
    headers: dict[str, set[bool]] = field(default_factory=dict)
    """By kind of item to the relay: whether it came with headers."""
    facts: list[CallEvent] = field(default_factory=list)

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for what a model, a log or a span will show."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found = condition()
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def hears(self, text: str) -> None:
        """Let the agent of the latest call speak until it has said this."""

        def said() -> bool:
            latest = self.model.sessions[-1]
            if latest.busy:
                latest.speak(20)
            return any(text in one for one in latest.texts)

        await self.until(said)

    @property
    def spans(self) -> dict[int, ReadableSpan]:
        return {span.context.span_id: span for span in self.exporter.get_finished_spans() if span.context}

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans.values() if span.name == name]

    def ancestors(self, span: ReadableSpan) -> list[str]:
        """Names from a span's parent up to its root."""
        names = []
        while span.parent is not None:
            span = self.spans[span.parent.span_id]
            names.append(span.name)
        return names


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.export_to(SimpleSpanProcessor(exporter), "test")
    yield exporter
    tracing.shutdown()


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "agent.yaml").write_text(AGENT)
    (folder / "shop.py").write_text(SHOP)
    return folder


@contextlib.contextmanager
def mock_kafka() -> Iterator[str]:
    """librdkafka's mock broker."""
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 2})
    broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del producer


def watch(world: World, bus: Bus) -> None:
    """Note what is posted to the relay with headers, and what is put on the log."""
    post = bus.post

    def posted(topic: str, slot: int, item: bytes, headers: Headers = ()) -> None:
        for one in RelayInbox.FromString(item).items if topic == RELAY_INBOX else ():
            world.headers.setdefault(str(one.WhichOneof("body")), set()).add(bool(headers))
        post(topic, slot, item, headers)

    bus.post = posted  # type: ignore[method-assign]


@pytest.fixture(params=["one process", "kafka and grpc"])
async def world(
    request: pytest.FixtureRequest, agents: Path, tmp_path: Path, exporter: InMemorySpanExporter
) -> AsyncIterator[World]:
    apart = request.param != "one process"
    async with contextlib.AsyncExitStack() as stack:
        servers = stack.enter_context(mock_kafka()) if apart else ""
        one = InProcessBus(tmp_path)
        buses = [KafkaBus(servers, f"b{n}", manage_topics=False) if apart else one for n in range(5)]
        for bus in buses if apart else [one]:
            await bus.start()
            stack.push_async_callback(bus.stop)
        about: Any = SessionSettings(grace_seconds=0.05, holder="session")
        keeper = session.bootstrap.build(about, buses[0], MemoryStore())
        client = direct(keeper.servicer)
        if apart:
            server = await serve([(add_SessionServiceServicer_to_server, keeper.servicer)], "127.0.0.1", 0)
            stack.push_async_callback(server.stop)
            client = remote(SessionServiceStub, f"127.0.0.1:{server.port}")
            stack.push_async_callback(client.close)
        about = EngineSettings(agents_path=str(agents), intent_model="none", agents_reload_seconds=0, holder="engine")
        engine = fsa_engine.bootstrap.build(about, buses[1], client)
        model, provider = FakeBackend(), FakeProvider()
        about = RelaySettings(relay_backend=BackendName.LOCAL, holder="relay")
        relay = llm_relay.bootstrap.build(about, buses[2], client, backends={BackendName.LOCAL: lambda _: model})
        sender = notifier.bootstrap.build(NotifierSettings(holder="notifier"), buses[3], client, provider=provider)
        gateways = []
        for name in ("gateway-a", "gateway-b"):
            about = GatewaySettings(host="127.0.0.1", port=0, holder=name, status_wait=0.05)
            gateways.append(gateway.bootstrap.build(about, buses[4], client))
        for service in (keeper, engine, relay, sender, *gateways):
            await service.start()
            stack.push_async_callback(service.stop)
        world = World(gateways, model, provider, exporter)
        for bus in buses if apart else [one]:
            watch(world, bus)

        async def keep(record: Any) -> None:
            world.facts.append(CallEvent.FromString(record.value))

        follower = await buses[4].follow(CALL_EVENTS, "test", keep)
        stack.push_async_callback(follower.close)
        yield world


async def dial(world: World, peer: TwilioPeer, at: int = 0) -> None:
    """Bring a leg to one of the gateways."""
    await peer.open(f"ws://127.0.0.1:{world.gateways[at].port}/twilio/media")
    peer.connected()
    peer.start(**{"from": CALLER, "to": CALLED})


@contextlib.asynccontextmanager
async def leg(world: World, name: str) -> AsyncIterator[tuple[TwilioPeer, FakeSession]]:
    """A caller on the line, and his conversation with the model."""
    before = len(world.model.sessions)
    async with TwilioPeer(call_sid=name) as peer:
        await dial(world, peer)
        await world.until(lambda: len(world.model.sessions) > before)
        yield peer, world.model.sessions[-1]
        peer.stop()
        await peer.until_closed()


async def cut_off(world: World) -> None:
    """Order something and be gone before it is confirmed."""
    async with leg(world, "CA1") as (peer, words):
        await world.hears("Hello.")
        for _ in range(100):
            peer.media(FRAME)
        await world.until(lambda: len(words.heard) >= 50)
        for at, text, answer in ((200, "I want to order something", "What would"), (900, "a lamp", "Shall I order")):
            words.listener.caller_started(at)
            words.listener.caller_stopped(at + 500)
            words.listener.caller_said(Said(text, at, at + 500))
            await world.hears(answer)
        peer.dtmf("5")


@pytest.fixture
async def dropped(world: World) -> World:
    """After a call that was cut off, and its SMS."""
    await cut_off(world)
    await world.provider.tried(1)
    await world.until(lambda: world.named("session sms_sent"))
    return world


def it_is_one_trace(dropped: World) -> None:
    [root] = dropped.named("call")
    assert root.parent is None
    assert root.attributes is not None
    assert set(root.attributes) == {"call_id", "session_id", "end_reason"}
    assert root.context is not None
    strays = [span.name for span in dropped.spans.values() if span.context.trace_id != root.context.trace_id]
    assert not strays
    roots = [span.name for span in dropped.spans.values() if span.parent is None]
    assert roots == ["call"]


def every_span_hangs_where_it_was_caused(dropped: World) -> None:
    def above(name: str) -> set[tuple[str, ...]]:
        return {
            tuple(one for one in dropped.ancestors(span) if "." not in one and not one[0].isupper())
            for span in dropped.named(name)
        }

    assert above("relay plan") == {("call",)}
    assert above("fsa Opened") == {("relay plan", "call")}
    assert above("fsa Utterance") == {("relay utterance", "call")}
    assert above("tool stock") == {("fsa tool", "fsa Utterance", "relay utterance", "call")}
    assert above("fsa ToolReturned") == {("fsa Utterance", "relay utterance", "call")}
    assert above("fsa KeyPressed") == above("fsa CallClosed") == {("call",)}
    assert above("session call_ended") == {("call",)}
    assert above("session alarm") == {("session call_ended", "call")}
    assert above("notifier send_sms") == {("session alarm", "session call_ended", "call")}
    [(delivery, *_)] = above("session sms_sent")
    assert delivery == "notifier send_sms"
    assert {"call"} <= {dropped.ancestors(span)[-1] for span in dropped.named("AppendTurns")}


def requests_have_both_ends(dropped: World) -> None:
    service = "opusagent.session.v1.SessionService/"
    for span in dropped.named("SaveTask"):
        assert dropped.ancestors(span)[0].startswith("fsa ")
    served = dropped.named(f"{service}SaveTask")
    if served:
        assert {span.kind for span in served} == {SpanKind.SERVER}
        assert {dropped.ancestors(span)[0] for span in served} == {"SaveTask"}
        assert {span.kind for span in dropped.named("SaveTask")} == {SpanKind.CLIENT}
    assert not dropped.named("LeaseSlot"), "what belongs to no call begins no trace"


def a_tool_server_is_told_the_trace(dropped: World) -> None:
    [returned] = [fact for fact in dropped.facts if fact.HasField("tool_returned")]
    told = orjson.loads(returned.tool_returned.result_json)["traceparent"]
    [tool] = dropped.named("tool stock")
    assert tool.context is not None
    assert told.startswith(f"00-{tool.context.trace_id:032x}-{tool.context.span_id:016x}-")


def audio_travels_without_headers_and_events_with(dropped: World) -> None:
    plain = {kind: headers for kind, headers in dropped.headers.items() if kind in ("audio", "heard")}
    assert plain == {"audio": {False}, "heard": {False}}
    assert all(dropped.headers[kind] == {True} for kind in ("opened", "key", "closed", "plan", "outputs"))


def spans_show_nothing_of_the_caller(dropped: World) -> None:
    for span in dropped.spans.values():
        shown = f"{span.name} {dict(span.attributes or {})} {span.status.description} {span.events}"
        assert not any(private in shown for private in (CALLER, CALLED, "lamp", "Reply"))


async def test_from_the_leg_to_the_sms_a_call_is_one_trace(dropped: World) -> None:
    await dropped.until(lambda: any(fact.HasField("sms_sent") for fact in dropped.facts))
    it_is_one_trace(dropped)
    every_span_hangs_where_it_was_caused(dropped)
    requests_have_both_ends(dropped)
    a_tool_server_is_told_the_trace(dropped)
    audio_travels_without_headers_and_events_with(dropped)
    spans_show_nothing_of_the_caller(dropped)


@in_one_process
async def test_the_call_after_it_links_to_the_one_before(dropped: World) -> None:
    [first] = dropped.named("call")
    async with leg(dropped, "CA2"):
        pass
    await dropped.until(lambda: len(dropped.named("call")) == 2)
    [second] = [span for span in dropped.named("call") if span is not first]
    assert first.context is not None
    assert second.context is not None
    assert second.context.trace_id != first.context.trace_id
    assert [link.context.trace_id for link in second.links] == [first.context.trace_id]


@in_one_process
async def test_a_caller_who_asks_to_be_called_back_is_rung_in_the_trace_of_his_call(dropped: World) -> None:
    form = {"MessageSid": "SM1", "From": CALLER, "To": CALLED, "Body": "CALL"}
    async with httpx.AsyncClient() as client:
        await client.post(f"http://127.0.0.1:{dropped.gateways[0].port}/twilio/sms", data=form)
    [rung] = await dropped.until(lambda: dropped.named("notifier place_call"))
    assert dropped.ancestors(rung) == ["session call back", "session call_ended", "call"]


@in_one_process
async def test_a_call_that_another_gateway_takes_over_goes_on_in_its_trace(world: World) -> None:
    async with leg(world, "CA1"), TwilioPeer(call_sid="CA1", stream_sid="MZ2") as again:
        await dial(world, again, at=1)
        await world.until(lambda: world.named("call reattached"))
        again.stop()
        await again.until_closed()
    (goes_on,) = await world.until(lambda: [span for span in world.named("call") if span.parent is not None])
    [tried] = world.named("call reattached")
    assert [link.context.trace_id for link in tried.links] == [goes_on.context.trace_id]
    [ended] = await world.until(lambda: world.named("session call_ended"))
    assert ended.parent is not None
    assert ended.parent.span_id == goes_on.context.span_id
