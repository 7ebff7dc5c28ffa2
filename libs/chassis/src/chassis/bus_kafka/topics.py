"""The topics, their partitions and what they keep; made at start where they are missing.

Only closed segments are deleted: what is kept at most is retention + segment time + about six minutes.
"""

from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaError, for_code

from chassis.bus import (
    CALL_EVENTS,
    FSA_INBOX,
    GATEWAY_INBOX,
    INBOX_PARTITIONS,
    NOTIFY_DEAD_LETTERS,
    NOTIFY_OUTBOX,
    RELAY_INBOX,
    BusError,
)
from chassis.bus_kafka.connection import MAX_RECORD_BYTES
from chassis.logging import get_logger

LOG_PARTITIONS = 12
_MIB = 1 << 20
_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS
_TOPIC_ALREADY_EXISTS = 36

_log = get_logger(__name__)


@dataclass(frozen=True)
class TopicSpec:
    """A topic as it shall be."""

    name: str
    partitions: int
    config: dict[str, str]
    durable: bool


def _inbox(name: str) -> TopicSpec:
    config = {
        "retention.ms": str(10 * _MINUTE_MS),
        "retention.bytes": str(512 * _MIB),
        "segment.ms": str(5 * _MINUTE_MS),
        "segment.bytes": str(64 * _MIB),
        "compression.type": "producer",
    }
    return TopicSpec(name, INBOX_PARTITIONS, config, durable=False)


def _log_topic(name: str, days: int) -> TopicSpec:
    config = {"retention.ms": str(days * _DAY_MS), "segment.ms": str(_DAY_MS), "segment.bytes": str(256 * _MIB)}
    return TopicSpec(name, LOG_PARTITIONS, config, durable=True)


# One partition, so that the limit on dead letters is one number.
_DEAD_LETTERS = TopicSpec(
    NOTIFY_DEAD_LETTERS,
    1,
    {
        "retention.ms": str(30 * _DAY_MS),
        "retention.bytes": str(32 * _MIB),
        "segment.ms": str(_DAY_MS),
        "segment.bytes": str(4 * _MIB),
    },
    durable=True,
)

TOPICS = (
    _inbox(RELAY_INBOX),
    _inbox(GATEWAY_INBOX),
    _inbox(FSA_INBOX),
    _log_topic(CALL_EVENTS, days=30),
    _log_topic(NOTIFY_OUTBOX, days=7),
    _DEAD_LETTERS,
)


async def ensure(admin: AIOKafkaAdminClient, replication_factor: int) -> None:
    """Create the topics that are missing and add partitions to inboxes that have too few.

    Raises:
        KafkaError: the broker did not answer.
        BusError: it refused.
    """
    existing = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    await _create([spec for spec in TOPICS if spec.name not in existing], admin, replication_factor)
    for spec in TOPICS:
        await _grow(spec, existing.get(spec.name, spec.partitions), admin)


async def _create(missing: list[TopicSpec], admin: AIOKafkaAdminClient, replication_factor: int) -> None:
    if not missing:
        return
    try:
        response = await admin.create_topics([_new(spec, replication_factor) for spec in missing])
    except AttributeError as error:  # aiokafka's own, while the cluster has no controller
        raise BusError("the cluster has no controller yet") from error
    for name, code, *detail in response.topic_errors:
        if code not in (0, _TOPIC_ALREADY_EXISTS):
            raise BusError(f"topic {name} cannot be created: {for_code(code).__name__} {detail[0] if detail else ''}")
    _log.info("topics created", topics=[spec.name for spec in missing])


def _new(spec: TopicSpec, replication_factor: int) -> NewTopic:
    in_sync = 2 if spec.durable and replication_factor >= 3 else 1
    config = {
        "cleanup.policy": "delete",
        "max.message.bytes": str(MAX_RECORD_BYTES),
        "min.insync.replicas": str(in_sync),
        **spec.config,
    }
    return NewTopic(spec.name, spec.partitions, replication_factor, topic_configs=config)


async def _grow(spec: TopicSpec, partitions: int, admin: AIOKafkaAdminClient) -> None:
    if partitions >= spec.partitions:
        return
    if spec.durable:
        # A keyed topic keeps its number: more partitions would move keys and break their order.
        _log.info("a log topic has fewer partitions than usual", topic=spec.name, partitions=partitions)
        return
    try:
        await admin.create_partitions({spec.name: NewPartitions(spec.partitions)})
    except KafkaError as error:
        _log.error("an inbox topic has too few partitions", topic=spec.name, partitions=partitions, error=str(error))
