from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.formats import ALAW_8K, MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, Format
from audio.resample import Resampler, resample
from audio.transcode import Transcoder, decode, encode

FORMATS = [MULAW_8K, ALAW_8K, PCM16_8K, PCM16_16K, PCM16_24K]


def sine(rate: int, hz: float, ms: int = 1000) -> np.ndarray:
    return (12000 * np.sin(2 * np.pi * hz * np.arange(rate * ms // 1000) / rate)).astype(np.int16)


def feed_in_pieces(transcoder: Transcoder, data: bytes, cuts: list[int]) -> bytes:
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return b"".join(transcoder.feed(data[a:b]) for a, b in pairwise(bounds)) + transcoder.flush()


def test_equal_formats_cost_nothing() -> None:
    data = bytes(160)
    assert Transcoder(MULAW_8K, Format("mulaw", 8000)).feed(data) is data


@given(
    st.sampled_from(FORMATS), st.sampled_from(FORMATS), st.lists(st.integers(0, 400), max_size=6), st.integers(0, 300)
)
def test_pieces_give_what_the_whole_gives(src: Format, dst: Format, cuts: list[int], samples: int) -> None:
    data = encode(sine(src.rate, 440)[:samples], src.encoding)
    whole = Transcoder(src, dst)
    at_once = whole.feed(data) + whole.flush()
    assert feed_in_pieces(Transcoder(src, dst), data, cuts) == at_once
    assert len(at_once) // dst.sample_bytes == -(-samples * dst.rate // src.rate)


@pytest.mark.parametrize("src", FORMATS)
@pytest.mark.parametrize("dst", FORMATS)
def test_a_tone_stays_the_tone(src: Format, dst: Format) -> None:
    data = encode(sine(src.rate, 1000), src.encoding)
    heard = decode(feed_in_pieces(Transcoder(src, dst), data, list(range(0, len(data), 321))), dst.encoding)
    middle = slice(dst.rate // 10, -dst.rate // 10)
    error = heard[middle].astype(float) - sine(dst.rate, 1000)[middle]
    assert np.sqrt(np.mean(error**2)) < 300


@pytest.mark.parametrize(("src", "dst"), [(8000, 16000), (24000, 8000), (22050, 8000), (8000, 24000)])
def test_a_stream_holds_back_three_milliseconds(src: int, dst: int) -> None:
    resampler, size = Resampler(src, dst), src // 50
    given_ms = np.cumsum([len(resampler.feed(np.zeros(size, np.int16))) for _ in range(25)]) / dst * 1000
    assert np.all(np.arange(1, 26) * 20 - given_ms <= 3.1)


@pytest.mark.parametrize(("hz", "low_db", "high_db"), [(300, -0.2, 0.2), (3300, -0.3, 0.3), (4300, -200, -55)])
def test_the_telephone_band_passes_and_nothing_folds_into_it(hz: float, low_db: float, high_db: float) -> None:
    heard = Resampler(24000, 8000).feed(sine(24000, hz))[400:-400].astype(float)
    level = 20 * np.log10(np.sqrt(np.mean(heard**2)) / (12000 / np.sqrt(2)) + 1e-9)
    assert low_db <= level <= high_db


def test_a_flushed_resampler_is_as_new() -> None:
    resampler, tone = Resampler(8000, 16000), sine(8000, 500, 100)
    first = np.concatenate((resampler.feed(tone), resampler.flush()))
    assert np.array_equal(np.concatenate((resampler.feed(tone), resampler.flush())), first)


def test_a_whole_recording() -> None:
    assert len(resample(sine(8000, 440), 8000, 16000)) == 16000
    assert len(resample(np.empty(0, np.int16), 8000, 16000)) == 0


def test_half_a_sample_is_refused_whole_and_carried_in_a_stream() -> None:
    with pytest.raises(ValueError, match="inside a sample"):
        decode(b"\x00", "pcm16")
    stream = Transcoder(PCM16_8K, MULAW_8K)
    assert (stream.feed(b"\x00"), stream.feed(b"\x00")) == (b"", b"\xff")
