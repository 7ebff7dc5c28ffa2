"""Every story, in one process, on both telephony protocols; the main one with the Realtime backend, too."""

import pytest

pytestmark = [pytest.mark.story, pytest.mark.timeout(400)]


@pytest.mark.parametrize("protocol", ["twilio", "audiocodes"])
async def test_every_story_comes_true(play, every_story: list[str], protocol: str) -> None:
    await play(every_story, protocol)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["twilio", "audiocodes"])
async def test_a_dropped_call_is_resumed_on_the_realtime_backend(play, protocol: str) -> None:
    await play(["ringback", "socket-lost"], protocol, backend="openai-realtime")
