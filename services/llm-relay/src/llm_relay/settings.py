"""What an operator can set."""

from collections.abc import Collection
from enum import StrEnum

from pydantic import Field, SecretStr, field_validator, model_validator

from chassis.settings import ServiceSettings
from speech.registry import RECOGNISERS, SYNTHESISERS


class BackendName(StrEnum):
    """Who holds the conversations."""

    AUTO = "auto"
    LOCAL = "local"
    OPENAI_REALTIME = "openai-realtime"


class TurnDetection(StrEnum):
    """How the Realtime API tells that the caller is done: by silence, or by what was said."""

    SERVER_VAD = "server_vad"
    SEMANTIC_VAD = "semantic_vad"


class RelaySettings(ServiceSettings):
    """Settings of llm-relay, each an environment variable of the same name in capitals."""

    relay_backend: BackendName = BackendName.AUTO
    relay_capacity: int = Field(100, ge=1)

    stt_engine: str = "whisper"
    stt_model: str = ""
    tts_engine: str = "hibari"
    tts_voice: str = ""
    speech_threads: int = Field(2, ge=1, le=64)
    # Milliseconds of speech that stop the agent.
    barge_in_ms: int = Field(240, ge=0, le=5000)

    openai_api_key: SecretStr = SecretStr("")
    openai_base_url: str = ""
    openai_websocket_base_url: str = ""
    openai_realtime_model: str = "gpt-realtime-2.1"
    openai_transcription_model: str = "gpt-transcribe"
    openai_voice: str = "marin"
    openai_turn_detection: TurnDetection = TurnDetection.SERVER_VAD

    @field_validator("stt_engine")
    @classmethod
    def _recognises(cls, value: str) -> str:
        return _one_of(value, RECOGNISERS)

    @field_validator("tts_engine")
    @classmethod
    def _synthesises(cls, value: str) -> str:
        return _one_of(value, SYNTHESISERS)

    @model_validator(mode="after")
    def _name_the_missing(self) -> "RelaySettings":
        if self.relay_backend is BackendName.OPENAI_REALTIME and not self.openai_api_key.get_secret_value():
            raise ValueError("RELAY_BACKEND=openai-realtime needs OPENAI_API_KEY")
        return self

    @property
    def backend(self) -> BackendName:
        """The backend meant: with `auto`, openai-realtime when there is a key, else local."""
        if self.relay_backend is not BackendName.AUTO:
            return self.relay_backend
        return BackendName.OPENAI_REALTIME if self.openai_api_key.get_secret_value() else BackendName.LOCAL


def _one_of(value: str, known: Collection[str]) -> str:
    if value not in known:
        raise ValueError(f"there is no {value!r}: there are {', '.join(sorted(known))}")
    return value
