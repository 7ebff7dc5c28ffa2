"""Whisper as the recogniser of telephone answers: a quick reading, checked against what was expected."""

import math
import threading

import numpy as np

from speech.engines.whisper_model import BUNDLED, LONG_CONTEXT_S, Whisper
from speech.expectation import CONFIDENT, Reading, best, expected, fits, looping, tidy, words
from speech.stt import NO_HINTS, NOTHING, RATE, Hints, Recogniser, RecognitionError, Samples, Transcript
from speech.workers import Priority, Workers

# Mean log probability per token above which nothing else is tried, and below which the long window is.
_CERTAIN = -0.15
_DOUBTFUL = -0.5
_READINGS = 5
# A reading is noise when Whisper thinks so, or when not even its likeliest reading is likely.
_NO_SPEECH = 0.6
_UNBELIEVABLE = -2.8
# Shorter than any word.
_SHORTEST_S = 0.1
_QUIETEST = 60


class WhisperRecogniser(Recogniser):
    """`model`: "tiny.en" (bundled), a path to a CTranslate2 model, or a name that faster-whisper downloads."""

    def __init__(self, workers: Workers, model: str = BUNDLED) -> None:
        self._workers = workers
        self._name = model or BUNDLED
        self._loading = threading.Lock()
        self._model: Whisper | None = None

    async def transcribe(self, audio: Samples, hints: Hints = NO_HINTS) -> Transcript:
        """Two to four readings of one encoding; see `speech.expectation` for how one is chosen."""
        return await self._workers.run(Priority.RECOGNITION, self._transcribe, audio, hints)

    async def warm_up(self) -> None:
        """Load the model and read a second of faint noise."""
        noise = np.random.default_rng(0).integers(-400, 400, RATE).astype(np.int16)
        await self._workers.run(Priority.LOADING, self._transcribe, noise, Hints("yes_no"))

    async def close(self) -> None:
        """The model goes with the last reference to it; the workers belong to whoever made them."""

    def _loaded(self) -> Whisper:
        with self._loading:
            if self._model is None:
                self._model = Whisper(self._name)
            return self._model

    def _transcribe(self, audio: Samples, hints: Hints) -> Transcript:
        model = self._loaded()
        if len(audio) < _SHORTEST_S * RATE or np.abs(audio).max() < _QUIETEST:
            return NOTHING
        try:
            return _transcript(model, audio, hints)
        except Exception as error:
            raise RecognitionError(f"whisper failed: {type(error).__name__}") from error


def _transcript(model: Whisper, audio: Samples, hints: Hints) -> Transcript:
    encoded = model.encode(audio)
    quick = model.read(encoded)
    if not quick.readings or (quick.no_speech > _NO_SPEECH and quick.readings[0].mean < _DOUBTFUL):
        return NOTHING
    first = quick.readings[0]
    fitting = fits(first.text, hints.kind)
    sound = not looping(first.text)
    if first.mean >= _CERTAIN and fitting and sound:
        return _judge([first], quick.no_speech)
    phrases = model.score(encoded, expected(hints.kind, hints.phrases))
    ordered = best([first], phrases, hints.kind)
    if ordered[0] in phrases or (sound and first.mean >= (_DOUBTFUL if fitting else CONFIDENT)):
        return _judge(ordered, quick.no_speech)
    return _second(model, audio, hints, [reading.text for reading in model.read(encoded, _READINGS).readings])


def _second(model: Whisper, audio: Samples, hints: Hints, heard: list[str]) -> Transcript:
    """Read again with the long window; what was heard before is judged anew beside it."""
    encoded = model.encode(audio, LONG_CONTEXT_S)
    free = model.read(encoded)
    biased = model.read(encoded, hotwords=" ".join(hints.phrases + hints.vocabulary)) if hints.phrases else free
    found = dict.fromkeys((*free.readings, *biased.readings))
    known = {words(reading.text) for reading in found}
    again = model.score(encoded, [text for text in heard if words(text) not in known and not looping(text)])
    # All are readings of the whole utterance: the likeliest as a whole comes first, however many tokens it takes.
    readings = sorted((reading for reading in (*found, *again) if not looping(reading.text)), key=lambda r: -r.total)
    if not readings:
        return NOTHING
    phrases = model.score(encoded, expected(hints.kind, hints.phrases))
    return _judge(best(readings, phrases, hints.kind), free.no_speech)


def _judge(ordered: list[Reading], no_speech: float) -> Transcript:
    chosen = ordered[0]
    if (no_speech > _NO_SPEECH and chosen.mean < _DOUBTFUL) or chosen.mean < _UNBELIEVABLE or not words(chosen.text):
        return NOTHING
    others = tuple(tidy(reading.text) for reading in ordered[1:] if words(reading.text))
    return Transcript(tidy(chosen.text), math.exp(chosen.mean) * (1.0 - no_speech), others)
