"""Every story, in one process, on both telephony protocols; the main one with the Realtime backend, too."""

import pytest

pytestmark = [pytest.mark.story, pytest.mark.timeout(400)]


async def test_every_story_comes_true_over_twilio(play, every_story: list[str]) -> None:
    await play(every_story, "twilio")


async def test_calls_break_and_go_on_over_audiocodes(play) -> None:
    await play(["ringback", "callback", "socket-lost"], "audiocodes")


@pytest.mark.slow
async def test_every_story_comes_true_over_audiocodes(play, every_story: list[str]) -> None:
    await play(every_story, "audiocodes")


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["twilio", "audiocodes"])
async def test_a_dropped_call_is_resumed_on_the_realtime_backend(play, protocol: str) -> None:
    await play(["ringback", "socket-lost"], protocol, backend="openai-realtime")
