"""Sample rates changed: a whole recording by soxr, a stream by a short filter of our own.

soxr's streams work in blocks and hold back 60 to 115 ms of telephone audio (measured, every quality above nearest
neighbour), which a conversation would hear. Here a windowed sinc in polyphase form holds back as many samples of the
lower rate as it has zero crossings to each side: 3 ms at 8 kHz for "MQ", which is flat to 3.3 kHz and 60 dB down from
4.2 kHz, as the telephone's own band.
"""

from functools import lru_cache
from math import gcd
from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from audio.g711 import Samples

Quality = Literal["LQ", "MQ", "HQ"]

# Zero crossings to each side, and where the slope's middle lies in the lower rate's half: longer is steeper.
_CROSSINGS: dict[Quality, int] = {"LQ": 12, "MQ": 24, "HQ": 48}
_CUTOFF: dict[Quality, float] = {"LQ": 0.83, "MQ": 0.915, "HQ": 0.957}
# Kaiser window of 60 dB.
_BETA = 5.65


def resample(samples: Samples, src_rate: int, dst_rate: int) -> Samples:
    """A whole recording at another rate."""
    if src_rate == dst_rate or not len(samples):
        return samples
    return np.asarray(soxr.resample(samples, src_rate, dst_rate, quality="HQ"), dtype=np.int16)


@lru_cache(maxsize=16)
def _filters(up: int, down: int, quality: Quality) -> NDArray[np.float32]:
    """One row of taps for each of the `up` positions of an output sample between two input samples."""
    # Half the filter's length, in input samples.
    half = _CROSSINGS[quality] * max(1.0, down / up)
    taps = 2 * int(np.ceil(half))
    # Distance of each tap's input sample from the output sample, in input samples.
    offset = (np.arange(taps) - taps // 2 + 1)[None, :] - np.arange(up)[:, None] / up
    cutoff = _CUTOFF[quality] * min(1.0, up / down)
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (offset / half) ** 2, 0, None))) / np.i0(_BETA)
    rows = cutoff * np.sinc(cutoff * offset) * np.where(np.abs(offset) <= half, window, 0)
    return np.asarray(rows / rows.sum(axis=1, keepdims=True), dtype=np.float32)


class Resampler:
    """Int16 samples at another rate, as a stream; of one call and direction, used from one thread at a time."""

    def __init__(self, src_rate: int, dst_rate: int, quality: Quality = "MQ") -> None:
        """`quality`: "LQ" holds back half as long as "MQ", "HQ" twice as long."""
        common = gcd(src_rate, dst_rate)
        self._up, self._down = dst_rate // common, src_rate // common
        self._rows = _filters(self._up, self._down, quality)
        self._taps = self._rows.shape[1]
        self.reset()

    def reset(self) -> None:
        """Forget what was fed, as after a gap."""
        # The filter reaches half its length back, where there was silence.
        self._held = np.zeros(self._taps // 2 - 1, np.float32)
        # Position of the next output sample, in 1/up of an input sample, from the first held one's centre.
        self._next = 0
        self._owed = 0

    def feed(self, samples: Samples) -> Samples:
        """What is ready after these samples; may be empty."""
        if self._up == self._down:
            return samples
        self._held = np.concatenate((self._held, samples.astype(np.float32)))
        self._owed += len(samples) * self._up
        return self._produce()

    def flush(self) -> Samples:
        """The rest, as if silence followed; then as new."""
        if self._up == self._down:
            return np.empty(0, np.int16)
        count = -(-self._owed // self._down)
        self._held = np.concatenate((self._held, np.zeros(self._taps, np.float32)))
        rest = self._produce()[: max(0, count)]
        self.reset()
        return rest

    def _produce(self) -> Samples:
        ready = len(self._held) - self._taps + 1
        count = max(0, -(-(ready * self._up - self._next) // self._down))
        if ready <= 0 or count == 0:
            return np.empty(0, np.int16)
        at = self._next + np.arange(count) * self._down
        start, phase = at // self._up, at % self._up
        windows = np.lib.stride_tricks.sliding_window_view(self._held, self._taps)[start]
        output = np.einsum("ij,ij->i", windows, self._rows[phase])
        self._next += count * self._down
        self._owed -= count * self._down
        used = self._next // self._up
        self._held = self._held[used:]
        self._next -= used * self._up
        return np.asarray(np.clip(np.rint(output), -32768, 32767), dtype=np.int16)
