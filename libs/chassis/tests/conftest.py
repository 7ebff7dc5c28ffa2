"""The implementations over which the bus contract runs.

`peers` is two ends of one bus, as two processes have them. In process both are the same object.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import Producer

from chassis.bus import Bus
from chassis.bus_inprocess import InProcessBus
from chassis.bus_kafka import KafkaBus

REAL_KAFKA = os.environ.get("OPUSAGENT_TEST_KAFKA", "")


@dataclass
class Peers:
    """Two ends of one bus, and names that no other test uses."""

    near: Bus
    far: Bus
    rebalances: bool
    """Whether groups change their members here; librdkafka's mock answers SyncGroup with an error then."""
    slot: int = field(default_factory=lambda: secrets.randbelow(4))
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    def key(self, name: str = "key") -> str:
        return f"{self.token}/{name}"

    def group(self, name: str = "group") -> str:
        return f"{name}-{self.token}"

    def mine(self, key: str) -> bool:
        return key.startswith(f"{self.token}/")


@pytest.fixture(scope="session")
def mock_cluster() -> Iterator[str]:
    """The mock broker inside librdkafka; it makes topics by itself, with four partitions."""
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 2})
    broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del producer


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        "mock",
        pytest.param(
            "kafka",
            marks=[pytest.mark.kafka, pytest.mark.skipif(not REAL_KAFKA, reason="OPUSAGENT_TEST_KAFKA is not set")],
        ),
    ]
)
async def peers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Peers]:
    if request.param in ("memory", "sqlite"):
        bus: Bus = InProcessBus(tmp_path if request.param == "sqlite" else None)
        ends = [bus]
    else:
        servers = REAL_KAFKA if request.param == "kafka" else request.getfixturevalue("mock_cluster")
        ends = [KafkaBus(servers, f"test-{end}", manage_topics=request.param == "kafka") for end in ("near", "far")]
    for bus in ends:
        await bus.start()
    yield Peers(ends[0], ends[-1], rebalances=request.param != "mock")
    for bus in ends:
        await bus.stop()
