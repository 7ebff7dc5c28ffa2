"""The bench measures what is there, and reads it right."""

from bench import core, report, response
from bench.figures import Aim, Spread, percentile
from fsa_engine.domain.events import Utterance
from fsa_engine.domain.step import step


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([], 0.5) == 0.0
    spread = Spread.of(range(1, 101))
    assert (spread.count, spread.mean, spread.p50, spread.p90, spread.p99, spread.worst) == (
        100,
        50.5,
        51,
        91,
        100,
        100,
    )


def test_a_quantile_lies_within_its_bucket() -> None:
    buckets = {0.4: 0.0, 0.5: 8.0, 0.6: 10.0, float("inf"): 10.0}
    assert response._quantile(buckets, 0.5) == 462.5
    assert response._quantile(buckets, 0.9) == 550.0
    assert response._quantile({0.4: 0.0, float("inf"): 10.0}, 0.5) == 400.0


def test_an_aim_is_met_up_to_its_limit() -> None:
    assert Aim("a", 2.0, 2.0, "ms").met
    assert not Aim("a", 2.0, 2.01, "ms").met
    assert "| a | ≤ 2 ms | 2.01 ms | missed |" in report.aims_table([Aim("a", 2.0, 2.01, "ms")])


def test_the_steps_that_are_timed_are_all_legal_and_can_be_saved() -> None:
    happened = core.conversations()
    words = [each for each in happened if isinstance(each[2], Utterance)]
    assert len(happened) > 1000
    assert len(words) > 300
    for each in words[::20]:
        made = step(*each)
        assert made.audit[0]["verdict"] == "accepted"
        assert core._encode(each, made)


def test_where_the_response_time_goes_adds_up() -> None:
    stages = {name: response.Stage(100.0, 100.0, 100.0) for name in (*response.STAGES, "total")}
    found = response.Response(
        ear=Spread.of([700.0]), first_audio=Spread.of([600.0]), relay=Spread.of([400.0]), stages=stages,
        unanswered=0, sentences_cached=0, sentences_made=1,
    )  # fmt: skip
    assert sum(found.means.values()) == found.ear.mean
    assert "| at the caller's ear | 700 | 700 | 700 |" in report.response_table(found)
