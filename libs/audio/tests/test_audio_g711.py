import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio import g711
from audio.formats import ALAW_8K, MULAW_8K, PCM16_16K, Format

# ITU-T G.711 tables 5 and 6: the character signals of a 1 kHz sine at a nominal 0 dBm0.
MULAW_1KHZ = bytes.fromhex("1e0b0b1e9e8b8b9e")
ALAW_1KHZ = bytes.fromhex("34212134b4a1a1b4")


def pcm(*values: int) -> g711.Samples:
    return np.array(values, dtype=np.int16)


def test_known_mulaw_codes() -> None:
    assert g711.mulaw_encode(pcm(0, -1, 32767, -32768, 4, -4, 1000, -1000)).hex() == "ff7f8000fe7fce4e"
    assert g711.mulaw_decode(bytes.fromhex("ff7f8000fe")).tolist() == [0, 0, 32124, -32124, 8]


def test_known_alaw_codes() -> None:
    assert g711.alaw_encode(pcm(0, -1, 32767, -32768, 16, 1000, -1000)).hex() == "d555aa2ad4fa7a"
    assert g711.alaw_decode(bytes.fromhex("d555aa2ad4")).tolist() == [8, -8, 32256, -32256, 24]


@pytest.mark.parametrize(
    ("decode", "encode", "code"),
    [
        (g711.mulaw_decode, g711.mulaw_encode, MULAW_1KHZ),
        (g711.alaw_decode, g711.alaw_encode, ALAW_1KHZ),
    ],
)
def test_the_digital_milliwatt(decode, encode, code) -> None:  # type: ignore[no-untyped-def]
    samples = decode(code)
    assert encode(samples) == code
    assert samples.astype(int).sum() == 0
    # 0 dBm0 lies 3.17 dB (mu-law) or 3.14 dB (A-law) below the largest sine.
    peak = np.sqrt(2 * np.mean(np.square(samples.astype(float))))
    assert 20 * np.log10(peak / 32768) == pytest.approx(-3.25, abs=0.15)


def test_every_code_comes_back() -> None:
    codes = bytes(range(256))
    assert g711.alaw_encode(g711.alaw_decode(codes)) == codes
    # Negative zero is the one mu-law code without a level of its own.
    assert g711.mulaw_encode(g711.mulaw_decode(codes)) == codes.replace(b"\x7f", b"\xff")


@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_the_error_is_within_half_a_step(values: list[int]) -> None:
    samples = pcm(*values)
    for encode, decode in ((g711.mulaw_encode, g711.mulaw_decode), (g711.alaw_encode, g711.alaw_decode)):
        error = np.abs(decode(encode(samples)).astype(int) - samples)
        assert np.all(error <= np.maximum(16, np.abs(samples.astype(int)) / 32 + 4))


@given(st.binary(max_size=60))
def test_from_law_to_law_is_the_way_through_linear(data: bytes) -> None:
    assert g711.mulaw_to_alaw(data) == g711.alaw_encode(g711.mulaw_decode(data))
    assert g711.alaw_to_mulaw(data) == g711.mulaw_encode(g711.alaw_decode(data))


def test_formats_count_bytes() -> None:
    assert (MULAW_8K.frame_bytes(20), PCM16_16K.frame_bytes(20)) == (160, 640)
    assert PCM16_16K.duration_ms(640) == 20
    assert np.abs(g711.mulaw_decode(MULAW_8K.silence(20))).max() == 0
    assert np.abs(g711.alaw_decode(ALAW_8K.silence(20))).max() == 8


@pytest.mark.parametrize(("encoding", "rate"), [("opus", 8000), ("pcm16", 0), ("pcm16", 22050)])
def test_impossible_formats_are_refused(encoding: str, rate: int) -> None:
    with pytest.raises(ValueError, match=r"encoding|rate"):
        Format(encoding, rate)  # type: ignore[arg-type]
