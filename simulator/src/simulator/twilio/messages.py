"""SMS in the network: checked, delivered, reported; opt-outs are kept and enforced as Twilio does by default."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime

from chassis.logging import get_logger
from simulator.clock import Clock
from simulator.twilio import twiml
from simulator.twilio.account import Account, Number, new_sid
from simulator.twilio.errors import RestError
from simulator.twilio.handset import Handset
from simulator.twilio.records import MessageRecord, utc_now
from simulator.twilio.twiml import TwimlError
from simulator.twilio.webhooks import Answer, WebhookError, Webhooks

log = get_logger("simulator.twilio")

MAX_BODY = 1600
# Between the statuses of one message; carriers take seconds.
STATUS_STEP_S = 0.2
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})


class Messages:
    """All messages of a network and the text side of its handsets."""

    def __init__(
        self,
        account: Account,
        webhooks: Webhooks,
        clock: Clock,
        numbers: dict[str, Number],
        handset: Callable[[str], Handset | None],
    ) -> None:
        """`handset(number)`: the telephone with this number, or None."""
        self._account = account
        self._webhooks = webhooks
        self._clock = clock
        self._numbers = numbers
        self._handset = handset
        self.records: dict[str, MessageRecord] = {}
        self.opted_out: set[tuple[str, str]] = set()
        # Statuses after "queued" of the next messages; tests shuffle them.
        self.status_path: tuple[str, ...] = ("sending", "sent", "delivered")
        self.warnings: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def to(self, number: str) -> list[MessageRecord]:
        """Messages of the application to this number that left (not failed), oldest first."""
        sent = (record for record in self.records.values() if record.direction != "inbound")
        return [record for record in sent if record.to_number == number and record.status != "failed"]

    def create(self, form: dict[str, str]) -> MessageRecord:
        """A REST request to send; delivery goes on in the background. Raises RestError as Twilio does."""
        to, body = form.get("To", ""), form.get("Body", "")
        service = form.get("MessagingServiceSid")
        sender = form.get("From") or (next(iter(self._numbers), "") if service else "")
        self._check(to, sender, body)
        status = "accepted" if service else "queued"
        record = MessageRecord(new_sid("SM"), self._account.sid, sender, to, body, "outbound-api", status)
        record.messaging_service_sid = service
        record.status_callback = form.get("StatusCallback", "")
        self.records[record.sid] = record
        self._spawn(self._deliver(record))
        return record

    def find(self, form: dict[str, str]) -> Iterator[MessageRecord]:
        """Those that a list request's filters let through, newest first."""
        for record in reversed(self.records.values()):
            matches = form.get("To", record.to_number) == record.to_number
            if matches and form.get("From", record.from_number) == record.from_number and _dated(record, form):
                yield record

    async def receive(self, sender: str, to: str, body: str) -> MessageRecord:
        """A subscriber texts the application; returns when the webhook has been answered."""
        record = MessageRecord(new_sid("SM"), self._account.sid, sender, to, body, "inbound", "received")
        record.sent = utc_now()
        self.records[record.sid] = record
        word = body.strip().upper()
        if word in STOP_WORDS:
            self.opted_out.add((to, sender))
        elif word in START_WORDS:
            self.opted_out.discard((to, sender))
        number = self._numbers.get(to)
        if number is None or not number.sms_url:
            return record
        try:
            await self._reply(record, await self._webhooks.request(number.sms_url, _incoming(record)))
        except WebhookError as error:
            self._warn(error.code, str(error))
        return record

    async def close(self) -> None:
        """Stop deliveries."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _check(self, to: str, sender: str, body: str) -> None:
        if not to:
            raise RestError(400, 21604, "A 'To' phone number is required.")
        if not to.startswith("+") or not to[1:].isdigit() or not 7 <= len(to) - 1 <= 15:
            raise RestError(400, 21211, "Invalid 'To' Phone Number")
        if not sender:
            raise RestError(400, 21603, "A 'From' phone number is required.")
        if not body:
            raise RestError(400, 21602, "Message body is required.")
        if len(body) > MAX_BODY:
            raise RestError(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
        if self._numbers and sender not in self._numbers:
            raise RestError(
                400, 21606, f"The 'From' phone number {sender} is not an SMS-capable number of the account."
            )
        if (sender, to) in self.opted_out:
            raise RestError(400, 21610, "Attempt to send to unsubscribed recipient")

    async def _deliver(self, record: MessageRecord) -> None:
        for status in self.status_path:
            await self._clock.sleep(STATUS_STEP_S)
            record.status = status
            if status == "sent":
                record.sent = utc_now()
            handset = self._handset(record.to_number)
            if status == "delivered" and handset is not None:
                await handset.deliver(record)
            if record.status_callback:
                await self._report(record)

    async def _report(self, record: MessageRecord) -> None:
        try:
            await self._webhooks.request(record.status_callback, record.fields())
        except WebhookError as error:
            self._warn(error.code, str(error))

    async def _reply(self, received: MessageRecord, answer: Answer) -> None:
        """What the webhook's answer says back: `<Message>` verbs, or plain text."""
        if answer.content_type.startswith("text/plain"):
            texts = [answer.body.decode().strip()]
        else:
            try:
                verbs = twiml.parse(answer.body) if answer.body.strip() else []
            except TwimlError as error:
                self._warn("12100", str(error))
                return
            bodies = ((verb.noun("Body") or verb).text for verb in verbs if verb.name == "Message")
            texts = list(bodies)
        for text in filter(None, texts):
            reply = MessageRecord(
                new_sid("SM"), self._account.sid, received.to_number, received.from_number, text, "outbound-reply"
            )
            self.records[reply.sid] = reply
            self._spawn(self._deliver(reply))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name="sms")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _warn(self, code: str, text: str) -> None:
        self.warnings.append(f"{code}: {text}")
        log.warning("webhook failed", code=code)


def _incoming(record: MessageRecord) -> dict[str, str]:
    return {
        "MessageSid": record.sid,
        "SmsSid": record.sid,
        "SmsMessageSid": record.sid,
        "AccountSid": record.account_sid,
        "From": record.from_number,
        "To": record.to_number,
        "Body": record.body,
        "NumMedia": "0",
        "NumSegments": str(record.segments),
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
        "FromCountry": "US",
        "ToCountry": "US",
    }


def _dated(record: MessageRecord, form: dict[str, str]) -> bool:
    """Whether the record's date passes DateSent, DateSent> and DateSent< (compared as dates or moments, as given)."""
    moment = record.sent or record.created
    bounds = {name: _moment(form[name]) for name in ("DateSent", "DateSent>", "DateSent<") if name in form}
    if "DateSent" in bounds and bounds["DateSent"].date() != moment.date():
        return False
    return bounds.get("DateSent>", moment) <= moment <= bounds.get("DateSent<", moment)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
