"""Durations that the operator sets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """All in milliseconds."""

    grace_ms: int = 8_000
    """How long after a drop the caller may come back by himself before he gets an SMS."""
    resume_ttl_ms: int = 24 * 3_600_000
    """How long unfinished business can be resumed where the agent does not say."""
    dial_timeout_ms: int = 90_000
    """After this long without an answer a dial attempt is over."""
    dial_cooldown_ms: int = 5_000
    """A second CALL this soon after the first is taken for the same."""
    lease_ttl_ms: int = 2_000
    """Life of a slot's lease; 0 = it never expires."""
