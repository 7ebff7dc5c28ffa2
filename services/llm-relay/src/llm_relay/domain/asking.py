"""The question that waits for an answer: what the caller began to say before he heard any of it answers it not."""


class OpenQuestion:
    """The latest of one call; positions in caller media."""

    def __init__(self) -> None:
        self._put = False
        self._heard_from_ms: int | None = None

    def put(self) -> None:
        """There is a question for the caller, which he has not heard yet."""
        self._put = True
        self._heard_from_ms = None

    def heard(self, media_ms: int) -> None:
        """The caller has heard something of it by then."""
        if self._heard_from_ms is None:
            self._heard_from_ms = media_ms

    def follows(self, started_ms: int) -> bool:
        """Whether a turn began before anything of the question was heard."""
        return self._put and (self._heard_from_ms is None or started_ms < self._heard_from_ms)
