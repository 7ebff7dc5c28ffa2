"""Slots: who reads which partition of an inbox, how loaded he is, and who gets the next call.

A lease that is not renewed in time is dead, but only to a session that was healthy for the whole of that time: after an
outage of session or of its store, every lease lives one more TTL.
"""

from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1 import state_pb2 as state
from session.domain.errors import Invalid, NoRoom

SLOTS = 32
"""Partitions of an inbox topic."""


def alive(lease: state.SlotLease, now: int, healthy_since: int, ttl: int) -> bool:
    """Whether a lease holds, as far as a session healthy since then can tell; `ttl` 0 = leases never expire."""
    return ttl == 0 or now < max(lease.expires_at_ms, healthy_since + ttl)


def lease(
    slots: state.SlotsRecord, request: api.LeaseSlotRequest, now: int, healthy_since: int, ttl: int
) -> state.SlotLease:
    """Give a holder a slot, or renew the one it has.

    Raises:
        NoRoom: every slot is held by a live holder.
        Invalid: no holder is named.
    """
    if not request.holder:
        raise Invalid("a lease needs a holder")
    held = next((known for known in slots.leases if known.holder == request.holder), None)
    if held is None:
        held = slots.leases.add(slot=_free(slots, now, healthy_since, ttl), holder=request.holder)
    held.load = request.load
    held.capacity = request.capacity
    held.draining = request.draining
    held.ready = request.ready
    held.assigned = 0
    held.expires_at_ms = now + ttl
    return held


def _free(slots: state.SlotsRecord, now: int, healthy_since: int, ttl: int) -> int:
    """Return a slot that nobody holds: a never used one if there is any, else that of the longest dead holder."""
    taken = {known.slot for known in slots.leases}
    unused = next((slot for slot in range(SLOTS) if slot not in taken), None)
    if unused is not None:
        return unused
    dead = [known for known in slots.leases if not alive(known, now, healthy_since, ttl)]
    if not dead:
        raise NoRoom(f"all {SLOTS} slots are held")
    oldest = min(dead, key=lambda known: known.expires_at_ms)
    slot = oldest.slot
    slots.leases.remove(oldest)
    return slot


def release(slots: state.SlotsRecord, holder: str) -> None:
    """Free the slot of a holder, if it has one."""
    for known in [known for known in slots.leases if known.holder == holder]:
        slots.leases.remove(known)


def assign(slots: state.SlotsRecord, now: int, healthy_since: int, ttl: int) -> int:
    """Choose the slot for a new call: the least loaded of those that are live, ready, not draining and not full.

    Raises:
        NoRoom: there is none.
    """
    fit = [
        known
        for known in slots.leases
        if known.ready
        and not known.draining
        and known.load + known.assigned < known.capacity
        and alive(known, now, healthy_since, ttl)
    ]
    if not fit:
        raise NoRoom("no live slot with room")
    chosen = min(fit, key=lambda known: (known.load + known.assigned, known.slot))
    chosen.assigned += 1
    return chosen.slot
