"""Each service as processes of its own, on Kafka and Redis: started in order, watched, started again when one dies."""

import asyncio
import contextlib
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace

from opusagent_cli.options import SERVICES, UpOptions, settings_of

STARTED_WITHIN_S = 60.0
# Beyond the time that a service may take to drain.
STOPPED_WITHIN_S = 15.0
DRAIN_S = float(os.environ.get("DRAIN_SECONDS") or 30)
RESTART_PAUSE_S = 0.5

Say = Callable[[str], None]


@dataclass
class Replica:
    """One process: its service, its settings, where its operator's port is."""

    service: str
    number: int
    settings: dict[str, str]
    ops_port: int
    process: asyncio.subprocess.Process | None = None

    @property
    def name(self) -> str:
        """What messages call it: `gateway`, or `gateway-2` for a further replica."""
        return self.service if self.number == 0 else f"{self.service}-{self.number + 1}"

    async def start(self) -> None:
        """Start the process."""
        module = self.service.replace("-", "_")
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            env={**os.environ, **self.settings},
            stdout=sys.stderr,
            start_new_session=True,
        )

    def ready(self) -> bool:
        """Ask its operator's port (blocking, a moment)."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops_port}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class MultiProcess:
    """All replicas of all services."""

    def __init__(self, options: UpOptions, say: Say) -> None:
        self._say = say
        self.replicas = list(_replicas(options))
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Start session first, then the others; returns when all are ready.

        Raises:
            RuntimeError: a service did not become ready in time.
        """
        for service in SERVICES:
            started = [replica for replica in self.replicas if replica.service == service]
            for replica in started:
                await replica.start()
                self._watchers.append(asyncio.create_task(self._watch(replica)))
            if service == "session":
                await self._until_ready(started)
        await self._until_ready(self.replicas)

    async def stop(self) -> None:
        """Ask all to end, gateways first; kill what does not end in time."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for service in ("gateway", "llm-relay", "fsa-engine", "notifier", "session"):
            await asyncio.gather(*(_end(replica) for replica in self.replicas if replica.service == service))

    async def _until_ready(self, replicas: list[Replica]) -> None:
        waiting = list(replicas)
        try:
            async with asyncio.timeout(STARTED_WITHIN_S):
                while waiting:
                    answers = await asyncio.gather(*(asyncio.to_thread(replica.ready) for replica in waiting))
                    waiting = [replica for replica, ready in zip(waiting, answers, strict=True) if not ready]
                    await asyncio.sleep(0.1 if waiting else 0)
        except TimeoutError:
            names = ", ".join(replica.name for replica in waiting)
            raise RuntimeError(f"not ready after {STARTED_WITHIN_S:.0f} s: {names}; their log above says why") from None

    async def _watch(self, replica: Replica) -> None:
        while not self._stopping:
            assert replica.process is not None
            code = await replica.process.wait()
            self._say(f"{replica.name} ended with {code}; starting it again")
            await asyncio.sleep(RESTART_PAUSE_S)
            await replica.start()


async def _end(replica: Replica) -> None:
    process = replica.process
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), DRAIN_S + STOPPED_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _replicas(options: UpOptions) -> list[Replica]:
    replicas: list[Replica] = []
    ops_port = options.ops_port
    # The gateway's operator port, which lists the calls, is the one that was asked for.
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
