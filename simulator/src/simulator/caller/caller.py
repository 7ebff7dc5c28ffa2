"""A scripted person on a leg: says, hears, waits for, converses. What he heard is what his recogniser made of it."""

from collections.abc import Callable, Sequence

from simulator.caller.hearing import Heard, Hearing, Turn, loud_until
from simulator.caller.replies import Reply
from simulator.caller.voice import Voice
from simulator.caller.words import matches
from simulator.legs import Leg

# A person takes a moment before answering.
REACTION_S = 0.3
_POLL_S = 0.05


class NotHeardError(Exception):
    """What the caller waited for did not come; `heard` is what came instead."""

    def __init__(self, wanted: str, heard: Sequence[Heard], why: str) -> None:
        texts = " / ".join(turn.text for turn in heard) or "nothing"
        super().__init__(f"{why}: expected {wanted!r}, heard {texts!r}")
        self.heard = tuple(heard)
        self.why = why


class Caller:
    """One person for one leg; listens from the moment he is made."""

    def __init__(
        self,
        leg: Leg,
        voice: Voice,
        on_said: Callable[[str], None] = lambda _: None,
        on_heard: Callable[[Heard], None] = lambda _: None,
    ) -> None:
        """The callbacks get what the caller says, as he begins, and each turn he hears, once recognised."""
        self.leg = leg
        self.heard: list[Heard] = []
        self._voice = voice
        self._on_said = on_said
        self._on_heard = on_heard
        self._hearing = Hearing()
        self._hearing.on_start = self._agent_began
        self._own_end: float | None = None
        self._responses: dict[float, int] = {}
        leg.line.ears.append(self._hearing)

    async def says(self, text: str) -> None:
        """Speak at real pace; returns when the last word is out."""
        await self.plays(await self._voice.speak(text), text)

    async def plays(self, audio: bytes, name: str) -> None:
        """Speak 8 kHz mu-law as it is; returns when its last sound is out. `name` is told to `on_said`."""
        self._on_said(name)
        started = self.leg.clock.now()
        self._own_end = None
        self.leg.send(audio[: loud_until(audio) * 8])
        await self.leg.unless_over(self.leg.line.spoken())
        self._own_end = self.leg.line.spoke_until or started

    async def hears(self, timeout: float) -> Heard:
        """The agent's next turn.

        Raises:
            NotHeardError: nothing came in time, or the leg ended.
        """
        turn = await self._next_turn(timeout)
        text = await self._voice.hear(turn.audio)
        heard = Heard(text, turn.started, turn.ended, self._responses.get(turn.started))
        self.heard.append(heard)
        self._on_heard(heard)
        return heard

    async def hears_out(self, quiet_s: float, timeout: float) -> list[Heard]:
        """The agent's next turn and those that follow it, until he has been quiet for so long; [] when none comes."""
        turns: list[Heard] = []
        try:
            turns.append(await self.hears(timeout))
            while await self._goes_on(quiet_s):
                turns.append(await self.hears(timeout))
        except NotHeardError:
            return turns
        return turns

    async def waits_for(self, pattern: str, timeout: float) -> Heard:
        """The first turn (or the last few together) that matches a pattern: phrases, separated by "|".

        Raises:
            NotHeardError: it did not come in time, or the leg ended.
        """
        return await self.converses((), until=pattern, timeout=timeout)

    async def converses(
        self, replies: Sequence[Reply], until: str, timeout: float, after: Heard | None = None
    ) -> Heard:
        """Answer what the agent says with the first reply that fits, until it matches `until`, which is not answered.

        What he says in several turns is taken together, and answered when he has come to an end. `after`: a turn that
        was heard already, and is answered first.

        Raises:
            NotHeardError: it did not come in time, or the leg ended.
        """
        deadline = self.leg.clock.now() + timeout
        everything: list[Heard] = []
        unanswered: list[Heard] = []
        while True:
            try:
                heard, after = after or await self.hears(deadline - self.leg.clock.now()), None
            except NotHeardError as error:
                raise NotHeardError(until, everything, error.why) from None
            everything.append(heard)
            unanswered = [*unanswered[-3:], heard]
            said = " ".join(turn.text for turn in unanswered)
            if matches(said, until):
                return heard
            answer = next((text for text in (reply.to(said) for reply in replies) if text is not None), None)
            if answer is not None and not await self._goes_on(REACTION_S):
                unanswered = []
                await self.says(answer)

    async def _goes_on(self, quiet_s: float) -> bool:
        """Whether the agent speaks again before so long a silence."""
        until = self.leg.clock.now() + quiet_s
        while self.leg.clock.now() < until and not self.leg.ended.done():
            if self._hearing.speaking or self._hearing.waiting:
                return True
            await self.leg.clock.sleep(_POLL_S)
        return self._hearing.speaking or self._hearing.waiting

    def _agent_began(self, at: float) -> None:
        if self._own_end is not None and at >= self._own_end:
            self._responses[at] = round((at - self._own_end) * 1000)
            self._own_end = None

    async def _next_turn(self, timeout: float) -> Turn:
        """Raises NotHeardError."""
        if self.leg.ended.done():
            self._hearing.finish()
        try:
            await self.leg.clock.wait_for(self.leg.unless_over(self._hearing.arrival()), max(timeout, 0.0))
        except TimeoutError:
            raise NotHeardError("a turn", (), "time is up") from None
        if self.leg.ended.done():
            self._hearing.finish()
        turn = self._hearing.take()
        if turn is None:
            raise NotHeardError("a turn", (), "the call is over")
        return turn
