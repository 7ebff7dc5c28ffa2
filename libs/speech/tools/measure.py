"""What the recognisers make of a caller who books an appointment, over a telephone line.

    python libs/speech/tools/measure.py [--engine whisper] [--model tiny.en] [--no-hints] [--show]

Both voices say every sentence of `corpus.py`; it goes through 8 kHz mu-law, clean and with noise 15 and 8 dB below the
speech. Printed are word errors, the wall and the processor time of one utterance, and what is made of noise alone.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from corpus import CASES, Case
from scoring import word_errors

from audio import g711
from audio.transcode import resample
from speech.registry import recogniser, synthesiser
from speech.stt import NO_HINTS, RATE, Hints, Recogniser, Samples
from speech.tts import Synthesiser
from speech.workers import Workers

CONDITIONS: dict[str, float | None] = {"clean": None, "15 dB": 15.0, "8 dB": 8.0}
_SPEECH_RMS = 2600.0


@dataclass
class Tally:
    """Of one voice in one condition."""

    errors: int = 0
    words: int = 0
    wall_ms: list[float] = field(default_factory=list)
    processor_ms: list[float] = field(default_factory=list)


def telephone(samples: Samples, rate: int, snr_db: float | None, rng: np.random.Generator) -> Samples:
    """What arrives at the recogniser: levelled, silence around it, noise added, mu-law, 16 kHz."""
    line = resample(samples, rate, 8000).astype(np.float64)
    line *= _SPEECH_RMS / np.sqrt(np.mean(line[np.abs(line) > 300] ** 2))
    line = np.concatenate((np.zeros(2400), line, np.zeros(2400)))
    if snr_db is not None:
        noise = np.convolve(rng.standard_normal(len(line)), (1, 0.9, 0.7, 0.5, 0.3, 0.2), "same")
        line += noise * (_SPEECH_RMS / 10 ** (snr_db / 20) / noise.std())
    heard = g711.mulaw_decode(g711.mulaw_encode(np.clip(line, -32000, 32000).astype(np.int16)))
    return resample(heard, 8000, RATE)


async def clips(voice: Synthesiser) -> list[tuple[str, Case, Samples]]:
    """Every sentence in every condition."""
    rng = np.random.default_rng(7)
    made: list[tuple[str, Case, Samples]] = []
    for case in CASES:
        spoken = np.concatenate([piece async for piece in voice.stream(case.text)])
        made += [(name, case, telephone(spoken, voice.rate, snr, rng)) for name, snr in CONDITIONS.items()]
    return made


async def measure(ear: Recogniser, name: str, voice: Synthesiser, options: argparse.Namespace) -> None:
    """One voice; prints a row for each condition."""
    tallies = {condition: Tally() for condition in CONDITIONS}
    for condition, case, audio in await clips(voice):
        wall, processor = time.perf_counter(), time.process_time()
        result = await ear.transcribe(audio, NO_HINTS if options.no_hints else case.hints)
        tally = tallies[condition]
        tally.wall_ms.append((time.perf_counter() - wall) * 1000)
        tally.processor_ms.append((time.process_time() - processor) * 1000)
        errors, words = word_errors(case.text, result.text)
        tally.errors += errors
        tally.words += words
        if errors and options.show:
            print(f"    {name} {condition}: {case.text!r} -> {result.text!r} {result.alternatives}")
    for condition, tally in tallies.items():
        share = 100 * tally.errors / tally.words
        wall_50, wall_95 = np.percentile(tally.wall_ms, (50, 95))
        processor_50, processor_95 = np.percentile(tally.processor_ms, (50, 95))
        print(
            f"| {name} | {condition} | {share:.1f} % | {wall_50:.0f} / {wall_95:.0f} |"
            f" {processor_50:.0f} / {processor_95:.0f} |",
            flush=True,
        )


def noises() -> Iterator[tuple[str, Samples]]:
    """Two seconds each of what a telephone carries when nobody speaks."""
    rng, count = np.random.default_rng(3), 2 * RATE
    time_s = np.arange(count) / RATE
    yield "hiss", (rng.standard_normal(count) * 1500).astype(np.int16)
    yield "faint hiss", (rng.standard_normal(count) * 100).astype(np.int16)
    yield "rumble", np.clip(np.cumsum(rng.standard_normal(count)) * 30, -30000, 30000).astype(np.int16)
    yield "tone", (8000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)
    yield "clicks", np.where(np.arange(count) % 4000 < 30, 9000, 0).astype(np.int16)
    yield "breath", (rng.standard_normal(count) * 900 * np.hanning(count)).astype(np.int16)


async def main(options: argparse.Namespace) -> None:
    """All voices, then noise."""
    workers = Workers()
    ear = recogniser(options.engine, workers=workers, **({"model": options.model} if options.model else {}))
    await ear.warm_up()
    print("| voice | line | word errors | wall ms p50 / p95 | processor ms p50 / p95 |\n|---|---|---|---|---|")
    for name, engine in (("heart", "hibari"), ("joe", "piper")):
        await measure(ear, name, synthesiser(engine, workers=workers), options)
    for name, noise in noises():
        results = [await ear.transcribe(noise, hints) for hints in (NO_HINTS, Hints("yes_no", ("yes", "no")))]
        print(f"{name}: {[result.text or 'nothing' for result in results]}")
    workers.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", default="whisper")
    parser.add_argument("--model", default="")
    parser.add_argument("--no-hints", action="store_true")
    parser.add_argument("--show", action="store_true", help="print what was misheard")
    asyncio.run(main(parser.parse_args()))
