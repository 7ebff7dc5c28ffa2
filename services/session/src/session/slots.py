"""Slots of the inbox topics: leased to processes, assigned to calls."""

from collections.abc import Callable
from typing import TypeVar

from chassis.ids import Clock
from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1.state_pb2 import SlotsRecord
from session import metrics
from session.adapters.memory import MemoryStore
from session.domain import slots as rules
from session.domain.errors import Invalid
from session.domain.ids import partition_of_text
from session.domain.policy import Policy
from session.health import Health
from session.store import Change, Conflict, Store, StoreError

ROLES = frozenset({api.ROLE_GATEWAY, api.ROLE_RELAY, api.ROLE_ENGINE})

RENEW_MS = 2_000
"""Lease time told to holders whose leases never expire: they go on reporting their load."""

_TRIES = 64

T = TypeVar("T")


class Slots:
    """All roles' slots. Leases that never expire do not outlive this process, as the holders do not either."""

    def __init__(self, store: Store, policy: Policy, clock: Clock, health: Health) -> None:
        self._store = store if policy.lease_ttl_ms else MemoryStore()
        self._ttl = policy.lease_ttl_ms
        self._clock = clock
        self._health = health

    async def lease(self, request: api.LeaseSlotRequest) -> api.LeaseSlotResponse:
        """Give or renew a lease."""

        def decide(slots: SlotsRecord) -> api.LeaseSlotResponse:
            now = self._clock()
            held = rules.lease(slots, request, now, self._health.since, self._ttl)
            living = sum(rules.alive(known, now, self._health.since, self._ttl) for known in slots.leases)
            metrics.SLOTS.labels(_name(request.role)).set(living)
            return api.LeaseSlotResponse(slot=held.slot, ttl_ms=self._ttl or RENEW_MS)

        return await self._change(request.role, decide)

    async def release(self, request: api.ReleaseSlotRequest) -> None:
        """Free a holder's slot."""
        await self._change(request.role, lambda slots: rules.release(slots, request.holder))

    async def assign(self, role: api.Role) -> int:
        """Choose the slot that serves a new call."""
        return await self._change(role, lambda slots: rules.assign(slots, self._clock(), self._health.since, self._ttl))

    async def _change(self, role: api.Role, decide: Callable[[SlotsRecord], T]) -> T:
        if role not in ROLES:
            raise Invalid("no such role")
        key = f"slots/{_name(role)}"
        partition = partition_of_text(key)
        for _ in range(_TRIES):
            document = (await self._store.read(partition, [key])).documents[0]
            slots = SlotsRecord.FromString(document.value)
            result = decide(slots)
            change = Change({key: document.version}, {key: slots.SerializeToString()}, durable=False)
            try:
                await self._store.write(partition, change)
            except Conflict:
                metrics.CONFLICTS.inc()
            else:
                return result
        raise StoreError("others kept writing first")


def _name(role: api.Role) -> str:
    return api.Role.Name(role).removeprefix("ROLE_").lower()
