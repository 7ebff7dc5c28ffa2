"""What mono audio is made of: encoding and sample rate, and the arithmetic between bytes and milliseconds."""

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["mulaw", "alaw", "pcm16"]

# The byte of each encoding that decodes to the smallest positive level (G.711 has no exact middle; A-law idles at +8).
_SILENCE: dict[Encoding, bytes] = {"mulaw": b"\xff", "alaw": b"\xd5", "pcm16": b"\x00"}


@dataclass(frozen=True, slots=True)
class Format:
    """Mono audio: G.711 has one byte a sample, `pcm16` is signed 16-bit little-endian."""

    encoding: Encoding
    rate: int

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown encoding or a rate that is not a whole number of samples per millisecond."""
        if self.encoding not in _SILENCE:
            raise ValueError(f"unknown encoding {self.encoding!r}: one of {', '.join(_SILENCE)}")
        if self.rate <= 0 or self.rate % 1000:
            raise ValueError(f"sample rate must be a positive multiple of 1000 Hz, not {self.rate}")

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return 2 if self.encoding == "pcm16" else 1

    @property
    def bytes_per_ms(self) -> int:
        """Bytes of one millisecond."""
        return self.rate // 1000 * self.sample_bytes

    def frame_bytes(self, ms: int) -> int:
        """Bytes of `ms` milliseconds."""
        return self.bytes_per_ms * ms

    def duration_ms(self, size: int) -> float:
        """Milliseconds that `size` bytes last."""
        return size / self.bytes_per_ms

    def silence(self, ms: int) -> bytes:
        """Digital silence of `ms` milliseconds."""
        return _SILENCE[self.encoding] * self.frame_bytes(ms)

    @property
    def silence_byte(self) -> bytes:
        """The one byte that repeated makes silence."""
        return _SILENCE[self.encoding]


MULAW_8K = Format("mulaw", 8000)
ALAW_8K = Format("alaw", 8000)
PCM16_8K = Format("pcm16", 8000)
PCM16_16K = Format("pcm16", 16000)
PCM16_24K = Format("pcm16", 24000)
