"""Each service as processes of its own, on Kafka and Redis: started in order, watched, started again when one dies."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from chassis.settings import WRONG_SETTINGS
from opusagent_cli.configured import check
from opusagent_cli.options import SERVICES, NotConfiguredError, UpOptions, UsageError
from opusagent_cli.ports import must_be_free
from opusagent_cli.replica import Replica, replicas_of

LOOK_AGAIN_S = 0.1
SAY_AGAIN_S = 10.0
PROBE_S = 1.0
STEADY_S = 60.0
"""One that lived so long and dies is started again at once."""

Say = Callable[[str], None]


class MultiProcess:
    """All replicas of all services."""

    def __init__(self, options: UpOptions, say: Say) -> None:
        """Check what can be checked before anything is started.

        Raises:
            SettingsError: settings are wrong, in the options or in the environment.
            UsageError: a port cannot be had.
        """
        self._options = options
        self._say = say
        self.replicas = replicas_of(options)
        check((replica.service, replica.settings) for replica in self.replicas)
        self._check_ports(options)
        self._watchers: list[asyncio.Task[None]] = []
        self._refusing = asyncio.Event()
        self._refused = ""
        self._up = False
        self._stopping = False

    def _check_ports(self, options: UpOptions) -> None:
        given = {"--port": options.port, "--ops-port": options.ops_port, "--session-port": options.session_port}
        if unknown := [option for option, port in given.items() if not port]:
            raise UsageError(f"{', '.join(unknown)}: with --multi the services must know their ports; give one above 0")
        for replica in self.replicas:
            must_be_free("--ops-port", "127.0.0.1", replica.ops_port)
            if replica.service == "gateway":
                must_be_free("--port", options.host, int(replica.settings["PORT"]))
            if replica.service == "session":
                must_be_free("--session-port", "127.0.0.1", int(replica.settings["SESSION_PORT"]))

    async def start(self) -> None:
        """Start session first, then the others; returns when all are ready, however long that takes.

        Raises:
            NotConfiguredError: a service refuses its settings.
        """
        for service in SERVICES:
            started = [replica for replica in self.replicas if replica.service == service]
            for replica in started:
                await replica.start()
                self._watchers.append(asyncio.create_task(self._watch(replica)))
            if service == "session":
                await self._until_ready(started)
        await self._until_ready(self.replicas)
        self._up = True

    async def stop(self) -> None:
        """Ask all to end, gateways first, or all at once where they never were ready; kill what does not in time."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await asyncio.gather(*(replica.end() for replica in self.replicas if not replica.was_ready))
        for service in ("gateway", "llm-relay", "fsa-engine", "notifier", "session"):
            await asyncio.gather(*(replica.end() for replica in self.replicas if replica.service == service))

    async def _until_ready(self, replicas: list[Replica]) -> None:
        telling = asyncio.create_task(self._tell(replicas))
        try:
            while not await _all_ready(replicas):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._refusing.wait(), LOOK_AGAIN_S)
                if self._refusing.is_set():
                    raise NotConfiguredError(f"{self._refused} refuses its settings, as it says above")
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    async def _tell(self, replicas: list[Replica]) -> None:
        """Say now and again what is being waited for."""
        while True:
            await asyncio.sleep(SAY_AGAIN_S)
            silent = await silent_servers(self._options)
            names = ", ".join(replica.name for replica in replicas if not replica.was_ready)
            why = f"nothing answers at {' and '.join(silent)}" if silent else "its log above says why"
            self._say(f"waiting for {names}: {why}; Ctrl-C ends")

    async def _watch(self, replica: Replica) -> None:
        while not self._stopping:
            assert replica.process is not None
            began = time.monotonic()
            code = await replica.process.wait()
            if code == WRONG_SETTINGS and not self._up:
                self._refused = replica.name
                self._refusing.set()
                return
            if time.monotonic() - began > STEADY_S:
                replica.pause.reset()
            self._say(f"{replica.name} ended with {code}; it is started again")
            await replica.pause.wait()
            await replica.start()


async def _all_ready(replicas: list[Replica]) -> bool:
    return all(await asyncio.gather(*(asyncio.to_thread(replica.ready) for replica in replicas)))


async def silent_servers(options: UpOptions) -> list[str]:
    """Return those of Kafka's and Redis' addresses at which nothing listens."""
    redis = urlsplit(options.redis)
    servers = [("Kafka", address) for address in options.kafka.split(",")]
    if redis.hostname:
        servers.append(("Redis", f"{redis.hostname}:{redis.port or 6379}"))
    listening = await asyncio.gather(*(_listens(address) for _, address in servers))
    return [f"{what} {address}" for (what, address), there in zip(servers, listening, strict=True) if not there]


async def _listens(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        async with asyncio.timeout(PROBE_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
