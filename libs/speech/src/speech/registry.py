"""Engines by name, as operators set them.

| setting | default | what |
|---|---|---|
| `STT_ENGINE` | `whisper` | `whisper`, `pocketsphinx` |
| `STT_MODEL` | `tiny.en` (in a package) | whisper only: a path to a CTranslate2 model, or a name that it downloads |
| `TTS_ENGINE` | `hibari` | `hibari`, `piper` |
| `TTS_VOICE` | `heart`, `joe` (in packages) | another hibari voice (downloaded), or the path of a Piper .onnx |
"""

from collections.abc import Callable
from typing import Any, TypeVar

from speech.engines.hibari import HibariSynthesiser
from speech.engines.piper import PiperSynthesiser
from speech.engines.sphinx import SphinxRecogniser
from speech.engines.whisper import WhisperRecogniser
from speech.stt import Recogniser
from speech.tts import Synthesiser
from speech.workers import Workers

T = TypeVar("T")

DEFAULT_RECOGNISER = "whisper"
DEFAULT_SYNTHESISER = "hibari"

RECOGNISERS: dict[str, Callable[..., Recogniser]] = {"whisper": WhisperRecogniser, "pocketsphinx": SphinxRecogniser}
SYNTHESISERS: dict[str, Callable[..., Synthesiser]] = {"hibari": HibariSynthesiser, "piper": PiperSynthesiser}


def recogniser(name: str = DEFAULT_RECOGNISER, *, workers: Workers, **options: Any) -> Recogniser:
    """A recogniser on these workers; models load at `warm_up` or first use. Raises ValueError for an unknown name."""
    return _choose("speech recogniser", RECOGNISERS, name)(workers, **options)


def synthesiser(name: str = DEFAULT_SYNTHESISER, voice: str = "", *, workers: Workers, **options: Any) -> Synthesiser:
    """A synthesiser on these workers; models load at `warm_up` or first use. Raises ValueError for an unknown name."""
    return _choose("speech synthesiser", SYNTHESISERS, name)(workers, voice=voice, **options)


def _choose(what: str, known: dict[str, Callable[..., T]], name: str) -> Callable[..., T]:
    if name not in known:
        raise ValueError(f"no {what} {name!r}: there are {', '.join(sorted(known))}")
    return known[name]
