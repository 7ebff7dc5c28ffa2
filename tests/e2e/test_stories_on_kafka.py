"""Every story with each service as a process of its own, on a real Kafka and a real Redis."""

import os
from dataclasses import replace

import pytest

from opusagent_cli.options import UpOptions
from opusagent_cli.ports import free_port

pytestmark = [pytest.mark.story, pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(400)]


@pytest.fixture
def apart() -> UpOptions:
    kafka, redis = os.environ.get("OPUSAGENT_TEST_KAFKA"), os.environ.get("OPUSAGENT_TEST_REDIS")
    if not kafka or not redis:
        pytest.skip("OPUSAGENT_TEST_KAFKA and OPUSAGENT_TEST_REDIS name no servers; `make test-kafka` starts them")
    base = free_port()
    return UpOptions(port=base, ops_port=free_port(), session_port=free_port(), kafka=kafka, redis=redis)


@pytest.mark.parametrize("protocol", ["twilio", "audiocodes"])
async def test_every_story_comes_true(play, every_story: list[str], apart: UpOptions, protocol: str) -> None:
    await play(every_story, protocol, apart)


async def test_calls_come_true_among_two_of_each(play, apart: UpOptions) -> None:
    two = {"gateway": 2, "llm-relay": 2, "fsa-engine": 2}
    await play(["ringback", "socket-lost", "two-open"], "twilio", replace(apart, replicas=two))


async def test_a_dropped_call_is_resumed_on_the_realtime_backend(play, apart: UpOptions) -> None:
    await play(["ringback", "callback"], "twilio", apart, backend="openai-realtime")
