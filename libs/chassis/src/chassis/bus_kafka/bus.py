"""The Kafka adapter of the bus: it never looks into what it carries."""

import asyncio
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from typing_extensions import override

from chassis.bus import Bus, BusError, Headers, InboxHandler, LogHandler, Record, Subscription
from chassis.bus_kafka import topics
from chassis.bus_kafka.connection import Connection
from chassis.bus_kafka.inbox_reader import InboxReader
from chassis.bus_kafka.inbox_sender import InboxSender
from chassis.bus_kafka.log_follower import LogFollower
from chassis.bus_kafka.log_writer import LogWriter
from chassis.bus_kafka.supervised import SupervisedReader, stop_quietly
from chassis.bus_metrics import CONNECTED, DROPPED
from chassis.logging import get_logger
from chassis.retry import Backoff
from chassis.settings import KafkaSecurity, ServiceSettings

STOP_SECONDS = 3.0
HEALTH_SECONDS = 3.0

_log = get_logger(__name__)
_TROUBLE = (KafkaError, BusError, OSError, TimeoutError)


class KafkaBus(Bus):
    """One connection of one process to one cluster.

    `manage_topics` makes missing topics at start, with `replication_factor`; without it they must be there.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        client_id: str,
        *,
        security: KafkaSecurity | None = None,
        replication_factor: int = 1,
        manage_topics: bool = True,
    ) -> None:
        self._connection = Connection(bootstrap_servers, client_id, security or KafkaSecurity())
        self._replication_factor = replication_factor
        self._manage_topics = manage_topics
        self._admin: AIOKafkaAdminClient | None = None
        self._sender: InboxSender | None = None
        self._writer = LogWriter(self._connection)
        self._readers: list[SupervisedReader | InboxReader] = []
        self._health: asyncio.Task[None] | None = None
        self._healthy = False

    @classmethod
    def from_settings(cls, settings: ServiceSettings, client_id: str) -> "KafkaBus":
        """Return the bus that a service's settings describe."""
        return cls(
            settings.kafka_bootstrap_servers,
            client_id,
            security=settings.kafka_security,
            replication_factor=settings.kafka_replication_factor,
            manage_topics=settings.kafka_manage_topics,
        )

    @override
    async def start(self) -> None:
        backoff = Backoff(first=0.25)
        while True:
            try:
                await self._connect()
                break
            except _TROUBLE as error:
                _log.warning(
                    "waiting for Kafka", bootstrap_servers=self._connection.bootstrap_servers, error=repr(error)
                )
                await self._disconnect()
                await backoff.wait()
        self._note(healthy=True)
        self._health = asyncio.create_task(self._watch(), name="kafka-health")

    async def _connect(self) -> None:
        self._admin = self._connection.admin()
        await self._admin.start()
        if self._manage_topics:
            await topics.ensure(self._admin, self._replication_factor)
        await self._writer.start()
        self._sender = InboxSender(self._connection.inbox_producer())
        await self._sender.start(spec.name for spec in topics.TOPICS)

    async def _disconnect(self) -> None:
        if self._sender is not None:
            await self._sender.stop(STOP_SECONDS)
        await self._writer.stop()
        if self._admin is not None:
            await self._admin.close()
        self._sender = self._admin = None

    @override
    async def stop(self) -> None:
        health, self._health = self._health, None
        if health is not None:
            health.cancel()
            await asyncio.wait([health])
        self._note(healthy=False)
        readers, self._readers = self._readers, []
        await asyncio.gather(*(reader.close() for reader in readers))
        await self._disconnect()

    @property
    @override
    def healthy(self) -> bool:
        return self._healthy

    def _note(self, *, healthy: bool) -> None:
        if self._healthy != healthy and self._health is not None:
            (_log.info if healthy else _log.error)("Kafka answers again" if healthy else "Kafka does not answer")
        self._healthy = healthy
        CONNECTED.set(healthy)

    async def _watch(self) -> None:
        assert self._admin is not None
        while True:
            await asyncio.sleep(HEALTH_SECONDS)
            try:
                async with asyncio.timeout(HEALTH_SECONDS):
                    await self._admin.describe_cluster()
            except _TROUBLE:
                self._note(healthy=False)
            else:
                self._note(healthy=True)

    @override
    def post(self, topic: str, slot: int, item: bytes, headers: Headers = ()) -> None:
        if self._sender is None:
            DROPPED.labels(topic, "not_running").inc()
        else:
            self._sender.post(topic, slot, item, headers)

    @override
    async def listen(self, topic: str, slot: int, handler: InboxHandler) -> Subscription:
        reader = InboxReader(self._connection, topic, slot, handler)
        self._begin(reader)
        try:
            await reader.opened()
        except asyncio.CancelledError:
            await reader.close()
            raise
        return reader

    @override
    async def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> None:
        if self._sender is None:
            raise BusError("the bus is not running")
        await self._writer.append(topic, key, value, headers)

    @override
    async def follow(self, topic: str, group: str, handler: LogHandler) -> Subscription:
        reader = LogFollower(self._connection, topic, group, handler)
        self._begin(reader)
        return reader

    def _begin(self, reader: SupervisedReader | InboxReader) -> None:
        self._readers.append(reader)
        reader.begin()

    @override
    def read(self, topic: str, *, from_start: bool, until_end: bool = False) -> AsyncIterator[Record]:
        return self._read(topic, from_start, until_end)

    async def _read(self, topic: str, from_start: bool, until_end: bool) -> AsyncIterator[Record]:
        positions: dict[TopicPartition, int] = {}
        ends: dict[TopicPartition, int] | None = None
        backoff = Backoff()
        while True:
            consumer = self._connection.reader()
            try:
                await self._position(consumer, topic, from_start, positions)
                if until_end and ends is None:
                    ends = await consumer.end_offsets(list(positions))
                while ends is None or any(positions[partition] < end for partition, end in ends.items()):
                    record = await consumer.getone()
                    partition = TopicPartition(topic, record.partition)
                    positions[partition] = record.offset + 1
                    backoff.reset()
                    if ends is None or record.offset < ends[partition]:
                        yield Record(topic, (record.key or b"").decode(), record.value, record.headers)
                return
            except _TROUBLE as error:
                _log.warning("a watcher of the log broke off, opening it again", topic=topic, error=repr(error))
            finally:
                await stop_quietly(consumer)
            await backoff.wait()

    async def _position(
        self, consumer: AIOKafkaConsumer, topic: str, from_start: bool, positions: dict[TopicPartition, int]
    ) -> None:
        await consumer.start()
        partitions = [TopicPartition(topic, number) for number in await self._writer.partitions(topic)]
        consumer.assign(partitions)
        if not positions:
            ends = consumer.beginning_offsets if from_start else consumer.end_offsets
            positions.update(await ends(partitions))
        for partition in partitions:
            consumer.seek(partition, positions.get(partition, 0))
