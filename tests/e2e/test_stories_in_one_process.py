"""Stories in one process, on both telephony protocols and with the Realtime backend."""

import pytest

BREAKS = ["ringback", "socket-lost", "handoff-busy"]

pytestmark = [pytest.mark.story, pytest.mark.timeout(400)]


async def test_every_story_comes_true_over_twilio(play, every_story: list[str]) -> None:
    await play(every_story, "twilio")


async def test_calls_break_and_go_on_over_audiocodes(play) -> None:
    await play(BREAKS, "audiocodes")


@pytest.mark.slow
async def test_the_other_stories_come_true_over_audiocodes(play, every_story: list[str]) -> None:
    await play([story for story in every_story if story not in BREAKS], "audiocodes")


@pytest.mark.slow
async def test_a_dropped_call_is_resumed_on_the_realtime_backend(play) -> None:
    await play(["ringback", "socket-lost"], "audiocodes", backend="openai-realtime")
