"""The local backend: engines of a process, and the sessions that share them."""

import asyncio

from typing_extensions import override

from llm_relay.backends.local.ear import Ear
from llm_relay.backends.local.listening import Listening
from llm_relay.backends.local.session import LocalSession
from llm_relay.backends.local.voice import Voice
from llm_relay.backends.port import Backend, Capabilities, Listener, ModelSession, Opening
from llm_relay.settings import RelaySettings
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIRECTED
from speech import registry
from speech.stt import Hints, Recogniser
from speech.tts import Synthesiser
from speech.vad import VoiceDetector
from speech.workers import Priority, Workers

CAPABILITIES = Capabilities(styles=(STYLE_DIRECTED,), speaks_text=True, takes_steering=False, truncates=False)
DEFAULT_LANGUAGE = "en-US"


class LocalBackend(Backend):
    """Silero, a recogniser and a synthesiser of `speech`."""

    def __init__(self, recogniser: Recogniser, synthesiser: Synthesiser, workers: Workers, barge_in_ms: int) -> None:
        self._recogniser = recogniser
        self._synthesiser = synthesiser
        self._workers = workers
        self._barge_in_ms = barge_in_ms
        self._voice = Voice(synthesiser, workers)

    @classmethod
    def of(cls, settings: RelaySettings) -> "LocalBackend":
        """The engines that the settings name."""
        workers = Workers(settings.speech_threads)
        options = {"model": settings.stt_model} if settings.stt_model else {}
        return cls(
            registry.recogniser(settings.stt_engine, workers=workers, **options),
            registry.synthesiser(settings.tts_engine, settings.tts_voice, workers=workers),
            workers,
            settings.barge_in_ms,
        )

    @property
    @override
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @override
    async def start(self) -> None:
        await asyncio.gather(self._recogniser.warm_up(), self._synthesiser.warm_up())

    @override
    async def stop(self) -> None:
        await self._recogniser.close()
        await self._synthesiser.close()
        self._workers.close()

    @override
    async def open(self, opening: Opening, listener: Listener) -> ModelSession:
        plan = opening.plan
        hints = Hints(vocabulary=tuple(plan.vocabulary), language=plan.language or DEFAULT_LANGUAGE)
        detector = await self._workers.run(Priority.LOADING, VoiceDetector, opening.format)
        ear = Ear(opening.format, detector, self._barge_in_ms)
        listening = Listening(ear, self._workers, self._recogniser, hints, listener)
        return LocalSession(listening, self._voice, self._voice.named(plan.voice), opening.format, listener)
