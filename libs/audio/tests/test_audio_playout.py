"""The pacing model against a far end that plays what it gets, at once and in order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.formats import MULAW_8K, PCM16_16K
from audio.playout import FRAME_MS, Frame, Heard, Playout

FRAME = bytes(range(160))


def speech(ms: int) -> bytes:
    return bytes(index % 251 for index in range(8 * ms))


def playout(lead_ms: int = 200, mark_ms: int = 200) -> Playout:
    return Playout(MULAW_8K, lead_ms, mark_ms)


def drain(model: Playout, now: float) -> list[tuple[float, Frame]]:
    """Send whenever the model says so; returns each frame with its time."""
    sent: list[tuple[float, Frame]] = []
    while (at := model.next_due_ms(now)) is not None:
        now = max(now, at)
        due = model.due(now)
        assert due, "next_due_ms promised a frame"
        sent += [(now, frame) for frame in due]
    return sent


def test_real_time_audio_goes_out_at_once_and_uncopied() -> None:
    model = playout()
    for index in range(50):
        now = 1000.0 + index * FRAME_MS
        model.push("a", FRAME, False)
        frames = model.due(now)
        assert [frame.audio for frame in frames] == [FRAME]
        assert frames[0].audio is FRAME


def test_a_burst_is_held_to_the_lead() -> None:
    model = playout(lead_ms=100)
    model.push("a", speech(1000), True)
    assert len(model.due(0)) == 5
    assert model.due(19.9) == []
    assert model.next_due_ms(19.9) == 20
    assert len(model.due(20)) == 1
    assert len(model.due(60)) == 2


def test_after_a_gap_the_lead_is_not_exceeded() -> None:
    model = playout(lead_ms=100)
    model.push("a", speech(40), False)
    model.due(0)
    model.push("a", speech(400), True)
    assert len(model.due(5000)) == 5


def test_marks_stand_at_every_step_and_at_the_end() -> None:
    model = playout()
    model.push("a", speech(450), True)
    sent = [frame for _, frame in drain(model, 0)]
    marks = [(index, frame.mark) for index, frame in enumerate(sent) if frame.mark]
    assert [index for index, _ in marks] == [9, 19, 22]
    assert [model.acknowledge(mark or "") for _, mark in marks] == [
        Heard("a", 200, False),
        Heard("a", 400, False),
        Heard("a", 450, True),
    ]
    assert model.idle
    assert model.acknowledge(marks[0][1] or "") is None


def test_an_item_closed_late_gets_the_mark_of_its_end() -> None:
    model = playout()
    model.push("a", FRAME, False)
    assert model.due(0) == [Frame("a", FRAME, None)]
    assert model.next_due_ms(0) is None
    model.push("a", b"", True)
    (end,) = model.due(1)
    assert (end.audio, end.mark is not None) == (b"", True)
    assert model.acknowledge(end.mark or "") == Heard("a", 20, True)


def test_a_piece_of_a_frame_waits_and_is_filled_up_at_the_end() -> None:
    model = playout()
    model.push("a", speech(30), False)
    assert len(model.due(0)) == 1
    model.push("b", FRAME, True)
    tail, second = model.due(0)
    assert tail.audio == speech(30)[160:] + b"\xff" * 80
    assert second.item_id == "b"
    assert model.acknowledge(tail.mark or "") == Heard("a", 30, True)


def test_the_clock_tells_what_was_heard_without_marks() -> None:
    model = playout(lead_ms=100)
    model.push("a", speech(240), True)
    model.push("b", speech(60), True)
    drain(model, 0)
    assert model.heard(199) == []
    assert model.next_heard_ms(199) == 200
    assert model.heard(200) == [Heard("a", 200, False)]
    assert model.heard(300) == [Heard("a", 240, True), Heard("b", 60, True)]
    assert model.idle
    assert model.next_heard_ms(300) is None


def test_barge_in_drops_all_and_tells_what_was_heard() -> None:
    model = playout(lead_ms=200)
    model.push("a", speech(100), True)
    model.push("b", speech(500), True)
    model.push("c", speech(100), True)
    sent = model.due(0)
    assert model.flush(150) == [("a", 100), ("b", 50), ("c", 0)]
    assert model.idle
    assert model.next_due_ms(150) is None
    assert all(model.acknowledge(frame.mark) is None for frame in sent if frame.mark)
    model.push("d", FRAME, True)
    assert len(model.due(150)) == 1


def test_late_echoes_hold_the_clock_back() -> None:
    model = playout(lead_ms=1000)
    model.push("a", speech(1000), True)
    first = next(frame.mark for frame in model.due(0) if frame.mark)
    assert model.acknowledge(first, now_ms=280) == Heard("a", 200, False)
    # Marks come back 80 ms late, so at 500 the caller has heard up to 420.
    assert model.flush(500) == [("a", 420)]


def test_what_a_mark_proved_is_never_taken_back() -> None:
    model = playout(lead_ms=1000)
    model.push("a", speech(1000), True)
    marks = [frame.mark for frame in model.due(0) if frame.mark]
    model.acknowledge(marks[0])
    model.acknowledge(marks[1])
    assert model.flush(300) == [("a", 400)]


def test_nothing_was_heard_of_an_empty_item() -> None:
    model = playout()
    model.push("a", b"", True)
    (end,) = model.due(0)
    assert model.acknowledge(end.mark or "") == Heard("a", 0, True)


def test_other_formats() -> None:
    model = Playout(PCM16_16K, 100, 200)
    model.push("a", bytes(640), True)
    assert len(model.due(0)[0].audio) == 640


pieces = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 900), st.booleans(), st.integers(0, 120)), max_size=25)


@settings(max_examples=150)
@given(pieces, st.sampled_from([20, 100, 200]), st.booleans())
def test_whatever_comes_the_lead_holds_and_no_byte_is_lost(
    pushes: list[tuple[int, int, bool, int]], lead_ms: int, flush: bool
) -> None:
    model = playout(lead_ms=lead_ms)
    now, dry, pushed, sent = 0.0, 0.0, 0, 0
    for item, size, last, wait_ms in pushes:
        model.push(str(item), bytes(size), last)
        pushed += size
        for frame in model.due(now):
            assert len(frame.audio) in (0, 160)
            if frame.audio:
                dry = max(dry, now) + FRAME_MS
                assert dry - now <= max(lead_ms, FRAME_MS) + 1e-6
            sent += len(frame.audio)
        now += wait_ms
    if flush:
        assert all(heard_ms >= 0 for _, heard_ms in model.flush(now))
        assert model.idle
        return
    model.push("end", b"", True)
    sent += sum(len(frame.audio) for _, frame in drain(model, now))
    assert pushed <= sent < pushed + 160 * (len(pushes) + 1)
    reports = model.heard(now + 1e6)
    assert model.idle
    assert sum(report.heard_ms for report in reports if report.ended) <= pushed / 8


@pytest.mark.parametrize("mark_ms", [0, 20, 60])
def test_short_marks(mark_ms: int) -> None:
    model = playout(mark_ms=mark_ms)
    model.push("a", speech(120), True)
    assert sum(frame.mark is not None for frame in model.due(0)) == (2 if mark_ms == 60 else 6)
