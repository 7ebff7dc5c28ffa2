from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio import g711, levels, wav
from audio.dtmf import TONES, Detector, generate

ALL_KEYS = "".join(TONES)


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_every_key_is_found_once(rate: int) -> None:
    assert "".join(Detector(rate).feed(generate(ALL_KEYS, rate))) == ALL_KEYS


@given(st.text("0123456789*#ABCD", max_size=8), st.lists(st.integers(1, 3000), max_size=8))
def test_keys_survive_g711_noise_and_any_cut(keys: str, cuts: list[int]) -> None:
    samples = g711.mulaw_decode(g711.mulaw_encode(generate(keys, 8000, tone_ms=60, gap_ms=50, level_dbfs=-20)))
    noisy = samples + np.random.default_rng(0).normal(0, 60, len(samples)).astype(np.int16)
    detector, found, at = Detector(8000), "", 0
    for cut in [*cuts, len(noisy)]:
        found += "".join(detector.feed(noisy[at : at + cut]))
        at += cut
    found += "".join(detector.feed(noisy[at:]))
    assert found == keys


def test_a_held_key_is_one_press_and_a_repeated_one_is_two() -> None:
    assert Detector(8000).feed(generate("5", 8000, tone_ms=900)) == ["5"]
    assert Detector(8000).feed(generate("55", 8000)) == ["5", "5"]


def test_what_is_no_key() -> None:
    time = np.arange(16000) / 8000
    one_tone = (8000 * np.sin(2 * np.pi * 697 * time)).astype(np.int16)
    noise = np.random.default_rng(1).normal(0, 6000, 16000).astype(np.int16)
    dial_tone = (6000 * (np.sin(2 * np.pi * 350 * time) + np.sin(2 * np.pi * 440 * time))).astype(np.int16)
    for samples in (one_tone, noise, dial_tone, np.zeros(16000, np.int16)):
        assert Detector(8000).feed(samples) == []


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="no such key"):
        generate("X", 8000)


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
