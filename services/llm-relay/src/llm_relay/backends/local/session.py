"""One call's directed dialogue on the local engines."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

from prometheus_client import Counter
from typing_extensions import override

from audio.formats import Format
from chassis.logging import get_logger
from llm_relay.backends.local.listening import Listening
from llm_relay.backends.local.voice import Voice
from llm_relay.backends.port import Listener, ModelSession, Part
from llm_relay.domain.sentences import sentences
from opusagent.fsa.v1.fsa_pb2 import Expectation, Tool
from speech.tts import SynthesisError

TTS_ERRORS = Counter("opusagent_relay_tts_errors_total", "Sentences that the synthesiser failed on")

_log = get_logger(__name__)


class LocalSession(ModelSession):
    """Ears and a voice; what is said is decided by the engine."""

    def __init__(self, listening: Listening, voice: Voice, voice_name: str, format: Format, listener: Listener) -> None:
        self._listening = listening
        self._voice = voice
        self._voice_name = voice_name
        self._format = format
        self._listener = listener
        self._speaking: tuple[str, asyncio.Task[None]] | None = None
        self._stopped: set[asyncio.Task[None]] = set()

    @property
    @override
    def free(self) -> bool:
        return self._speaking is None

    @override
    def hear(self, audio: bytes, media_ms: int) -> None:
        self._listening.hear(audio, media_ms)

    @override
    def expect(self, expectation: Expectation) -> None:
        self._listening.hints = replace(
            self._listening.hints, kind=expectation.kind, phrases=tuple(expectation.phrases)
        )
        self._listening.expect(expectation.kind)

    @override
    def offer(self, tools: Sequence[Tool]) -> None:
        """It calls none."""

    @override
    def deliver(self, delivery_id: str, parts: Sequence[Part]) -> None:
        task = asyncio.create_task(self._speak(delivery_id, parts), name="speaking")
        self._speaking = (delivery_id, task)

    @override
    def silence(self) -> None:
        if self._speaking is not None:
            delivery_id, task = self._speaking
            self._speaking = None
            task.cancel()
            self._stopped.add(task)
            task.add_done_callback(self._stopped.discard)
            task.add_done_callback(lambda _: self._listener.generated(delivery_id))

    @override
    def truncate(self, item_id: str, heard_ms: int) -> None:
        """Nothing is remembered here that could be truncated."""

    @override
    def answer_tool(self, function_call_id: str, output: str) -> None:
        """Nothing here calls functions."""

    @override
    async def close(self) -> None:
        self.silence()
        await asyncio.gather(*self._stopped, return_exceptions=True)
        await self._listening.close()

    async def _speak(self, delivery_id: str, parts: Sequence[Part]) -> None:
        begun = False
        for sentence in [sentence for part in parts for sentence in sentences(part.text)]:
            try:
                begun = await self._say(delivery_id, sentence, begun) or begun
            except SynthesisError:
                TTS_ERRORS.inc()
                _log.exception("a sentence could not be synthesised")
        if begun:
            self._listener.item_audio(delivery_id, b"", "", True)
        self._speaking = None
        self._listener.generated(delivery_id)

    async def _say(self, item_id: str, sentence: str, begun: bool) -> bool:
        """Speak one sentence; its words go with its first piece. Returns whether there was any audio."""
        text = sentence
        async with aclosing(self._voice.speak(sentence, self._voice_name, self._format)) as pieces:
            async for piece in pieces:
                if text and not begun:
                    self._listener.item_begun(item_id, item_id)
                self._listener.item_audio(item_id, piece, text, False)
                text, begun = "", True
        return begun
