"""DTMF (ITU-T Q.23, detection after Q.24): the two tones of each key, made and found."""

import numpy as np
from numpy.typing import NDArray

from audio.g711 import Samples

LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")

TONES: dict[str, tuple[int, int]] = {
    key: (LOW_HZ[row], HIGH_HZ[column]) for row, keys in enumerate(KEYS) for column, key in enumerate(keys)
}

# Blocks of 12.75 ms: long enough to part neighbouring tones, short enough that a 40 ms tone fills two of them.
_BLOCK_S = 0.01275
_BLOCKS_NEEDED = 2
# Q.24: the high tone may be 4 dB above or 8 dB below the low one; a little more is let through.
_TWIST_HIGH_DB = 6.0
_TWIST_LOW_DB = 10.0
_MIN_LEVEL = 10 ** (-36 / 20) * 32768
# Share of a block's energy that the two tones hold; speech has more elsewhere.
_MIN_SHARE = 0.75
# By how much a tone must exceed the second strongest of its group.
_MIN_LEAD = 6.0


def generate(keys: str, rate: int, tone_ms: int = 100, gap_ms: int = 60, level_dbfs: float = -10.0) -> Samples:
    """Each key's tones followed by a gap. Raises ValueError for a key other than 0-9 * # A-D."""
    gap = np.zeros(rate * gap_ms // 1000)
    time = np.arange(rate * tone_ms // 1000) / rate
    amplitude = 32767 * 10 ** (level_dbfs / 20) / 2
    pieces: list[NDArray[np.float64]] = []
    for key in keys.upper():
        if key not in TONES:
            raise ValueError(f"no such key: {key!r}; keys are 0-9 * # A-D")
        low, high = TONES[key]
        pieces += [amplitude * (np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time)), gap]
    return np.concatenate(pieces).astype(np.int16) if pieces else np.empty(0, np.int16)


class Detector:
    """Finds key presses in a stream of one call. Each press is reported once, after about 26 ms of its tone."""

    def __init__(self, rate: int) -> None:
        """`rate`: at least 8000 Hz."""
        self._size = round(rate * _BLOCK_S)
        angles = 2j * np.pi * np.outer(np.array(LOW_HZ + HIGH_HZ), np.arange(self._size)) / rate
        # Goertzel at the eight tones as one product; a sine of amplitude A gives A.
        self._bank = np.exp(-angles) * 2 / self._size
        self._carry = np.empty(0, np.int16)
        self._last: str | None = None
        self._run = 0
        self._pressed: str | None = None

    def feed(self, samples: Samples) -> list[str]:
        """The keys pressed in these samples."""
        samples = np.concatenate((self._carry, samples)) if len(self._carry) else samples
        count = len(samples) // self._size
        self._carry = samples[count * self._size :].copy()
        if not count:
            return []
        blocks = samples[: count * self._size].astype(np.float64).reshape(count, self._size)
        tones = np.abs(blocks @ self._bank.T)
        power = np.mean(np.square(blocks), axis=1)
        found = (self._step(_key(tone, level)) for tone, level in zip(tones, power, strict=True))
        return [key for key in found if key]

    def _step(self, key: str | None) -> str | None:
        self._run = self._run + 1 if key == self._last else 1
        self._last = key
        if self._run < _BLOCKS_NEEDED or key == self._pressed:
            return None
        self._pressed = key
        return key


def _key(tones: NDArray[np.float64], power: float) -> str | None:
    low, high = tones[:4], tones[4:]
    row, column = int(low.argmax()), int(high.argmax())
    strong_low, strong_high = float(low[row]), float(high[column])
    if min(strong_low, strong_high) < _MIN_LEVEL:
        return None
    twist_db = 20 * np.log10(strong_high / strong_low)
    if not -_TWIST_LOW_DB <= twist_db <= _TWIST_HIGH_DB:
        return None
    if (strong_low**2 + strong_high**2) / 2 < _MIN_SHARE * power:
        return None
    lead = 10 ** (_MIN_LEAD / 20)
    if np.partition(low, -2)[-2] * lead > strong_low or np.partition(high, -2)[-2] * lead > strong_high:
        return None
    return KEYS[row][column]
