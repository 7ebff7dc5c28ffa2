"""Which words of the caller are written down, and shown to telephony, masked: those in which a secret may be."""

MASK = "***"


class Discretion:
    """Of one call. Transcripts come late: what was begun to be said in a state counts as said in it."""

    def __init__(self) -> None:
        self._secret = False
        self._through_ms = -1

    def follow(self, secret: bool, media_ms: int) -> None:
        """Take note of what the engine says of the state that the conversation is in now (fsa.v1.Floor.secret)."""
        if self._secret and not secret:
            self._through_ms = media_ms
        self._secret = secret

    def shown(self, text: str, started_ms: int) -> str:
        """Return the words of a turn, begun at a position in the caller's media, as others may see them."""
        return MASK if self._secret or started_ms <= self._through_ms else text
