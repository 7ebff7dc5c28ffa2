"""Settings of the notifier."""

from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, model_validator

from chassis.settings import ServiceSettings


class ProviderKind(StrEnum):
    """Who carries messages."""

    CONSOLE = "console"
    TWILIO = "twilio"


class NotifierSettings(ServiceSettings):
    """Read from environment variables of the same names in capitals; durations in seconds."""

    notifier_provider: ProviderKind = ProviderKind.CONSOLE
    public_url: str = ""
    twilio_base_url: str = ""
    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_api_key_sid: str = ""
    twilio_api_key_secret: SecretStr = SecretStr("")
    twilio_from_number: str = ""
    twilio_messaging_service_sid: str = ""
    twilio_timeout_seconds: float = Field(10.0, gt=0, le=10)
    ring_seconds: int = Field(30, ge=5, le=600)
    notifier_attempts: int = Field(6, ge=1, le=20)
    notifier_first_retry_seconds: float = Field(1.0, gt=0, le=30)
    notifier_longest_retry_seconds: float = Field(30.0, gt=0, le=45)
    notifier_settle_seconds: float = Field(3.0, ge=0, le=8)
    notifier_concurrency: int = Field(64, ge=1, le=1000)

    @model_validator(mode="after")
    def _twilio_is_complete(self) -> Self:
        if self.notifier_provider is not ProviderKind.TWILIO:
            return self
        key = bool(self.twilio_api_key_sid and self.twilio_api_key_secret.get_secret_value())
        needed = {
            "TWILIO_ACCOUNT_SID": self.twilio_account_sid,
            "TWILIO_AUTH_TOKEN (or TWILIO_API_KEY_SID with TWILIO_API_KEY_SECRET)": key
            or self.twilio_auth_token.get_secret_value(),
            "PUBLIC_URL": self.public_url,
        }
        missing = [name for name, value in needed.items() if not value]
        if missing:
            raise ValueError(f"the Twilio provider also needs {', '.join(missing)}")
        return self
