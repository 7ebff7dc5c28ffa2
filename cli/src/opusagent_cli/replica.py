"""One process of one service."""

import asyncio
import contextlib
import http.client
import os
import signal
import sys
import urllib.request
from dataclasses import dataclass, field, replace

from chassis.retry import Backoff
from opusagent_cli.options import SERVICES, UpOptions, settings_of

# Beyond the time that a service may take to drain.
STOPPED_WITHIN_S = 15.0
# One that was never ready has promised nothing.
UNREADY_STOPPED_WITHIN_S = 1.0
LONGEST_RESTART_PAUSE_S = 15.0


@dataclass
class Replica:
    """One process: its service, its settings, where its operator's port is."""

    service: str
    number: int
    settings: dict[str, str]
    ops_port: int
    command: tuple[str, ...] = ()
    """What is run; empty = the service's module."""
    process: asyncio.subprocess.Process | None = None
    pause: Backoff = field(default_factory=lambda: Backoff(0.5, LONGEST_RESTART_PAUSE_S))
    """Before it is started again."""
    was_ready: bool = False

    @property
    def name(self) -> str:
        """What messages call it: `gateway`, or `gateway-2` for a further replica."""
        return self.service if self.number == 0 else f"{self.service}-{self.number + 1}"

    async def start(self) -> None:
        """Start the process."""
        self.process = await asyncio.create_subprocess_exec(
            *(self.command or (sys.executable, "-m", self.service.replace("-", "_"))),
            env={**os.environ, **self.settings},
            stdout=sys.stderr,
            start_new_session=True,
        )

    def ready(self) -> bool:
        """Ask its operator's port (blocking, a moment)."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops_port}/readyz", timeout=1) as answer:
                ready = bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            # Also what answers while nobody listens yet: TCP may connect a free port of the ephemeral range to itself.
            return False
        self.was_ready = self.was_ready or ready
        return ready

    async def end(self) -> None:
        """Ask it to end; kill it when it does not in time."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            seconds = _drain_s() + STOPPED_WITHIN_S if self.was_ready else UNREADY_STOPPED_WITHIN_S
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _drain_s() -> float:
    """How long a service may take to drain: its own setting, or the setting's default."""
    return float(os.environ.get("DRAIN_SECONDS") or 30)


def replicas_of(options: UpOptions) -> list[Replica]:
    """Return what the options ask for, not started; the first gateway's operator port is the one asked for."""
    replicas: list[Replica] = []
    ops_port = options.ops_port
    for service in sorted(SERVICES, key=lambda name: name != "gateway"):
        for number in range(options.replicas.get(service, 1)):
            moved = replace(
                options,
                port=options.port + number if service == "gateway" else options.port,
                session_port=options.session_port + number if service == "session" else options.session_port,
            )
            settings = settings_of(service, moved) | {"OPS_PORT": str(ops_port), "PUBLIC_URL": options.public_url}
            replicas.append(Replica(service, number, settings, ops_port))
            ops_port += 1
    return replicas
