"""From one format to another, piece by piece.

Samples pass through int16. Where the rates differ, a streaming resampler holds back 3 ms, which `flush` gives at the
end. Pieces may be cut anywhere, even inside a sample.
"""

from collections.abc import Callable

import numpy as np

from audio import g711
from audio.formats import Encoding, Format
from audio.resample import Resampler, resample

__all__ = ["Resampler", "Samples", "Transcoder", "decode", "encode", "resample"]

Samples = g711.Samples


def _pcm_decode(data: bytes) -> Samples:
    return np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)


def _pcm_encode(samples: Samples) -> bytes:
    return samples.astype("<i2", copy=False).tobytes()


_DECODE: dict[Encoding, Callable[[bytes], Samples]] = {
    "mulaw": g711.mulaw_decode,
    "alaw": g711.alaw_decode,
    "pcm16": _pcm_decode,
}
_ENCODE: dict[Encoding, Callable[[Samples], bytes]] = {
    "mulaw": g711.mulaw_encode,
    "alaw": g711.alaw_encode,
    "pcm16": _pcm_encode,
}


def decode(data: bytes, encoding: Encoding) -> Samples:
    """Bytes to int16 samples. Raises ValueError when pcm16 ends inside a sample."""
    if encoding == "pcm16" and len(data) % 2:
        raise ValueError(f"pcm16 of {len(data)} bytes ends inside a sample")
    return _DECODE[encoding](data)


def encode(samples: Samples, encoding: Encoding) -> bytes:
    """Int16 samples to bytes."""
    return _ENCODE[encoding](np.ascontiguousarray(samples, dtype=np.int16))


class Transcoder:
    """Turns a stream of `src` bytes into `dst` bytes; of one call and direction.

    Equal formats cost nothing: `feed` returns the very object it was given.
    """

    def __init__(self, src: Format, dst: Format) -> None:
        self.src = src
        self.dst = dst
        self._resampler = None if src.rate == dst.rate else Resampler(src.rate, dst.rate)
        self._carry = b""
        self._feed = self._choose()

    def feed(self, data: bytes) -> bytes:
        """What is ready after these bytes; may be empty."""
        return self._feed(data)

    def flush(self) -> bytes:
        """The rest at the end of the stream; half a sample that never got its other half is dropped."""
        self._carry = b""
        if self._resampler is None:
            return b""
        return encode(self._resampler.flush(), self.dst.encoding)

    def _choose(self) -> Callable[[bytes], bytes]:
        if self.src == self.dst:
            return lambda data: data
        if self._resampler is None and (self.src.encoding, self.dst.encoding) == ("mulaw", "alaw"):
            return g711.mulaw_to_alaw
        if self._resampler is None and (self.src.encoding, self.dst.encoding) == ("alaw", "mulaw"):
            return g711.alaw_to_mulaw
        return self._through_pcm

    def _through_pcm(self, data: bytes) -> bytes:
        samples = _DECODE[self.src.encoding](self._whole(data) if self.src.encoding == "pcm16" else data)
        if self._resampler is not None:
            samples = self._resampler.feed(samples)
        return _ENCODE[self.dst.encoding](samples)

    def _whole(self, data: bytes) -> bytes:
        if self._carry:
            data = self._carry + data
        end = len(data) & ~1
        self._carry = data[end:]
        return data[:end]
