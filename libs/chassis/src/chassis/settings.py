"""Settings that every service has, read from environment variables named like the fields in capitals."""

import os
import secrets
import socket
import ssl
import sys
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Environment(StrEnum):
    """Where the process runs; unsafe defaults are accepted in development only."""

    DEVELOPMENT = "development"
    TEST = "test"
    STAGING = "staging"
    PRODUCTION = "production"


class LogFormat(StrEnum):
    """How a log line looks."""

    JSON = "json"
    CONSOLE = "console"


class KafkaSecurity(BaseSettings):
    """How to speak to a protected broker: `KAFKA_SECURITY_PROTOCOL`, `KAFKA_SASL_*`, `KAFKA_SSL_*`."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", extra="ignore")

    security_protocol: str = Field(default="PLAINTEXT", pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$")
    sasl_mechanism: str = Field(default="SCRAM-SHA-512", pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$")
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None

    def client_options(self) -> dict[str, Any]:
        """Return the keyword arguments of an aiokafka client.

        Raises:
            OSError: a certificate file cannot be read (`ssl.SSLError` when it holds no certificate).
        """
        options: dict[str, Any] = {"security_protocol": self.security_protocol}
        if self.security_protocol.startswith("SASL"):
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password.get_secret_value(),
            }
        if self.security_protocol.endswith("SSL"):
            context = ssl.create_default_context(cafile=self.ssl_cafile)
            if self.ssl_certfile:
                context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
            options["ssl_context"] = context
        return options

    def librdkafka_options(self) -> dict[str, Any]:
        """Return the same as librdkafka's configuration."""
        options = {
            "security.protocol": self.security_protocol,
            "ssl.ca.location": self.ssl_cafile,
            "ssl.certificate.location": self.ssl_certfile,
            "ssl.key.location": self.ssl_keyfile,
        }
        if self.security_protocol.startswith("SASL"):
            options |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password.get_secret_value(),
            }
        return {name: value for name, value in options.items() if value}


def _default_holder() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


class ServiceSettings(BaseSettings):
    """Base of every service's settings."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    environment: Environment = Environment.DEVELOPMENT
    kafka_bootstrap_servers: str = "localhost:9092"
    kafka_replication_factor: int = Field(default=1, ge=1, le=10)
    kafka_manage_topics: bool = True
    kafka_security: KafkaSecurity = Field(default_factory=KafkaSecurity)
    session_target: str = "localhost:50051"
    log_level: str = Field(default="INFO", pattern="(?i)^(debug|info|warning|error|critical)$")
    log_format: LogFormat = LogFormat.JSON
    ops_host: str = "127.0.0.1"
    ops_port: int = Field(default=9090, ge=0, le=65535)
    drain_seconds: float = Field(default=30.0, ge=0)
    holder: str = Field(default_factory=_default_holder)

    @property
    def development(self) -> bool:
        """Whether unsafe defaults are acceptable here."""
        return self.environment in (Environment.DEVELOPMENT, Environment.TEST)


S = TypeVar("S", bound=BaseSettings)


def load(settings_class: type[S]) -> S:
    """Build settings from the environment, or end the process (exit code 2) naming every wrong variable at once."""
    try:
        return settings_class()
    except ValidationError as error:
        sys.stderr.write("The settings are not right:\n" + "".join(f"  {line}\n" for line in wrong(error)))
        raise SystemExit(2) from None


def wrong(error: ValidationError) -> list[str]:
    """Say of every variable that is not right what is wrong with it, without its value."""
    found = error.errors(include_input=False, include_url=False)
    return [f"{_variable(each['loc'])}: {each['msg'].removeprefix('Value error, ')}" for each in found]


def _variable(location: tuple[int | str, ...]) -> str:
    return "_".join(str(part) for part in location).upper() or "(all)"
