"""What `opusagent up` was asked for, and the settings of each service that follow from it.

A service is configured by the same names in both arrangements: as environment variables of a process of its own, or as
keyword arguments of its settings class in this process. What the operator has in the environment stays in force.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from chassis.settings import WRONG_SETTINGS

SERVICES = ("session", "fsa-engine", "llm-relay", "gateway", "notifier")
"""In the order in which they start."""

REPOSITORY = Path(__file__).resolve().parents[3]
DEMO_ACCOUNT = "AC" + "0" * 31 + "1"
DEMO_TOKEN = "phone-network"
DEMO_HUMAN = "tel:+15550142"
"""Who takes calls that agents hand over, where the telephone network is the stand-in."""


class UsageError(Exception):
    """The command was asked for something that cannot be; the message says what to do instead. `code`: to exit with."""

    code = 1


class NotConfiguredError(UsageError):
    """A service refuses its settings, and has said why."""

    code = WRONG_SETTINGS


@dataclass(frozen=True)
class UpOptions:
    """Options of `opusagent up`."""

    host: str = "127.0.0.1"
    port: int = 8080
    ops_port: int = 9090
    session_port: int = 50051
    """On loopback; 0 = none, in one process."""
    data: Path = Path("data")
    agent: str = ""
    agents_path: Path | None = None
    backend: str = ""
    phone_network: str = ""
    kafka: str = ""
    redis: str = ""
    replicas: dict[str, int] = field(default_factory=dict)
    log_level: str = "WARNING"
    extra: dict[str, str] = field(default_factory=dict)
    """Settings for every service, over all others."""

    @property
    def public_url(self) -> str:
        """The URL at which telephony reaches the gateway."""
        return os.environ.get("PUBLIC_URL") or f"http://{self.host}:{self.port}"

    @property
    def agents(self) -> list[Path]:
        """Folders that are agents or whose subfolders are."""
        if self.agents_path is not None:
            return [self.agents_path]
        chosen = os.environ.get("AGENTS_PATH", "").split(os.pathsep)
        return [Path(part) for part in chosen if part] or [REPOSITORY / "agents"]


def parse_replicas(text: str) -> dict[str, int]:
    """Return `gateway=2,llm-relay=2` as a mapping.

    Raises:
        UsageError: not of that form, or not a service.
    """
    replicas: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, count = part.partition("=")
        if name not in SERVICES or not equals or not count.isdigit() or int(count) < 1:
            raise UsageError(f"--replicas: '{part}' is not SERVICE=COUNT with a service of {', '.join(SERVICES)}")
        replicas[name] = int(count)
    return replicas


def settings_of(service: str, options: UpOptions) -> dict[str, str]:
    """Return the settings of one service, named as its environment variables."""
    settings = _common(options) | _OWN[service](options) | options.extra
    return {name: value for name, value in settings.items() if value}


def _common(options: UpOptions) -> dict[str, str]:
    return {
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", options.log_level),
        "LOG_FORMAT": os.environ.get("LOG_FORMAT", "console"),
        "KAFKA_BOOTSTRAP_SERVERS": options.kafka,
        "SESSION_TARGET": f"127.0.0.1:{options.session_port}",
        "DATA_DIR": str(options.data.absolute()),
        "PUBLIC_URL": options.public_url,
        **_twilio(options),
    }


def _twilio(options: UpOptions) -> dict[str, str]:
    if not options.phone_network:
        return {}
    return {
        "TWILIO_BASE_URL": options.phone_network,
        "TWILIO_ACCOUNT_SID": DEMO_ACCOUNT,
        "TWILIO_AUTH_TOKEN": DEMO_TOKEN,
        # The stand-in's token is no secret, and `opusagent call` rings from outside its network.
        "TWILIO_SIGNATURES": "false",
        "TWILIO_FROM_NUMBER": "+15550199",
    }


def _session(options: UpOptions) -> dict[str, str]:
    return {
        # In one process nobody's lease runs out: whoever could take the slot would be this process itself.
        "LEASE_TTL_SECONDS": "" if options.redis else "0",
        "STORE": "redis" if options.redis else "sqlite",
        "REDIS_URL": options.redis,
        "SESSION_PORT": str(options.session_port),
    }


def _engine(options: UpOptions) -> dict[str, str]:
    human = os.environ.get("ESCALATION_TARGET") or (DEMO_HUMAN if options.phone_network else "")
    return {
        "AGENTS_PATH": os.pathsep.join(str(folder.absolute()) for folder in options.agents),
        "DEFAULT_AGENT": options.agent,
        "ESCALATION_TARGET": human,
    }


def _relay(options: UpOptions) -> dict[str, str]:
    return {"RELAY_BACKEND": options.backend}


def _gateway(options: UpOptions) -> dict[str, str]:
    return {"HOST": options.host, "PORT": str(options.port)}


def _notifier(options: UpOptions) -> dict[str, str]:
    twilio = options.phone_network or os.environ.get("TWILIO_ACCOUNT_SID")
    return {"NOTIFIER_PROVIDER": os.environ.get("NOTIFIER_PROVIDER") or ("twilio" if twilio else "console")}


_OWN = {
    "session": _session,
    "fsa-engine": _engine,
    "llm-relay": _relay,
    "gateway": _gateway,
    "notifier": _notifier,
}
