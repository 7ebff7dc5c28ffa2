"""The bus on Apache Kafka, by aiokafka."""

from chassis.bus_kafka.bus import KafkaBus

__all__ = ["KafkaBus"]
