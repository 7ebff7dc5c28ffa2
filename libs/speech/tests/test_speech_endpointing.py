from hypothesis import given
from hypothesis import strategies as st

from speech.endpointing import (
    Endpointer,
    EndpointSettings,
    Event,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)

WINDOW = 32


def run(endpointer: Endpointer, probabilities: list[float], start: int = 0) -> list[Event]:
    events: list[Event] = []
    for index, probability in enumerate(probabilities):
        at = (start + index) * WINDOW
        events += endpointer.feed(probability, at, at + WINDOW)
    return events


def test_an_utterance_has_its_prefix_and_ends_after_silence() -> None:
    events = run(Endpointer(), [0.0] * 20 + [0.9] * 30 + [0.0] * 20)
    assert events == [SpeechStarted(340, 736), SpeechEnded(340, 1600, 2112)]


def test_a_click_is_not_speech() -> None:
    assert run(Endpointer(), ([0.0] * 5 + [0.95] * 2) * 10) == []


def test_between_the_thresholds_speech_goes_on() -> None:
    assert len(run(Endpointer(), [0.9] * 5 + [0.4] * 40)) == 1


def test_a_yes_ends_sooner_and_digits_later() -> None:
    decided = {}
    for kind in ("yes_no", "", "digits"):
        endpointer = Endpointer()
        endpointer.expect(kind)
        ended = run(endpointer, [0.9] * 10 + [0.0] * 40)[-1]
        assert isinstance(ended, SpeechEnded)
        decided[kind] = ended.decided_ms - ended.ended_ms
    assert decided == {"yes_no": 480, "": 512, "digits": 928}


def test_an_endless_utterance_is_cut_and_the_next_does_not_overlap() -> None:
    endpointer = Endpointer(EndpointSettings(max_utterance_ms=1000))
    events = run(endpointer, [0.9] * 70)
    ends = [event.ended_ms for event in events if isinstance(event, SpeechEnded)]
    starts = [event.media_ms for event in events if isinstance(event, SpeechStarted)]
    assert len(ends) == 2
    assert starts[1] >= ends[0]


def test_a_pause_announces_the_end_and_may_be_taken_back() -> None:
    events = run(Endpointer(EndpointSettings(pause_ms=200)), [0.9] * 10 + [0.0] * 8 + [0.9] * 5 + [0.0] * 20)
    assert [type(event) for event in events] == [
        SpeechStarted,
        SpeechPaused,
        SpeechResumed,
        SpeechPaused,
        SpeechEnded,
    ]
    paused, ended = events[3], events[4]
    assert isinstance(paused, SpeechPaused)
    assert isinstance(ended, SpeechEnded)
    assert (paused.started_ms, paused.ended_ms) == (ended.started_ms, ended.ended_ms)


def test_the_end_of_media_ends_a_running_utterance_and_nothing_else() -> None:
    endpointer = Endpointer()
    assert endpointer.finish(0) == []
    run(endpointer, [0.9] * 10)
    assert endpointer.finish(320) == [SpeechEnded(0, 320, 320)]
    assert not endpointer.speaking


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 20)), max_size=40),
    st.sampled_from([0, 200]),
    st.sampled_from(["", "yes_no", "digits"]),
)
def test_starts_and_ends_alternate_and_lie_in_order(
    stretches: list[tuple[float, int]], pause_ms: int, kind: str
) -> None:
    endpointer = Endpointer(EndpointSettings(pause_ms=pause_ms, max_utterance_ms=3000))
    endpointer.expect(kind)
    probabilities = [value for value, count in stretches for _ in range(count)]
    events = run(endpointer, probabilities)
    main = [event for event in events if isinstance(event, SpeechStarted | SpeechEnded)]
    assert all(isinstance(event, SpeechStarted) == (index % 2 == 0) for index, event in enumerate(main))
    last_end = 0
    for start, end in zip(main[::2], main[1::2], strict=False):
        assert isinstance(start, SpeechStarted)
        assert isinstance(end, SpeechEnded)
        assert last_end <= start.media_ms <= start.detected_ms
        assert start.media_ms == end.started_ms <= end.ended_ms <= end.decided_ms
        assert end.decided_ms - end.started_ms <= 3000 + WINDOW
        last_end = end.ended_ms
