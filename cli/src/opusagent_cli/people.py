"""Simulated people: the speech engines behind the callers of demos, in a voice other than the agent's."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from simulator.caller import Voice
from speech.registry import recogniser, synthesiser
from speech.stt import Recogniser
from speech.tts import Synthesiser
from speech.workers import Workers

CALLERS_VOICE = "piper"
AGENTS_VOICE = "hibari"
HUMANS_PITCH = 1.12


@dataclass
class People:
    """Engines that all simulated people of a process share."""

    ears: Recogniser
    caller: Synthesiser
    agent: Synthesiser

    @property
    def voice(self) -> Voice:
        """A caller's mouth and ear."""
        return Voice(self.caller, self.ears)

    @property
    def human(self) -> Voice:
        """That of the human to whom callers are put through."""
        return Voice(self.caller, self.ears, pitch=HUMANS_PITCH)


@contextlib.asynccontextmanager
async def people() -> AsyncIterator[People]:
    """Load the engines for the length of a block."""
    workers = Workers()
    crowd = People(
        recogniser(workers=workers),
        synthesiser(CALLERS_VOICE, workers=workers),
        synthesiser(AGENTS_VOICE, workers=workers),
    )
    try:
        await asyncio.gather(crowd.ears.warm_up(), crowd.caller.warm_up())
        yield crowd
    finally:
        for engine in (crowd.ears, crowd.caller, crowd.agent):
            await engine.close()
        await asyncio.to_thread(workers.close)
