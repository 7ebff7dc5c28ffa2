"""Settings that every service has, read from environment variables named like the fields in capitals."""

import os
import secrets
import socket
import ssl
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

WRONG_SETTINGS = 2
"""Exit code of a process whose settings are not right: it will not come up however often it is started."""


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

    @field_validator("ssl_cafile", "ssl_certfile", "ssl_keyfile")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value:
            try:
                Path(value).open("rb").close()
            except OSError as error:
                raise ValueError(f"cannot read {value}: {error.strerror}") from error
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.security_protocol.startswith("SASL"):
            given = {
                "KAFKA_SASL_USERNAME": self.sasl_username,
                "KAFKA_SASL_PASSWORD": self.sasl_password.get_secret_value(),
            }
            if missing := [name for name, value in given.items() if not value]:
                raise ValueError(f"KAFKA_SECURITY_PROTOCOL={self.security_protocol} needs {', '.join(missing)}")
        try:
            self.client_options()
        except OSError as error:  # An ssl.SSLError too: the files can be read, as was checked above.
            raise ValueError(f"KAFKA_SSL_CAFILE, KAFKA_SSL_CERTFILE or KAFKA_SSL_KEYFILE: {error}") from error
        return self

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

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for address in value.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65536:
                raise ValueError(f"{address.strip()!r} is not HOST:PORT (several are separated by commas)")
        return value

    @property
    def development(self) -> bool:
        """Whether unsafe defaults are acceptable here."""
        return self.environment in (Environment.DEVELOPMENT, Environment.TEST)


S = TypeVar("S", bound=BaseSettings)


class SettingsError(Exception):
    """Settings are not right; `problems` names each wrong variable with what is wrong with it."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(["The settings are not right:", *(f"  {problem}" for problem in problems)]))
        self.problems = problems


def read(settings_class: type[S], **values: Any) -> S:
    """Build settings from `values`, named like the fields, and for the rest from the environment.

    Raises:
        SettingsError: one or more are wrong.
    """
    problems: list[str] = []
    if issubclass(settings_class, ServiceSettings) and "kafka_security" not in values:
        try:
            values["kafka_security"] = KafkaSecurity()
        except ValidationError as error:
            problems += _problems(error, "KAFKA_")
            values["kafka_security"] = KafkaSecurity.model_construct()
    try:
        settings = settings_class(**values)
    except ValidationError as error:
        problems += _problems(error)
    if problems:
        raise SettingsError(tuple(problems)) from None
    return settings


def load(settings_class: type[S]) -> S:
    """Build settings from the environment, or end the process (exit code 2) naming every wrong variable at once."""
    try:
        return read(settings_class)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(WRONG_SETTINGS) from None


def _problems(error: ValidationError, prefix: str = "") -> Iterator[str]:
    for problem in error.errors(include_input=False, include_url=False):
        # What pydantic puts before the words of a validator of ours.
        message = problem["msg"].removeprefix("Value error, ")
        variable = "_".join(str(part) for part in problem["loc"]).upper()
        yield f"{prefix}{variable}: {message}" if variable else message
