"""Where the time goes between the end of the caller's speech and the first audio of the answer."""

from enum import StrEnum


class Stage(StrEnum):
    """A stretch of the response time, in the order in which they follow each other."""

    # From the end of speech until it was known to be the end.
    ENDPOINT = "endpoint"
    # Until the words were there.
    STT = "stt"
    # Until what to say was there.
    ENGINE = "engine"
    # Until the first audio left.
    TTS_FIRST = "tts_first"
    TOTAL = "total"


_ORDER = (Stage.ENDPOINT, Stage.STT, Stage.ENGINE, Stage.TTS_FIRST)


class ResponseTimer:
    """Of one call: times one response at a time, from explicit times in milliseconds."""

    def __init__(self) -> None:
        self._started_ms: int | None = None
        self._last_ms = 0
        self._spent: dict[Stage, int] = {}

    def caller_stopped(self, ended_ms: int, now_ms: int) -> None:
        """Speech ended at `ended_ms`, which was known at `now_ms`; begins a new response."""
        self._started_ms = ended_ms
        self._last_ms = ended_ms
        self._spent = {}
        self.reached(Stage.ENDPOINT, now_ms)

    def reached(self, stage: Stage, now_ms: int) -> None:
        """A stage is over. One that comes out of order, or again, is ignored."""
        if self._started_ms is None or stage is not self._next():
            return
        self._spent[stage] = now_ms - self._last_ms
        self._last_ms = now_ms

    def answered(self, now_ms: int) -> dict[Stage, int]:
        """First audio of the answer left: milliseconds by stage; empty when this audio answers nothing."""
        if self._started_ms is None:
            return {}
        if self._next() is Stage.TTS_FIRST:
            self.reached(Stage.TTS_FIRST, now_ms)
        spent = {**self._spent, Stage.TOTAL: now_ms - self._started_ms}
        self.abandon()
        return spent

    def abandon(self) -> None:
        """Nothing will be answered."""
        self._started_ms = None

    def _next(self) -> Stage | None:
        return _ORDER[len(self._spent)] if len(self._spent) < len(_ORDER) else None
