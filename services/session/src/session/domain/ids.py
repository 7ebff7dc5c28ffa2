"""Identifiers that session makes up, and the partition of the store that a session lies in.

A session id starts with its partition, and a known caller's sessions share the caller's partition: whatever must change
together lies together, and a store may spread partitions over servers.
"""

import hashlib
import re

PARTITIONS = 16

_SESSION_ID = re.compile(r"session-([0-9a-f]{2})[0-9a-f]{14}")


def partition_of_text(text: str) -> int:
    """Return the partition of a caller's number or of a provider's call id."""
    return hashlib.sha256(text.encode()).digest()[0] % PARTITIONS


def session_id(partition: int, token: str) -> str:
    """Return a session id for 14 hexadecimal random digits."""
    return f"session-{partition:02x}{token}"


def partition_of_session(session: str) -> int:
    """Return where a session lies; ids that session did not make are spread by their hash."""
    match = _SESSION_ID.fullmatch(session)
    return int(match[1], 16) % PARTITIONS if match else partition_of_text(session)


def sms_command(call_id: str) -> str:
    """Return the id of the one SMS command that the drop of a call can lead to."""
    return f"{call_id}/sms"


def dial_command(session: str, message_id: str) -> str:
    """Return the id of the one dial command that an incoming message can lead to."""
    return f"{session}/dial/{message_id}"
