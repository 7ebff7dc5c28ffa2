"""How long speech work keeps the event loop waiting: calls talk in real time while a timer looks at its own lateness.

    python libs/speech/tools/stall.py [calls] [seconds]

Each call feeds 20 ms frames to its voice detector, recognises every utterance, and has an answer synthesised to it.
"""

import asyncio
import resource
import sys
import time

import numpy as np

from audio import g711
from audio.formats import MULAW_8K
from audio.transcode import decode, resample
from speech.endpointing import Endpointer, SpeechEnded
from speech.registry import recogniser, synthesiser
from speech.stt import RATE, Hints, Recogniser
from speech.tts import Synthesiser
from speech.vad import VoiceDetector
from speech.workers import Priority, Workers

SAID = ("I'd like to book an appointment for tomorrow.", "At ten in the morning.", "Yes, please.", "No, thank you.")
ANSWER = "All right. Your appointment is tomorrow at 10 AM. Is there anything else I can do for you?"


async def lateness(every_s: float, found: list[float]) -> None:
    """Note how many milliseconds each wake-up comes too late."""
    while True:
        due = time.perf_counter() + every_s
        await asyncio.sleep(every_s)
        found.append((time.perf_counter() - due) * 1000)


async def line(voice: Synthesiser) -> bytes:
    """All that a caller says, with pauses, as mu-law."""
    parts = []
    for text in SAID:
        spoken = np.concatenate([piece async for piece in voice.stream(text)])
        parts += [MULAW_8K.silence(600), g711.mulaw_encode(resample(spoken, voice.rate, 8000)), MULAW_8K.silence(900)]
    return b"".join(parts)


class Call:
    """One caller in real time."""

    def __init__(self, audio: bytes, workers: Workers, ear: Recogniser, mouth: Synthesiser) -> None:
        self._audio, self._workers, self._ear, self._mouth = audio, workers, ear, mouth
        self._detector, self._endpointer = VoiceDetector(MULAW_8K), Endpointer()
        self._answers: set[asyncio.Task[None]] = set()
        self.heard_ms: list[float] = []
        self.spoke_ms: list[float] = []

    async def talk(self, seconds: float, delay_s: float) -> None:
        """Feed frames at their pace, over and over."""
        await asyncio.sleep(delay_s)
        start = time.perf_counter()
        for index in range(int(seconds * 50)):
            at = index * 160 % len(self._audio)
            frame = self._audio[at : at + 160]
            for window in await self._workers.run(Priority.VOICE_ACTIVITY, self._detector.feed, frame):
                for event in self._endpointer.feed(*window):
                    if isinstance(event, SpeechEnded):
                        self._answer(index * 160, event)
            await asyncio.sleep(max(0.0, start + (index + 1) * 0.02 - time.perf_counter()))

    def _answer(self, position: int, event: SpeechEnded) -> None:
        size = (event.decided_ms - event.started_ms) * 8
        last = position % len(self._audio)
        clip = (self._audio + self._audio)[max(0, len(self._audio) + last - size) : len(self._audio) + last]
        task = asyncio.create_task(self._respond(clip))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _respond(self, clip: bytes) -> None:
        begun = time.perf_counter()
        await self._ear.transcribe(resample(decode(clip, "mulaw"), 8000, RATE), Hints("intent"))
        self.heard_ms.append((time.perf_counter() - begun) * 1000)
        begun = time.perf_counter()
        async for _ in self._mouth.stream(ANSWER):
            if len(self.spoke_ms) < len(self.heard_ms):
                self.spoke_ms.append((time.perf_counter() - begun) * 1000)


def row(name: str, values: list[float]) -> None:
    """Print one line of figures."""
    if not values:
        print(f"{name:36} none")
        return
    p50, p99 = np.percentile(values, (50, 99))
    print(f"{name:36} n {len(values):6}   p50 {p50:7.1f}   p99 {p99:7.1f}   max {max(values):7.1f} ms")


async def main(count: int, seconds: float) -> None:
    """Idle first, then with calls."""
    workers = Workers()
    ear, mouth = recogniser(workers=workers), synthesiser(workers=workers)
    other = synthesiser("piper", workers=workers)
    await asyncio.gather(ear.warm_up(), mouth.warm_up(), other.warm_up())
    audio = await line(other)
    for calls in (0, count):
        late: list[float] = []
        timer = asyncio.create_task(lateness(0.005, late))
        talking = [Call(audio, workers, ear, mouth) for _ in range(calls)]
        used = time.process_time()
        await asyncio.gather(*(call.talk(seconds, i * 0.83) for i, call in enumerate(talking)), asyncio.sleep(3))
        used = time.process_time() - used
        timer.cancel()
        row(f"event loop late, {calls} calls", late)
        if talking:
            row("end of turn -> text", [value for call in talking for value in call.heard_ms])
            row("text -> first audio of the answer", [value for call in talking for value in call.spoke_ms])
            print(f"processor {used / (calls * seconds) * 1000:.0f} ms per call-second")
    print(f"peak resident {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    workers.close()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(main(int(arguments[0]) if arguments else 5, float(arguments[1]) if len(arguments) > 1 else 20.0))
