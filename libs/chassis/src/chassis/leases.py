"""A process's slot: the partition of its inbox topic, leased from session.

Renewed at a third of its time to live. Only a positive answer ends a lease: while session is out, it freezes, and
everything goes on; ABORTED, NOT_FOUND or another slot number mean that somebody decided, and the lease is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from chassis.logging import get_logger
from chassis.retry import Backoff, Sleep
from chassis.rpc import RpcError, StatusCode
from opusagent.session.v1.session_pb2 import LeaseSlotRequest, LeaseSlotResponse, ReleaseSlotRequest, Role

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

LOST = frozenset({StatusCode.ABORTED, StatusCode.NOT_FOUND})
RELEASE_SECONDS = 1.0

SLOT = Gauge("opusagent_lease_slot", "Slot held; -1 without one", ["role"])
LEASES_LOST = Counter("opusagent_leases_lost_total", "Leases that session gave to another", ["role"])
LEASES_FROZEN = Counter("opusagent_lease_renewals_failed_total", "Renewals that session did not answer", ["role"])

OnLost = Callable[[], Awaitable[None] | None]
_log = get_logger(__name__)


class SlotLease:
    """Holds one slot of a role for one process.

    `on_lost` (set it before `start`) is called once, when the slot turned out to be another's: stop speaking for it.
    """

    def __init__(
        self,
        session: "SessionServiceAsyncStub",
        role: Role,
        holder: str,
        load: Callable[[], int],
        capacity: int,
        *,
        on_lost: OnLost | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._session = session
        self._role = role
        self._role_name = Role.Name(role).removeprefix("ROLE_").lower()
        self._holder = holder
        self._load = load
        self._capacity = capacity
        self._sleep = sleep
        self.on_lost = on_lost
        self._slot: int | None = None
        self._ttl_ms = 0
        self._ready = False
        self._draining = False
        self._lost = False
        self._frozen = False
        self._renewing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def slot(self) -> int:
        """The slot held.

        Raises:
            RuntimeError: before `start`.
        """
        if self._slot is None:
            raise RuntimeError("no slot has been leased yet")
        return self._slot

    @property
    def lost(self) -> bool:
        """Whether session gave the slot to another."""
        return self._lost

    async def start(self) -> None:
        """Take a slot; waits with backoff, saying so once, while session is out or has none free."""
        backoff = Backoff(longest=2.0, sleep=self._sleep)
        while self._slot is None:
            try:
                self._take(await self._request())
            except RpcError as error:
                self._freeze(error)
                await backoff.wait()
        self._task = asyncio.create_task(self._renew(), name=f"lease:{self._role_name}")

    async def mark_ready(self) -> None:
        """Say that the inbox consumer stands at its end: calls may come."""
        self._ready = True
        await self._renew_once()

    async def drain(self) -> None:
        """Say that no new calls are wanted; the lease goes on."""
        self._draining = True
        await self._renew_once()

    async def stop(self) -> None:
        """Give the slot back, bounded to a second; idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        SLOT.labels(self._role_name).set(-1)
        if self._lost:
            return
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._session.ReleaseSlot(ReleaseSlotRequest(role=self._role, holder=self._holder))
        except (RpcError, TimeoutError) as error:
            _log.info("the slot was not released, its lease will run out", slot=self._slot, error=str(error))

    async def _request(self) -> LeaseSlotResponse:
        return await self._session.LeaseSlot(
            LeaseSlotRequest(
                role=self._role,
                holder=self._holder,
                load=self._load(),
                capacity=self._capacity,
                draining=self._draining,
                ready=self._ready,
            )
        )

    def _take(self, lease: LeaseSlotResponse) -> None:
        self._slot = lease.slot
        self._ttl_ms = lease.ttl_ms
        SLOT.labels(self._role_name).set(lease.slot)
        if self._frozen:
            self._frozen = False
            _log.info("session answers again", role=self._role_name, slot=lease.slot)

    async def _renew(self) -> None:
        while not self._lost:
            await self._sleep(self._ttl_ms / 3000)
            await self._renew_once()

    async def _renew_once(self) -> None:
        async with self._renewing:
            if self._lost:
                return
            try:
                lease = await self._request()
            except RpcError as error:
                if error.code in LOST:
                    await self._lose(error.message)
                else:
                    self._freeze(error)
                return
            if lease.slot != self._slot:
                await self._lose(f"session offers slot {lease.slot} instead")
                return
            self._take(lease)

    def _freeze(self, error: RpcError) -> None:
        LEASES_FROZEN.labels(self._role_name).inc()
        if not self._frozen:
            self._frozen = True
            _log.warning("session gives no lease now, going on without", role=self._role_name, error=str(error))

    async def _lose(self, why: str) -> None:
        self._lost = True
        LEASES_LOST.labels(self._role_name).inc()
        SLOT.labels(self._role_name).set(-1)
        _log.error("the slot is another's now", role=self._role_name, slot=self._slot, why=why)
        outcome = self.on_lost() if self.on_lost else None
        if outcome is not None:
            await outcome
