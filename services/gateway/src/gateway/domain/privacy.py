"""The caller in private: what others than the engine get in place of his voice."""

from audio.formats import Format


class Veil:
    """Silence as long as what it hides, in one call's format, while it is `on`."""

    def __init__(self, format: Format, on: bool = False) -> None:
        self.on = on
        self._byte = format.silence_byte
        self._silence = b""

    def cover(self, audio: bytes) -> bytes:
        """Return silence of the same length."""
        if len(self._silence) != len(audio):
            self._silence = self._byte * len(audio)
        return self._silence
