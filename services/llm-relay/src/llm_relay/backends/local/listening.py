"""From a call's audio to the caller's words, off the event loop.

Recognition is a guess ahead: it begins at the first short pause and is thrown away when the caller goes on. By the time
the silence is long enough to end the turn, its words are mostly there.
"""

import asyncio

from prometheus_client import Counter

from chassis.logging import get_logger
from llm_relay.backends.local.ear import Clip, Ear, Ended, Interrupts, Paused, Resumed, Sound, Started
from llm_relay.backends.port import Listener, Said
from speech.stt import Hints, Recogniser, RecognitionError, Transcript
from speech.workers import Priority, Workers

GUESSES = Counter("opusagent_relay_stt_guesses_total", "Recognitions begun at a pause", ["outcome"])
STT_ERRORS = Counter("opusagent_relay_stt_errors_total", "Utterances that the recogniser failed on")

_log = get_logger(__name__)
_Recognition = asyncio.Task[Transcript]


class Listening:
    """Of one call."""

    def __init__(self, ear: Ear, workers: Workers, recogniser: Recogniser, hints: Hints, listener: Listener) -> None:
        self._ear = ear
        self._workers = workers
        self._recogniser = recogniser
        self.hints = hints
        self._listener = listener
        self._pending: list[tuple[bytes, int]] = []
        self._news = asyncio.Event()
        self._guess: tuple[Clip, _Recognition] | None = None
        self._turn: asyncio.Task[None] | None = None
        self._task = asyncio.create_task(self._listen(), name="listening")

    def hear(self, audio: bytes, media_ms: int) -> None:
        """Caller audio; processed as soon as a thread is free, in order."""
        self._pending.append((audio, media_ms))
        self._news.set()

    def expect(self, kind: str) -> None:
        """What the caller was asked."""
        self._ear.expect(kind)

    async def close(self) -> None:
        """Stop; nothing is reported afterwards."""
        self._drop_guess()
        tasks = [task for task in (self._task, self._turn) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            pending, self._pending = self._pending, []
            try:
                for sound in await self._workers.run(Priority.VOICE_ACTIVITY, self._feed, pending):
                    self._react(sound)
            except Exception:
                _log.exception("the caller's audio could not be processed")

    def _feed(self, pending: list[tuple[bytes, int]]) -> list[Sound]:
        return [sound for audio, media_ms in pending for sound in self._ear.feed(audio, media_ms)]

    def _react(self, sound: Sound) -> None:
        match sound:
            case Started(started_ms):
                self._listener.caller_started(started_ms)
            case Interrupts():
                self._listener.caller_interrupts()
            case Paused(clip):
                self._drop_guess()
                self._guess = (clip, self._recognise(clip))
            case Resumed():
                self._drop_guess()
            case Ended(clip):
                self._ended(clip)

    def _ended(self, clip: Clip) -> None:
        self._listener.caller_stopped(clip.ended_ms)
        recognition = self._take_guess(clip) or self._recognise(clip)
        self._turn = asyncio.create_task(self._understand(self._turn, clip, recognition), name="turn")

    def _recognise(self, clip: Clip) -> _Recognition:
        return asyncio.create_task(self._recogniser.transcribe(clip.samples, self.hints), name="recognition")

    def _take_guess(self, clip: Clip) -> _Recognition | None:
        if self._guess is None:
            return None
        guessed, recognition = self._guess
        if (guessed.started_ms, guessed.ended_ms) != (clip.started_ms, clip.ended_ms):
            self._drop_guess()
            return None
        GUESSES.labels("right").inc()
        self._guess = None
        return recognition

    def _drop_guess(self) -> None:
        if self._guess is not None:
            GUESSES.labels("wrong").inc()
            self._guess[1].cancel()
            self._guess = None

    async def _understand(self, before: asyncio.Task[None] | None, clip: Clip, recognition: _Recognition) -> None:
        """Report the words of one turn, after those of the turn before."""
        try:
            if before is not None:
                await asyncio.wait([before])
            transcript = await recognition
        except RecognitionError:
            STT_ERRORS.inc()
            _log.exception("an utterance could not be recognised")
            self._listener.caller_unclear()
            return
        finally:
            recognition.cancel()
        if transcript.no_speech or not transcript.text.strip():
            self._listener.caller_unclear()
            return
        self._listener.caller_said(
            Said(transcript.text, clip.started_ms, clip.ended_ms, transcript.alternatives, transcript.confidence)
        )
