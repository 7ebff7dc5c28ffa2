from pathlib import Path

import numpy as np
import pytest

from audio import levels, wav


def test_levels() -> None:
    tone = (16384 * np.sin(2 * np.pi * 400 * np.arange(8000) / 8000)).astype(np.int16)
    assert levels.rms_dbfs(tone) == pytest.approx(-9.03, abs=0.05)
    assert levels.peak_dbfs(tone) == pytest.approx(-6.02, abs=0.05)
    assert levels.clipped_share(tone) == 0
    assert levels.clipped_share(np.full(10, -32768, np.int16)) == 1
    empty = np.empty(0, np.int16)
    assert levels.measure(empty, 8000) == levels.Quality(-96, -96, 0, 0)


def test_speech_with_pauses_stands_out_from_its_noise() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 100, 8000)
    talk = noise + np.where(np.arange(8000) % 2000 < 1000, 5000, 0) * np.sin(np.arange(8000))
    assert levels.snr_db(talk.astype(np.int16), 8000) > 25
    assert levels.snr_db(noise.astype(np.int16), 8000) < 5


def test_wav_files_come_back(tmp_path: Path) -> None:
    samples = np.arange(-500, 500).astype(np.int16)
    wav.write(tmp_path / "a.wav", samples, 8000)
    back, rate = wav.read(tmp_path / "a.wav")
    assert rate == 8000
    assert np.array_equal(back, samples)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wav file at all", b"RIFF\x00\x00\x00\x00WAVEfmt "])
def test_what_is_no_wav_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(wav.WavError, match=r"bad\.wav"):
        wav.read(path)
