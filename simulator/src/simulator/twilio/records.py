"""Calls and messages as Twilio's REST resources."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

API_VERSION = "2010-04-01"

Json = dict[str, Any]


def rfc2822(moment: datetime | None) -> str | None:
    """A date as REST resources carry it."""
    return format_datetime(moment) if moment else None


def utc_now() -> datetime:
    """The wall clock; what resources are dated with."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(slots=True)
class CallRecord:
    """One call. `status`: queued, initiated, ringing, in-progress, completed, busy, failed, no-answer, canceled."""

    sid: str
    account_sid: str
    from_number: str
    to_number: str
    # "inbound", "outbound-api" or "outbound-dial".
    direction: str
    status: str = "queued"
    duration_s: int | None = None
    created: datetime = field(default_factory=utc_now)
    started: datetime | None = None
    ended: datetime | None = None
    # The call for whose sake this one was made.
    parent_sid: str = ""

    FINAL = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})

    @property
    def over(self) -> bool:
        """Whether the status is final."""
        return self.status in self.FINAL

    def fields(self) -> dict[str, str]:
        """The form fields that every webhook about the call carries."""
        parent = {"ParentCallSid": self.parent_sid} if self.parent_sid else {}
        return parent | {
            "CallSid": self.sid,
            "AccountSid": self.account_sid,
            "From": self.from_number,
            "To": self.to_number,
            "Caller": self.from_number,
            "Called": self.to_number,
            "CallStatus": self.status,
            "ApiVersion": API_VERSION,
            "Direction": self.direction,
            "FromCountry": "US",
            "ToCountry": "US",
        }

    def resource(self) -> Json:
        """The REST representation."""
        uri = f"/{API_VERSION}/Accounts/{self.account_sid}/Calls/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "api_version": API_VERSION,
            "from": self.from_number,
            "from_formatted": self.from_number,
            "to": self.to_number,
            "to_formatted": self.to_number,
            "direction": self.direction,
            "status": self.status,
            "duration": None if self.duration_s is None else str(self.duration_s),
            "start_time": rfc2822(self.started),
            "end_time": rfc2822(self.ended),
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.ended or self.started or self.created),
            "price": None,
            "price_unit": "USD",
            "answered_by": None,
            "parent_call_sid": self.parent_sid or None,
            "uri": f"{uri}.json",
            "subresource_uris": {"streams": f"{uri}/Streams.json"},
        }


@dataclass(slots=True)
class MessageRecord:
    """One SMS. `direction`: outbound-api, outbound-reply or inbound."""

    sid: str
    account_sid: str
    from_number: str
    to_number: str
    body: str
    direction: str
    status: str = "queued"
    status_callback: str = ""
    messaging_service_sid: str | None = None
    error_code: int | None = None
    error_message: str | None = None
    created: datetime = field(default_factory=utc_now)
    sent: datetime | None = None

    @property
    def segments(self) -> int:
        """Parts of the message, counted as for the GSM alphabet or UCS-2."""
        single, part = (160, 153) if self.body.isascii() else (70, 67)
        return 1 if len(self.body) <= single else -(-len(self.body) // part)

    def fields(self) -> dict[str, str]:
        """The form fields of a status callback."""
        fields = {
            "MessageSid": self.sid,
            "SmsSid": self.sid,
            "MessageStatus": self.status,
            "SmsStatus": self.status,
            "To": self.to_number,
            "From": self.from_number,
            "AccountSid": self.account_sid,
            "ApiVersion": API_VERSION,
        }
        return fields | ({"ErrorCode": str(self.error_code)} if self.error_code else {})

    def resource(self) -> Json:
        """The REST representation."""
        uri = f"/{API_VERSION}/Accounts/{self.account_sid}/Messages/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "messaging_service_sid": self.messaging_service_sid,
            "api_version": API_VERSION,
            "from": self.from_number,
            "to": self.to_number,
            "body": self.body,
            "direction": self.direction,
            "status": self.status,
            "num_segments": "0" if self.messaging_service_sid and self.status == "accepted" else str(self.segments),
            "num_media": "0",
            "error_code": self.error_code,
            "error_message": self.error_message,
            "price": None,
            "price_unit": None,
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.sent or self.created),
            "date_sent": rfc2822(self.sent),
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }
