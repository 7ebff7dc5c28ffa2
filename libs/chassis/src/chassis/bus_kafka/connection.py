"""How every client of one process reaches the broker.

Inboxes go through librdkafka, which costs least per record; logs and groups through aiokafka, which lives on the event
loop. Option names and their effects: aiokafka 0.14, `AIOKafkaProducer` and `AIOKafkaConsumer`; librdkafka 2.x,
CONFIGURATION.md.
"""

from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka import Consumer, Producer

from chassis.settings import KafkaSecurity

MAX_RECORD_BYTES = 1_048_576
"""`max.message.bytes` of every topic, and `max_request_size` of every producer."""


@dataclass(frozen=True)
class Connection:
    """Where the broker is and how to speak to it."""

    bootstrap_servers: str
    client_id: str
    security: KafkaSecurity = field(default_factory=KafkaSecurity)

    def _common(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            **self.security.client_options(),
        }

    def admin(self) -> AIOKafkaAdminClient:
        """Return a client for topics and health."""
        return AIOKafkaAdminClient(**self._common(), request_timeout_ms=5_000)

    def _librdkafka(self) -> dict[str, Any]:
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": self.client_id,
            "log_level": 2,
            "log.connection.close": False,
            "socket.nagle.disable": True,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1_000,
            **self.security.librdkafka_options(),
        }

    def inbox_producer(self) -> Producer:
        """Return a producer for which late is lost: one acknowledgement, no waiting, no retry past five seconds."""
        return Producer(
            {
                **self._librdkafka(),
                "acks": 1,
                "linger.ms": 0,
                "max.in.flight.requests.per.connection": 1,
                "message.max.bytes": MAX_RECORD_BYTES,
                "message.timeout.ms": 5_000,
                "retry.backoff.ms": 50,
            }
        )

    def inbox_consumer(self) -> Consumer:
        """Return a consumer whose one partition is assigned by hand and whose position is nobody else's business."""
        return Consumer(
            {
                **self._librdkafka(),
                "group.id": f"{self.client_id}-inbox",  # librdkafka wants one; nothing is joined and nothing committed.
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "latest",
                "fetch.wait.max.ms": 100,
                "fetch.min.bytes": 1,
                "fetch.error.backoff.ms": 50,
            }
        )

    def log_producer(self) -> AIOKafkaProducer:
        """Return a producer for which lost is unthinkable."""
        return AIOKafkaProducer(
            **self._common(),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=131_072,
            max_request_size=MAX_RECORD_BYTES,
            request_timeout_ms=15_000,
        )

    def reader(self) -> AIOKafkaConsumer:
        """Return a consumer whose partitions are assigned by hand and whose positions are its owner's business."""
        return AIOKafkaConsumer(
            **self._common(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=100,
            fetch_min_bytes=1,
        )

    def member(self, topic: str, group: str) -> AIOKafkaConsumer:
        """Return a consumer that shares a topic with its group and commits what was handled."""
        return AIOKafkaConsumer(
            topic,
            **self._common(),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            max_poll_records=200,
        )
