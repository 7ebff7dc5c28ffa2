"""How loud and how clean: RMS, peak, clipping and an estimate of signal to noise, all in dB relative to full scale."""

from dataclasses import dataclass

import numpy as np

from audio.g711 import Samples

FULL_SCALE = 32768.0
# What digital silence is reported as.
FLOOR_DBFS = -96.0
# Samples this near to full scale count as clipped; G.711 cannot express more than 32124 (mu-law) or 32256 (A-law).
CLIPPED = 32100
_FRAME_MS = 20


def _dbfs(level: float) -> float:
    return max(FLOOR_DBFS, 20.0 * float(np.log10(level / FULL_SCALE))) if level > 0 else FLOOR_DBFS


def rms_dbfs(samples: Samples) -> float:
    """Level of the whole; -96 for silence or nothing."""
    if not len(samples):
        return FLOOR_DBFS
    return _dbfs(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))


def peak_dbfs(samples: Samples) -> float:
    """Level of the largest sample; -96 for silence or nothing."""
    return _dbfs(float(np.max(np.abs(samples.astype(np.int32))))) if len(samples) else FLOOR_DBFS


def clipped_share(samples: Samples) -> float:
    """Share of samples at the ceiling, 0 to 1."""
    if not len(samples):
        return 0.0
    return float(np.mean(np.abs(samples.astype(np.int32)) >= CLIPPED))


def snr_db(samples: Samples, rate: int) -> float:
    """Loud frames over quiet ones: the 95th against the 10th percentile of 20 ms levels.

    A rough figure for speech with pauses; 0 for less than ten frames, and near 0 for steady noise or a steady tone.
    """
    size = rate * _FRAME_MS // 1000
    count = len(samples) // size
    if count < 10:
        return 0.0
    frames = samples[: count * size].astype(np.float64).reshape(count, size)
    levels = np.sqrt(np.mean(np.square(frames), axis=1))
    quiet, loud = np.percentile(levels, (10, 95))
    return _dbfs(float(loud)) - _dbfs(float(quiet))


@dataclass(frozen=True, slots=True)
class Quality:
    """The levels of one recording."""

    rms_dbfs: float
    peak_dbfs: float
    clipped_share: float
    snr_db: float


def measure(samples: Samples, rate: int) -> Quality:
    """All levels of one recording."""
    return Quality(rms_dbfs(samples), peak_dbfs(samples), clipped_share(samples), snr_db(samples, rate))
