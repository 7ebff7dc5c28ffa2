"""What is sensitive leaves an engine sealed under the session's key, and comes back from the tool and the log whole."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from chassis.sealing import new_key, seal
from fsa_engine.domain.loading import load_agent
from fsa_engine.domain.replay import replay
from fsa_engine.domain.step import step
from fsa_engine.vault import Vault
from opusagent.fsa.v1 import fsa_pb2 as fsa
from opusagent.media.v1 import inbox_pb2 as media

World = Any
CARD = "4539578763621486"
SHAPES = (CARD, " ".join(CARD), CARD[:4] + " " + CARD[4:8], CARD[-5:])
TILL = """
version: 1
agent: till
name: Till
called_numbers: ["+1800"]
greeting: Hello.
help: I can take a card.
servers:
  odd: {transport: stdio, command: [python, odd.py]}
tools:
  echo: {server: odd}
  hang: {server: odd, timeout_ms: 100000}
tasks:
  pay:
    description: Take a card.
    title: pay
    request: payment
    resume: paying
    examples: [I want to pay]
    slots:
      card: {type: digits, min_length: 16, max_length: 16, sensitive: true, prompt: "Please key in your card number."}
      copy: {type: digits, from: tool, sensitive: true}
    initial: card
    states:
      card: {kind: collect, slot: card, to: charge}
      charge:
        {kind: act, tool: echo, arguments: {text: card}, fill: {copy: result.text}, to: judge, failed: sorry}
      judge: {kind: decide, transitions: [{when: copy == card, to: paid}, {to: sorry}]}
      paid: {kind: done, text: "Paid with {card}."}
      sorry: {kind: failed, text: Not paid.}
"""


@pytest.fixture
def agents(odd_server: Path) -> Path:
    (odd_server / "agent.yaml").write_text(TILL)
    return odd_server


def key_in(world: World, relay: Any, name: str = "k") -> str:
    """Key the card in; return the event of its last digit."""
    secret = world.session.session(relay.session_id).key
    event = ""
    for number, digit in enumerate(CARD):
        sealed = seal(secret, relay.session_id, digit.encode())
        event = relay.post(f"{name}{number}", media.SENDER_GATEWAY, key=fsa.KeyPress(sealed=sealed))
    return event


async def asked_for_card(world: World, **settings: Any) -> Any:
    world.step = step
    await world.engine(**settings)
    relay = world.relay()
    await relay.open()
    await relay.texts(relay.say("u1", "I want to pay"))
    return relay


async def paid(world: World) -> list[bytes]:
    """Pay with a card; return all that session was given to keep."""
    kept: list[bytes] = []
    world.session.after_save = lambda request: kept.append(request.SerializeToString())
    relay = await asked_for_card(world)
    event = key_in(world, relay)
    texts = await relay.texts(f"{event}/i0/result")
    assert texts[0] == "Paid with ending in 1 4 8 6."
    return kept


async def test_nothing_sensitive_is_saved_or_logged_and_the_tool_gets_it_whole(world: World, caplog: Any) -> None:
    kept = await paid(world)
    (called,) = await world.facts("tool_called", 1)
    (returned,) = await world.facts("tool_returned", 1)
    assert orjson.loads(called.arguments_json) == {"text": "***"}
    assert orjson.loads(returned.result_json) == "***"
    everything = b"".join(kept).decode(errors="replace")
    assert not [shape for shape in SHAPES if shape in everything]
    assert "$sealed" in everything
    assert world.session.session("session-1").key not in b"".join(kept)


def records(world: World) -> list[dict[str, Any]]:
    return [orjson.loads(record) for record in world.session.session("session-1").audit]


async def test_the_log_replays_with_the_key_and_says_what_it_cannot_know_without(world: World, agents: Path) -> None:
    await paid(world)
    agent = load_agent(agents / "agent.yaml")
    opened = replay(records(world), agent, Vault("session-1", world.session.session("session-1").key).unseal)
    assert (opened.differences, opened.notes) == ((), ())
    lost = replay(records(world), agent, Vault("session-1", b"").unseal)
    assert lost.differences == ()
    assert any("sealed" in note for note in lost.notes)


async def test_without_a_key_what_is_sensitive_is_lost_and_not_left_open(world: World) -> None:
    world.session.session("session-1").key = b""
    kept: list[bytes] = []
    world.session.after_save = lambda request: kept.append(request.SerializeToString())
    relay = await asked_for_card(world)
    for number, digit in enumerate(CARD):
        event = relay.post(f"k{number}", media.SENDER_GATEWAY, key=fsa.KeyPress(digit=digit))
    assert "Paid" in (await relay.texts(f"{event}/i0/result"))[0], "the engine itself still has it"
    everything = b"".join(kept).decode(errors="replace")
    assert not [shape for shape in SHAPES if shape in everything]


async def test_another_engine_opens_what_the_first_one_sealed(world: World, settled: Any) -> None:
    relay = await asked_for_card(world)
    for number, digit in enumerate(CARD[:9]):
        relay.post(f"a{number}", media.SENDER_GATEWAY, key=fsa.KeyPress(digit=digit))
    await settled(lambda: "call-1/a8" in world.session.session("session-1").saves)
    await world.engine()
    other = world.relay(engine_slot=1)
    for number, digit in enumerate(CARD[9:]):
        event = other.post(f"b{number}", media.SENDER_GATEWAY, key=fsa.KeyPress(digit=digit))
    assert (await other.texts(f"{event}/i0/result"))[0] == "Paid with ending in 1 4 8 6."


async def test_a_call_whose_key_was_deleted_before_its_tool_call_fails_as_a_tool_that_cannot_be_reached(
    world: World, agents: Path, settled: Any
) -> None:
    text = (agents / "agent.yaml").read_text().replace("tool: echo, arguments: {text:", "tool: hang, arguments: {path:")
    (agents / "agent.yaml").write_text(text)
    relay = await asked_for_card(world)
    key_in(world, relay)
    saved = world.session.session("session-1")
    await settled(lambda: saved.open_intents)
    await world.engines.pop().stop()
    saved.key = new_key()
    world.session.leases.clear()
    await world.engine()
    other = world.relay()
    other.generation = 2
    event = other.say("u9", "hello?")
    await settled(lambda: not saved.open_intents)
    assert event
    assert "Not paid." in str(saved.saves)
