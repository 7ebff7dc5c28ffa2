"""What is sensitive in a session, under the session's key."""

from chassis import sealing
from chassis.sealing import SealError


class Vault:
    """Seals and opens for one session. Where session gives no key any more, a key that nobody keeps takes its place:
    what is sealed then is lost with this object, and nothing goes out unsealed."""

    def __init__(self, session_id: str, key: bytes = b"") -> None:
        self._session_id = session_id
        self._key = key or sealing.new_key()

    def digit(self, sealed: bytes) -> str:
        """Open a key press of a private caller. Raises SealError."""
        try:
            return sealing.unseal(self._key, self._session_id, sealed).decode("ascii")
        except UnicodeDecodeError:
            raise SealError("not a key press") from None
