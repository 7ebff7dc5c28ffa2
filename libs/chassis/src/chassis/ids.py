"""Identifiers and the wall clock, in one form everywhere."""

import secrets
import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Unix time in milliseconds. Passed in wherever time decides something, so that tests can own it."""


def now_ms() -> int:
    """Return the wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def new_id(kind: str) -> str:
    """Return a fresh identifier such as `call-9f2c41d07ab3e855` (64 random bits)."""
    return f"{kind}-{secrets.token_hex(8)}"
