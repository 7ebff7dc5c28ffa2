"""Settings of the session service."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator
from redis.asyncio.connection import parse_url

from chassis.settings import ServiceSettings
from session.domain.policy import Policy


class StoreKind(StrEnum):
    """Where sessions are kept."""

    MEMORY = "memory"
    SQLITE = "sqlite"
    REDIS = "redis"


class SessionSettings(ServiceSettings):
    """Read from environment variables of the same names in capitals; durations in seconds."""

    store: StoreKind = StoreKind.MEMORY
    redis_url: str = "redis://localhost:6379/0"
    data_dir: Path = Path("data")
    session_host: str = "127.0.0.1"
    session_port: int = Field(50051, ge=0, le=65535)
    grace_seconds: float = Field(8.0, ge=0)
    resume_ttl_seconds: float = Field(24 * 3600, gt=0)
    dial_timeout_seconds: float = Field(90.0, gt=0)
    dial_cooldown_seconds: float = Field(5.0, ge=0)
    lease_ttl_seconds: float = Field(2.0, ge=0)

    @field_validator("redis_url")
    @classmethod
    def _of_redis(cls, value: str) -> str:
        try:
            parse_url(value)
        except ValueError as error:
            raise ValueError(f"is not redis://HOST:PORT or alike: {error}") from error
        return value

    @property
    def policy(self) -> Policy:
        """The durations that decisions use."""
        return Policy(
            grace_ms=round(self.grace_seconds * 1000),
            resume_ttl_ms=round(self.resume_ttl_seconds * 1000),
            dial_timeout_ms=round(self.dial_timeout_seconds * 1000),
            dial_cooldown_ms=round(self.dial_cooldown_seconds * 1000),
            lease_ttl_ms=round(self.lease_ttl_seconds * 1000),
        )
