"""A private caller and a gated state, as relay and gateway of a call learn of them from an engine with its core."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from chassis import sealing
from chassis.bus import GATEWAY_INBOX, RELAY_INBOX
from fsa_engine.domain.step import step
from fsa_engine.metrics import KEYS_UNREADABLE
from opusagent.call.v1 import call_pb2 as call
from opusagent.fsa.v1 import fsa_pb2 as fsa
from opusagent.media.v1 import inbox_pb2 as media

World = Any
GATEWAY_SLOT = 3
CARD = "4539578763621486"
TILL = """
version: 1
agent: till
name: Till
called_numbers: ["+1800"]
greeting: Hello.
help: I can take a card.
tasks:
  pay:
    description: Take a card.
    title: pay
    request: payment
    resume: paying
    examples: [I want to pay]
    slots:
      card: {type: digits, min_length: 16, max_length: 16, sensitive: true, prompt: "Please key in your card number."}
      amount: {type: money, prompt: "How much?"}
    initial: card
    states:
      card: {kind: collect, slot: card, to: amount}
      amount: {kind: collect, slot: amount, to: sure, speech: gated}
      sure: {kind: confirm, slots: [amount], text: "Pay {amount} with {card}?", "yes": paid, "no": paid}
      paid: {kind: done, text: Paid.}
"""


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    folder = tmp_path / "till"
    folder.mkdir()
    (folder / "agent.yaml").write_text(TILL)
    return folder


@pytest.fixture
def posted(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All that an engine posts to relay and gateway, in order, without Accepted."""
    world.step = step
    items: list[Any] = []
    post = world.bus.post
    parsers = {GATEWAY_INBOX: media.GatewayInbox, RELAY_INBOX: media.RelayInbox}

    def seen(topic: str, slot: int, record: bytes, headers: Any = None) -> None:
        if topic in parsers:
            assert topic == RELAY_INBOX or slot == GATEWAY_SLOT
            items.extend(i for i in parsers[topic].FromString(record).items if i.WhichOneof("body") != "accepted")
        post(topic, slot, record, headers)

    monkeypatch.setattr(world.bus, "post", seen)
    return items


def told(posted: Iterable[Any]) -> list[str | bool]:
    """What gateway and relay were told: who hears the caller, or the event that outputs answer."""
    return [
        item.privacy.on
        if item.WhichOneof("body") == "privacy"
        else (item.outputs.event_id or item.plan.opening.event_id).partition("/")[2]
        for item in posted
    ]


def key(relay: Any, name: str, digit: str, secret: bytes) -> str:
    sealed = sealing.seal(secret, relay.session_id, digit.encode())
    return relay.post(name, media.SENDER_GATEWAY, key=fsa.KeyPress(sealed=sealed))


def announce(relay: Any, generation: int = 1) -> str:
    opened = media.CallOpened(call=relay.call(), route=relay.route, reattached=generation > 1)
    return relay.post(f"g{generation}/opened", media.SENDER_GATEWAY, opened=opened)


async def asked_for_card(world: World) -> Any:
    relay = world.relay()
    await relay.open()
    await relay.texts(relay.say("u1", "I want to pay"))
    return relay


async def card_keyed(world: World, relay: Any) -> list[Any]:
    """Key the card in; return the answers to all keys."""
    secret = world.session.session(relay.session_id).key
    events = [key(relay, f"k{n}", digit, secret) for n, digit in enumerate(CARD)]
    return [(await relay.until("outputs", event)).outputs for event in events[-1:]]


async def test_the_gateway_hears_of_a_private_caller_before_the_question_is_put(world: World, posted: Any) -> None:
    await world.engine()
    relay = await asked_for_card(world)
    assert told(posted) == [False, "opened", True, "u1"]
    heads = [item.head for item in posted if isinstance(item, media.GatewayItem)]
    assert [(head.sender, head.call_id, head.sequence) for head in heads] == [
        (media.SENDER_ENGINE, "call-1", 1),
        (media.SENDER_ENGINE, "call-1", 2),
    ]
    assert world.session.session("session-1").business.caller_private
    await card_keyed(world, relay)
    assert told(posted)[4:] == [False, f"k{len(CARD) - 1}"]
    assert not world.session.session("session-1").business.caller_private


async def test_keys_of_a_private_caller_reach_the_engine_and_nobody_else(world: World, posted: Any) -> None:
    await world.engine()
    relay = await asked_for_card(world)
    (answer,) = await card_keyed(world, relay)
    assert answer.outputs[-1].ask.text == "How much?"
    (sure,) = await relay.texts(relay.say("u2", "fifty dollars"))
    assert "1 4 8 6" in sure
    assert CARD not in sure


OF_ANOTHER_KEY = sealing.seal(sealing.new_key(), "session-1", b"4")


@pytest.mark.parametrize("sealed", [b"nonsense", OF_ANOTHER_KEY, None], ids=["nonsense", "another key", "none"])
async def test_a_key_that_does_not_open_is_dropped_and_the_call_goes_on(
    world: World, posted: Any, sealed: bytes | None
) -> None:
    await world.engine()
    relay = await asked_for_card(world)
    secret = world.session.session("session-1").key
    before = KEYS_UNREADABLE._value.get()
    sealed = sealed or sealing.seal(secret, "session-2", b"4")
    relay.post("bad", media.SENDER_GATEWAY, key=fsa.KeyPress(sealed=sealed))
    (answer,) = await card_keyed(world, relay)
    assert answer.outputs[-1].ask.text == "How much?"
    assert KEYS_UNREADABLE._value.get() == before + 1
    assert "call-1/bad" not in world.session.session("session-1").saves


async def test_a_gateway_that_announces_the_call_is_told_how_it_stands(world: World, posted: Any, settled: Any) -> None:
    await world.engine()
    relay = await asked_for_card(world)
    posted.clear()
    announce(relay, 2)
    await settled(lambda: posted)
    assert told(posted) == [True]
    await card_keyed(world, relay)
    posted.clear()
    announce(relay, 3)
    await settled(lambda: posted)
    assert told(posted) == [False]


async def test_another_engine_tells_the_gateway_how_the_call_stands(world: World, posted: Any, settled: Any) -> None:
    await world.engine()
    first = await asked_for_card(world)
    generation = posted[-2].head.generation
    posted.clear()
    await world.engine()
    other = world.relay(engine_slot=1)
    other.generation = 2
    announce(other)
    await settled(lambda: posted)
    assert told(posted) == [True]
    assert posted[0].head.generation > generation, "else the gateway would take it for an engine that was replaced"
    assert first.session_id == other.session_id


async def test_a_step_repeated_by_another_engine_tells_the_gateway_too(world: World, posted: Any) -> None:
    await world.engine()
    await asked_for_card(world)
    posted.clear()
    await world.engine()
    other = world.relay(engine_slot=1)
    await other.texts(other.say("u1", "I want to pay"))
    assert told(posted) == [True, "u1"]


async def test_a_caller_who_dropped_in_private_is_heard_when_he_is_back(
    world: World, posted: Any, settled: Any
) -> None:
    await world.engine()
    relay = await asked_for_card(world)
    relay.close()
    await settled(lambda: "call-1/closed" in world.session.session("session-1").saves)
    again = world.relay("call-2")
    posted.clear()
    await again.open(resumed=True)
    assert told(posted) == [False, "opened"]
    await again.texts(again.say("u1", "yes"))
    assert told(posted)[2:] == [True, "u1"]


async def test_every_answer_says_whether_a_model_may_speak_on_its_own(world: World, posted: Any) -> None:
    await world.engine()
    relay = world.relay()
    ready = await relay.open()
    assert ready.opening.HasField("floor")
    assert not ready.opening.floor.gated
    await relay.texts(relay.say("u1", "I want to pay"))
    (answer,) = await card_keyed(world, relay)
    assert answer.floor.gated
    empty = (await relay.until("outputs", relay.post("n1", cancel=fsa.CancelTask(task_id="none")))).outputs
    assert (list(empty.outputs), empty.HasField("floor"), empty.floor.gated) == ([], True, True)
    sure = (await relay.until("outputs", relay.say("u2", "fifty dollars"))).outputs
    assert (sure.HasField("floor"), sure.floor.gated) == (True, False)


async def test_the_relay_hears_in_which_states_a_secret_may_be_spoken(world: World, posted: Any) -> None:
    file = world.agents / "agent.yaml"
    file.write_text(file.read_text().replace("sensitive: true,", "sensitive: true, capture: speech,"))
    await world.engine()
    relay = world.relay()
    assert not (await relay.open()).opening.floor.secret
    asked = (await relay.until("outputs", relay.say("u1", "I want to pay"))).outputs
    assert asked.floor.secret
    assert told(posted)[-2:] == ["opened", "u1"], "the relay shall hear the caller"
    answered = (await relay.until("outputs", relay.say("u2", " ".join(CARD)))).outputs
    assert answered.outputs[-1].ask.text == "How much?"
    assert not answered.floor.secret


async def test_an_event_that_cannot_be_stepped_is_answered_in_the_same_manner(world: World, posted: Any) -> None:
    broken = []

    def breaking(agent: Any, snapshot: Any, event: Any) -> Any:
        if broken:
            raise ZeroDivisionError
        return step(agent, snapshot, event)

    world.step = breaking
    await world.engine()
    relay = await asked_for_card(world)
    await card_keyed(world, relay)
    broken.append(True)
    answer = (await relay.until("outputs", relay.say("u2", "fifty"))).outputs
    assert (list(answer.outputs), answer.floor.gated) == ([], True)


async def test_the_relays_copy_of_a_transfer_result_is_answered(world: World, posted: Any) -> None:
    await world.engine()
    relay = await asked_for_card(world)
    result = call.TransferResult(outcome=call.TRANSFER_OUTCOME_BUSY, event_id="call-1/t1")
    for sender in (media.SENDER_GATEWAY, media.SENDER_RELAY):
        relay.post("t1", sender, transferred=result)
    await relay.until("accepted", "call-1/t1")
    answer = (await relay.until("outputs", "call-1/t1")).outputs
    assert (list(answer.outputs), answer.HasField("floor")) == ([], True)
