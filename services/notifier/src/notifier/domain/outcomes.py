"""What can come of an attempt to send; the type says what may be done next."""


class AttemptFailed(Exception):
    """An attempt did not succeed. `detail` is for operators and holds nothing of the caller's."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Refused(AttemptFailed):
    """Not carried out, and it never would be. `reason` is that of the fact: "permanent" or "opted_out"."""

    def __init__(self, detail: str, *, reason: str = "permanent", configuration: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.configuration = configuration
        """The operator has to set something right before any other command can succeed."""


class NotNow(AttemptFailed):
    """Not carried out; worth another try later."""


class Unclear(AttemptFailed):
    """May have been carried out: the answer was lost, or says that the provider itself does not know.

    `answered`: the provider did answer, with a failure of its own; if a look-up finds nothing, it may be tried again.
    """

    def __init__(self, detail: str, *, answered: bool = False) -> None:
        super().__init__(detail)
        self.answered = answered


PERMANENT = "permanent"
OPTED_OUT = "opted_out"
UNCERTAIN = "uncertain"
EXHAUSTED = "attempts_exhausted"
EXPIRED = "expired"
UNKNOWN = "unknown_command"
