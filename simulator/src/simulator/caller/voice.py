"""A caller's mouth and ear: synthesis to telephone audio, recognition of it."""

import numpy as np

from audio.g711 import mulaw_decode, mulaw_encode
from audio.transcode import resample
from speech.stt import RATE, Hints, Recogniser
from speech.tts import Synthesiser

TELEPHONE_RATE = 8000


class Voice:
    """One person's. Engines are shared and not closed here."""

    def __init__(
        self,
        synthesiser: Synthesiser,
        recogniser: Recogniser,
        voice: str = "",
        hints: Hints | None = None,
        pitch: float = 1.0,
    ) -> None:
        """`voice`: one of the synthesiser's, empty = its default; `hints` for what is heard, of no single sentence.

        `pitch`: by how much this person's voice is higher (and faster) than the synthesiser's.
        """
        self._synthesiser = synthesiser
        self._recogniser = recogniser
        self._voice = voice
        self._hints = hints or Hints()
        self._rate = round(synthesiser.rate * pitch)

    async def speak(self, text: str) -> bytes:
        """The whole text as 8 kHz mu-law. Raises SynthesisError."""
        pieces = [np.asarray(samples) async for samples in self._synthesiser.stream(text, self._voice)]
        if not pieces:
            return b""
        return mulaw_encode(resample(np.concatenate(pieces), self._rate, TELEPHONE_RATE))

    async def hear(self, audio: bytes) -> str:
        """The words in 8 kHz mu-law; empty when there are none. Raises RecognitionError."""
        heard = await self._recogniser.transcribe(resample(mulaw_decode(audio), TELEPHONE_RATE, RATE), self._hints)
        return "" if heard.no_speech else heard.text.strip()
