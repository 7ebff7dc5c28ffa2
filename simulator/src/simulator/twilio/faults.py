"""What goes wrong on request: each fault is spent by one REST request, in the order they were asked for."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Refuse with `status` and Twilio's `code`, or (`status` 0) take the request and answer after `delay_s`."""

    status: int = 0
    code: int = 0
    message: str = ""
    delay_s: float = 0.0
    # Carry the request out, but never answer it: the client cannot know.
    silent: bool = False


_TEXTS = {
    20003: "Authenticate",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    21610: "Attempt to send to unsubscribed recipient",
}


class Faults:
    """Of one kind of request (`network.message_faults`, `network.call_faults`)."""

    def __init__(self) -> None:
        self._queue: deque[Fault] = deque()

    def refuse(self, status: int, code: int, times: int = 1) -> None:
        """The next requests fail with this HTTP status and error code (429/20429, 500/20500, 400/21610, ...)."""
        self._queue.extend([Fault(status, code, _TEXTS.get(code, "Refused"))] * times)

    def silence(self, times: int = 1) -> None:
        """The next requests are carried out but not answered: the client times out."""
        self._queue.extend([Fault(silent=True)] * times)

    def slow(self, seconds: float, times: int = 1) -> None:
        """The next requests are answered after so long."""
        self._queue.extend([Fault(delay_s=seconds)] * times)

    def take(self) -> Fault | None:
        """The fault of the request at hand."""
        return self._queue.popleft() if self._queue else None
