"""Sentences into audio of a call's format, with a memory for what is said often."""

from collections import OrderedDict
from collections.abc import AsyncGenerator

from prometheus_client import Counter

from audio.formats import Format
from audio.transcode import Resampler, encode
from speech.tts import Samples, Synthesiser
from speech.workers import Priority, Workers

CACHE = Counter(
    "opusagent_relay_tts_cache_total", "Sentences looked up in the cache of synthesised speech", ["outcome"]
)

CACHE_BYTES = 16 * 1024 * 1024
"""Half an hour of G.711."""

_Key = tuple[str, str, Format]


class Voice:
    """Shared by all calls of a process."""

    def __init__(self, synthesiser: Synthesiser, workers: Workers, cache_bytes: int = CACHE_BYTES) -> None:
        self._synthesiser = synthesiser
        self._workers = workers
        self._cache: OrderedDict[_Key, bytes] = OrderedDict()
        self._cached_bytes = 0
        self._cache_bytes = cache_bytes

    def named(self, voice: str) -> str:
        """The synthesiser's voice of this name, or its default when it has none."""
        return voice if voice in self._synthesiser.voices else ""

    async def speak(self, sentence: str, voice: str, format: Format) -> AsyncGenerator[bytes, None]:
        """Audio in pieces, each as soon as it is ready. Raises SynthesisError."""
        key = (sentence, voice, format)
        known = self._cache.get(key)
        CACHE.labels("miss" if known is None else "hit").inc()
        if known is not None:
            self._cache.move_to_end(key)
            yield known
            return
        made = bytearray()
        resampler = Resampler(self._synthesiser.rate, format.rate)
        async for samples in self._synthesiser.stream(sentence, voice):
            piece = await self._workers.run(Priority.VOICE_ACTIVITY, _convert, resampler, samples, format)
            made += piece
            if piece:
                yield piece
        rest = encode(resampler.flush(), format.encoding)
        made += rest
        if rest:
            yield rest
        self._remember(key, bytes(made))

    def _remember(self, key: _Key, audio: bytes) -> None:
        if key in self._cache or len(audio) > self._cache_bytes:
            return
        self._cache[key] = audio
        self._cached_bytes += len(audio)
        while self._cached_bytes > self._cache_bytes:
            _, forgotten = self._cache.popitem(last=False)
            self._cached_bytes -= len(forgotten)


def _convert(resampler: Resampler, samples: Samples, format: Format) -> bytes:
    return encode(resampler.feed(samples), format.encoding)
