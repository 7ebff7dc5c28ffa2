"""The human behind the agent: his telephone rings for one caller; he answers, is told, and talks with him."""

from simulator.caller import Caller, Heard, NotHeardError
from simulator.stories.stage import Stage
from simulator.twilio.dialing import DialedLeg

# How long he lets it ring.
RINGS_S = 1.5
CONNECTED_S = 20.0


class Human:
    """For one caller of a story."""

    def __init__(self, stage: Stage, leg: DialedLeg, caller: Caller) -> None:
        """`leg`: the call that rings; `caller`: for whom."""
        self._stage = stage
        self._leg = leg
        self._caller = caller
        self._ear: Caller | None = None

    async def is_busy(self) -> None:
        """He is in another call."""
        self._stage.note("human", "is busy: he takes no call now", "call")
        await self._leg.fail("busy")

    async def answers(self) -> str:
        """He picks up; returns what he was told before he heard the caller: read to him, or shown on his display.

        Raises:
            NotHeardError: he was not connected to the caller.
        """
        self._ear = self._stage.listen(self._leg)
        await self._stage.environment.clock.sleep(RINGS_S)
        self._stage.note("human", "answers", "call")
        await self._leg.answer()
        told = await self._is_told(self._ear)
        try:
            await self._stage.environment.clock.wait_for(self._leg.ready.wait(), CONNECTED_S)
        except TimeoutError:
            raise NotHeardError("the caller", (), "the human was not connected") from None
        self._stage.is_with_human(self._caller)
        return told

    async def _is_told(self, ear: Caller) -> str:
        shown = " ".join(self._leg.headers.values())
        if shown:
            self._stage.note("human", f"reads on his display: {shown}", "heard")
            return shown
        try:
            told = (await ear.hears(CONNECTED_S)).text
        except NotHeardError:
            return ""
        self._stage.note("human", f"hears before he is connected: {told}", "heard")
        return told

    async def says(self, text: str) -> None:
        """Speak to the caller."""
        assert self._ear is not None
        await self._ear.says(text)

    async def hears(self, pattern: str, timeout: float) -> Heard:
        """Wait for the caller to say something. Raises NotHeardError."""
        assert self._ear is not None
        heard = await self._ear.waits_for(pattern, timeout)
        self._stage.note("caller", f"to the human: {heard.text}", "heard")
        return heard

    async def hangs_up(self) -> None:
        """End the call."""
        self._stage.note("human", "hangs up", "call")
        await self._leg.hang_up()
