"""What an operator can set; each field is an environment variable of the same name in capitals."""

from typing import Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from chassis.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Settings of the gateway."""

    host: str = "0.0.0.0"
    port: int = Field(8080, ge=0, le=65535)
    public_url: str = Field("", pattern=r"^(https?://[^/?#\s]+(/[^?#\s]*)?)?$")
    max_calls: int = Field(200, ge=1)

    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_shared_key: SecretStr = SecretStr("")
    twilio_signatures: bool = True
    twilio_base_url: str = ""
    twilio_lead_ms: int = Field(200, ge=20, le=5000)
    nonce_seconds: float = Field(60.0, gt=0)

    audiocodes_tokens: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("audiocodes_tokens", "audiocodes_token")
    )
    audiocodes_lead_ms: int = Field(100, ge=20, le=5000)

    reconnect_grace: float = Field(10.0, ge=0)
    status_wait: float = Field(3.0, ge=0)
    leave_wait: float = Field(5.0, ge=0)
    transfer_ring: int = Field(25, ge=5, le=600)
    transfer_wait: float = Field(30.0, ge=0)
    dead_peer_seconds: float = Field(10.0, gt=0)
    ping_seconds: float = Field(20.0, gt=0)
    handshake_seconds: float = Field(10.0, gt=0)
    max_unstarted: int = Field(256, ge=1)
    max_frame_bytes: int = Field(256 * 1024, ge=1024)

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.twilio_auth_token.get_secret_value() and not self.public_url:
            raise ValueError("PUBLIC_URL is needed with TWILIO_AUTH_TOKEN: signatures are made over the public URL")
        if not self.development and not self.twilio_signatures:
            raise ValueError("TWILIO_SIGNATURES may be false in development only")
        if not self.development and not self.twilio_auth_token.get_secret_value() and not self.bearer_tokens:
            raise ValueError("set TWILIO_AUTH_TOKEN or AUDIOCODES_TOKENS: outside development somebody must be checked")
        return self

    @property
    def signing_token(self) -> str:
        """What Twilio signs its requests with; empty where nobody is checked."""
        return self.twilio_auth_token.get_secret_value() if self.twilio_signatures else ""

    @property
    def serves_twilio(self) -> bool:
        """Whether Twilio is served: outside development only where its requests can be checked."""
        return self.development or bool(self.twilio_auth_token.get_secret_value())

    @property
    def serves_audiocodes(self) -> bool:
        """Whether AudioCodes is served: outside development only where its token can be checked."""
        return self.development or bool(self.bearer_tokens)

    @property
    def bearer_tokens(self) -> tuple[str, ...]:
        """The tokens AudioCodes may present; none means that everybody may connect."""
        tokens = self.audiocodes_tokens.get_secret_value().split(",")
        return tuple(token.strip() for token in tokens if token.strip())
