"""PocketSphinx: small, quick, and only as good as the list of answers it is given.

With expected phrases it can only choose among them (a JSGF grammar), so it suits closed questions; without, it takes
dictation, of which about half the words are wrong over a telephone (see the package's README). An operator's choice for
machines without AVX or for words of his own, never the default.
"""

import threading
from typing import TYPE_CHECKING

from speech.expectation import expected, words
from speech.stt import NO_HINTS, NOTHING, RATE, Hints, Recogniser, RecognitionError, Samples, Transcript
from speech.workers import Priority, Workers

if TYPE_CHECKING:
    from pocketsphinx import Decoder

_SHORTEST_S = 0.1
_DICTATION = "_default"
_GRAMMAR = "answer"


class SphinxRecogniser(Recogniser):
    """US English with the model that lies in the package. One decoder: utterances of all calls wait for each other."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._decoder: Decoder | None = None

    async def transcribe(self, audio: Samples, hints: Hints = NO_HINTS) -> Transcript:
        """One of the expected phrases, or dictation where none is expected."""
        return await self._workers.run(Priority.RECOGNITION, self._transcribe, audio, hints)

    async def warm_up(self) -> None:
        """Load the model."""
        await self._workers.run(Priority.LOADING, self._loaded)

    async def close(self) -> None:
        """The model goes with the last reference to it; the workers belong to whoever made them."""

    def _loaded(self) -> "Decoder":
        with self._lock:
            if self._decoder is None:
                from pocketsphinx import Decoder

                self._decoder = Decoder(samprate=RATE, loglevel="FATAL")
            return self._decoder

    def _transcribe(self, audio: Samples, hints: Hints) -> Transcript:
        if len(audio) < _SHORTEST_S * RATE:
            return NOTHING
        decoder = self._loaded()
        with self._lock:
            try:
                return _decode(decoder, audio, hints)
            except RuntimeError as error:
                raise RecognitionError(f"pocketsphinx failed: {error}") from error


def _decode(decoder: "Decoder", audio: Samples, hints: Hints) -> Transcript:
    grammar = _grammar(decoder, hints)
    if grammar:
        decoder.add_jsgf_string(_GRAMMAR, grammar)
    decoder.activate_search(_GRAMMAR if grammar else _DICTATION)
    decoder.start_utt()
    decoder.process_raw(audio.tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    if found is None or not found.hypstr.strip():
        return NOTHING
    return Transcript(found.hypstr, min(1.0, max(0.0, float(decoder.get_logmath().exp(found.prob)))))


def _grammar(decoder: "Decoder", hints: Hints) -> str:
    """Each expected phrase whose words the dictionary knows; empty when there is none."""
    if not hints.phrases and hints.kind != "yes_no":
        return ""
    spoken = [words(phrase) for phrase in expected(hints.kind, hints.phrases)]
    known = [" ".join(phrase) for phrase in spoken if all(decoder.lookup_word(word) for word in phrase)]
    return f"#JSGF V1.0; grammar answer; public <answer> = ( {' | '.join(known)} ) [ please ];" if known else ""
