"""G.711 mu-law and A-law by table.

Bit exact to the reference of ITU-T G.191 (Software Tools Library, `g711.c`), which works on 16-bit samples and takes
the ones' complement of negative ones before it looks for the segment. So -1 becomes mu-law negative zero (0x7F), where
the widespread Sun code gives 0x7E.
"""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

_MULAW_BIAS = 33
_MULAW_MAX = 0x1FFF
_ALAW_EVEN_BITS = 0x55


def _mulaw_code(sample: int) -> int:
    magnitude = min(((~sample if sample < 0 else sample) >> 2) + _MULAW_BIAS, _MULAW_MAX)
    segment = (magnitude >> 6).bit_length() + 1
    code = ((8 - segment) << 4) | (15 - ((magnitude >> segment) & 15))
    return code if sample < 0 else code | 0x80


def _mulaw_level(code: int) -> int:
    inverted = ~code
    exponent, mantissa = (inverted >> 4) & 7, inverted & 15
    step = 8 << exponent
    level = (0x80 << exponent) + step * mantissa + step // 2 - 4 * _MULAW_BIAS
    return level if code & 0x80 else -level


def _alaw_code(sample: int) -> int:
    magnitude = (~sample if sample < 0 else sample) >> 4
    if magnitude > 15:
        exponent = magnitude.bit_length() - 4
        magnitude = (magnitude >> (exponent - 1)) - 16 + (exponent << 4)
    return (magnitude if sample < 0 else magnitude | 0x80) ^ _ALAW_EVEN_BITS


def _alaw_level(code: int) -> int:
    bits = (code ^ _ALAW_EVEN_BITS) & 0x7F
    exponent, mantissa = bits >> 4, bits & 15
    level = ((mantissa + (16 if exponent else 0)) << 4) + 8
    level <<= max(exponent - 1, 0)
    return level if code & 0x80 else -level


def _signed(index: int) -> int:
    return index - 0x10000 if index & 0x8000 else index


# Encoding tables are indexed by the sample's bits read as unsigned.
_MULAW_ENCODE = np.array([_mulaw_code(_signed(index)) for index in range(0x10000)], dtype=np.uint8)
_ALAW_ENCODE = np.array([_alaw_code(_signed(index)) for index in range(0x10000)], dtype=np.uint8)
_MULAW_DECODE = np.array([_mulaw_level(code) for code in range(256)], dtype=np.int16)
_ALAW_DECODE = np.array([_alaw_level(code) for code in range(256)], dtype=np.int16)
_MULAW_TO_ALAW = _ALAW_ENCODE[_MULAW_DECODE.view(np.uint16)].tobytes()
_ALAW_TO_MULAW = _MULAW_ENCODE[_ALAW_DECODE.view(np.uint16)].tobytes()


def mulaw_encode(samples: Samples) -> bytes:
    """One byte for each int16 sample."""
    return _MULAW_ENCODE[samples.view(np.uint16)].tobytes()


def mulaw_decode(data: bytes) -> Samples:
    """One int16 sample for each byte; largest magnitude 32124."""
    return _MULAW_DECODE[np.frombuffer(data, dtype=np.uint8)]


def alaw_encode(samples: Samples) -> bytes:
    """One byte for each int16 sample."""
    return _ALAW_ENCODE[samples.view(np.uint16)].tobytes()


def alaw_decode(data: bytes) -> Samples:
    """One int16 sample for each byte; largest magnitude 32256."""
    return _ALAW_DECODE[np.frombuffer(data, dtype=np.uint8)]


def mulaw_to_alaw(data: bytes) -> bytes:
    """Each byte through linear and back, as G.191 would."""
    return data.translate(_MULAW_TO_ALAW)


def alaw_to_mulaw(data: bytes) -> bytes:
    """Each byte through linear and back, as G.191 would."""
    return data.translate(_ALAW_TO_MULAW)
