"""Mono WAV files of 16-bit PCM. A stereo file is mixed down; anything else is refused in words."""

import wave
from pathlib import Path

import numpy as np

from audio.g711 import Samples


class WavError(ValueError):
    """The file is not a WAV that can be used; the message says what is wrong with it."""


def read(path: Path | str) -> tuple[Samples, int]:
    """Samples and rate of a 16-bit PCM file. Raises WavError, and FileNotFoundError where there is no file."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise WavError(f"{path}: not a PCM WAV file ({error or 'it ends too early'})") from error
    if width != 2:
        raise WavError(f"{path}: {8 * width}-bit samples; 16-bit PCM is needed")
    whole = len(data) // (2 * channels) * 2 * channels
    samples = np.frombuffer(data[:whole], dtype="<i2").astype(np.int16, copy=False)
    if channels > 1:
        samples = samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return samples, rate


def write(path: Path | str, samples: Samples, rate: int) -> None:
    """A mono 16-bit PCM file; overwrites."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2", copy=False).tobytes())
