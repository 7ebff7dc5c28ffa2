"""Who the application is at Twilio, what it has configured for its numbers, and identifiers as Twilio makes them."""

import secrets
from dataclasses import dataclass, field

from twilio.request_validator import RequestValidator

DEFAULT_ACCOUNT_SID = "AC" + "0" * 31 + "1"


def new_sid(prefix: str) -> str:
    """A fresh identifier: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Account:
    """One account. Without an auth token nothing is signed and REST takes any credentials."""

    sid: str = DEFAULT_ACCOUNT_SID
    auth_token: str = ""
    # API key SID -> secret: accepted on REST beside the account's own pair.
    api_keys: dict[str, str] = field(default_factory=dict)

    def admits(self, user: str, password: str) -> bool:
        """Whether basic authentication passes."""
        if not self.auth_token:
            return True
        known = {self.sid: self.auth_token, **self.api_keys}
        return secrets.compare_digest(known.get(user, "").encode(), password.encode()) and user in known

    def signature(self, url: str, parameters: dict[str, str]) -> dict[str, str]:
        """The header that signs a webhook request; empty without an auth token."""
        if not self.auth_token:
            return {}
        signed: str = RequestValidator(self.auth_token).compute_signature(url, parameters)
        return {"X-Twilio-Signature": signed}


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number of the application and its webhooks; an empty URL is one that was not configured."""

    number: str
    voice_url: str = ""
    voice_method: str = "POST"
    status_callback: str = ""
    sms_url: str = ""

    @staticmethod
    def of_gateway(number: str, base_url: str) -> "Number":
        """A number that points at an OpusAgent gateway (`http://host:port`)."""
        base = base_url.rstrip("/")
        return Number(number, f"{base}/twilio/voice", "POST", f"{base}/twilio/status", f"{base}/twilio/sms")
