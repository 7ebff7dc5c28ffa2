"""How long the caller may stay silent after a question."""


class Silence:
    """The no-input timer of one call, with explicit time in milliseconds of any one clock.

    Armed by a question that allows a silence, running only while nobody speaks and nothing is being understood, started
    anew by every sound, and run out once: the next question arms it again.
    """

    def __init__(self) -> None:
        self._allowed_ms = 0
        self._since_ms: int | None = None

    def arm(self, allowed_ms: int) -> None:
        """A question was put that allows this much silence; 0 disarms."""
        self._allowed_ms = allowed_ms
        self._since_ms = None

    def observe(self, quiet: bool, now_ms: int) -> None:
        """Whether it is quiet now. Quiet that goes on keeps its beginning."""
        if not quiet:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = now_ms

    @property
    def deadline_ms(self) -> int | None:
        """When the silence will have lasted too long; None while it is not running."""
        if not self._allowed_ms or self._since_ms is None:
            return None
        return self._since_ms + self._allowed_ms

    def run_out(self, now_ms: int) -> bool:
        """Whether the silence has lasted too long by now; true once for each arming."""
        deadline = self.deadline_ms
        if deadline is None or now_ms < deadline:
            return False
        self._allowed_ms = 0
        return True
