"""Whom a conversation speaks to."""

from fsa_engine.adapters.line_post import Line


class Lines:
    """The relays of a session's calls. `visitor`: the one to tell while no call is known here."""

    def __init__(self) -> None:
        self.live: Line | None = None
        self.visitor: Line | None = None
        self.calls: set[str] = set()
        self._closed: set[str] = set()

    @property
    def call_id(self) -> str:
        """The live call; empty when there is none."""
        return self.live.call_id if self.live else ""

    def follow(self, line: Line | None) -> None:
        """Answer where the newest relay of the newest call is; a call that was closed stays so."""
        if line is None or line.call_id in self._closed:
            return
        self.calls.add(line.call_id)
        held = self.live
        if held is None or held.call_id != line.call_id or held.relay_generation <= line.relay_generation:
            self.live = line

    def hang_up(self, line: Line | None) -> None:
        """Take note that a call is over."""
        if line is None:
            return
        self._closed.add(line.call_id)
        if self.live is not None and self.live.call_id == line.call_id:
            self.live = None

    def target(self, line: Line | None) -> Line | None:
        """Return where to answer an event that came from a line: its own call, while it lives."""
        if line is None:
            return self.live or self.visitor
        ours = self.live is None or line.call_id == self.live.call_id
        return self.live if ours else None
