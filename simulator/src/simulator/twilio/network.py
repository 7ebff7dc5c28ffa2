"""The telephone network with Twilio in it: subscribers' handsets on one side, the application's numbers on the other.

Legs live here, apart from their sockets. The application sees webhooks, Media Streams and the REST API on `url`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from chassis.http import HttpServer
from chassis.logging import get_logger
from simulator.clock import Clock, RealClock
from simulator.line import Line
from simulator.twilio.account import Account, Number, new_sid
from simulator.twilio.dialing import dial
from simulator.twilio.errors import RestError
from simulator.twilio.faults import Faults
from simulator.twilio.handset import Handset
from simulator.twilio.leg import TwilioLeg
from simulator.twilio.messages import Messages
from simulator.twilio.records import CallRecord
from simulator.twilio.rest import build_app
from simulator.twilio.script import Dialed, Dialing, Platform, Source
from simulator.twilio.webhooks import Webhooks

log = get_logger("simulator.twilio")

MAX_TWIML = 4000
DEFAULT_RING_S = 60.0


class PhoneNetwork:
    """One account's view of the telephone world. `start` opens the REST API; calls work without it, too."""

    def __init__(
        self,
        account: Account | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        *,
        next_verb_after_loss: bool = True,
        plain_websockets: bool = False,
    ) -> None:
        """Port 0 lets the system choose; for the flags see `Platform`."""
        self.account = account or Account()
        self.clock = clock or RealClock()
        self.numbers: dict[str, Number] = {}
        self.legs: dict[str, TwilioLeg] = {}
        self.handsets: dict[str, Handset] = {}
        self.message_faults = Faults()
        self.call_faults = Faults()
        self.webhooks = Webhooks(self.account)
        self.messages = Messages(self.account, self.webhooks, self.clock, self.numbers, self.handsets.get)
        self.closing = asyncio.Event()
        self._platform = Platform(
            self.account,
            self.webhooks,
            self.clock,
            next_verb_after_loss,
            plain_websockets,
            dial=self.reach,
            speak=self._speak,
            owns=self.numbers.__contains__,
        )
        self._server = HttpServer(build_app(self), host, port)
        self._host = host
        self._rings: set[asyncio.Task[None]] = set()
        # How `<Say>` sounds: 8 kHz mu-law of a text. None: nobody speaks it, it only takes its time.
        self.narrator: Callable[[str], Awaitable[bytes]] | None = None
        # Called with each message and each outbound call as they come; for a live timeline.
        self.on_outbound_call: Callable[[TwilioLeg], None] | None = None

    async def start(self) -> None:
        """Open the REST API. Raises OSError when the address cannot be had."""
        await self._server.start()

    @property
    def url(self) -> str:
        """Base URL of the REST API, to be used in place of https://api.twilio.com."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "::") else self._host
        return f"http://{host}:{self._server.port}"

    @property
    def warnings(self) -> list[str]:
        """What the application did against the protocol, over all legs and messages."""
        return [warning for leg in self.legs.values() for warning in leg.warnings] + self.messages.warnings

    async def stop(self) -> None:
        """End every leg and close the API."""
        self.closing.set()
        for task in list(self._rings):
            task.cancel()
        live = [leg for leg in self.legs.values() if not leg.ended.done()]
        await asyncio.gather(*(leg.platform_drop() for leg in live))
        await self.messages.close()
        await self._server.stop()
        await self.webhooks.close()

    def add_number(self, number: Number) -> None:
        """Give the application a number, or change its webhooks."""
        self.numbers[number.number] = number

    def handset(self, number: str) -> Handset:
        """The telephone with this number; it comes into being the first time."""
        return self.handsets.setdefault(number, Handset(number, self))

    def place_call(self, caller: str, to: str) -> TwilioLeg:
        """An inbound call to one of the application's numbers; `leg.dial()` starts it. KeyError: no such number."""
        number = self.numbers[to]
        call = CallRecord(new_sid("CA"), self.account.sid, caller, to, "inbound")
        source = Source(number.voice_url, number.voice_method)
        leg = TwilioLeg(call, self._platform, source, status_callback=number.status_callback)
        self.legs[call.sid] = leg
        return leg

    async def reach(self, wanted: Dialing, line: Line) -> Dialed:
        """Ring a handset for the caller on `line`; returns when their call is over, or came to nothing."""
        return await dial(self, self._platform, wanted, line)

    def create_call(self, form: dict[str, str], events: list[str]) -> CallRecord:
        """An outbound call by REST: rings the handset in the background. Raises RestError as Twilio does."""
        to, sender, document = form.get("To", ""), form.get("From", ""), form.get("Twiml", "")
        if not to:
            raise RestError(400, 21201, "No 'To' number is specified")
        if not sender or (self.numbers and sender not in self.numbers):
            raise RestError(400, 21210, f"'From' phone number not verified: {sender}")
        if not form.get("Url") and not document:
            raise RestError(400, 21205, "Url parameter is required.")
        if len(document) > MAX_TWIML:
            raise RestError(400, 21205, f"Twiml must be at most {MAX_TWIML} characters")
        call = CallRecord(new_sid("CA"), self.account.sid, sender, to, "outbound-api")
        url = form.get("Url", "")
        source = Source(url, form.get("Method", "POST")) if url else Source(document=document)
        wanted = frozenset(events or ["completed"])
        callback = form.get("StatusCallback", "")
        leg = TwilioLeg(call, self._platform, source, status_callback=callback, status_events=wanted)
        self.legs[call.sid] = leg
        task = asyncio.create_task(
            self._ring(leg, float(form.get("Timeout") or DEFAULT_RING_S)), name=f"ring:{call.sid}"
        )
        self._rings.add(task)
        task.add_done_callback(self._rings.discard)
        return call

    async def update_call(self, sid: str, form: dict[str, str]) -> CallRecord:
        """Change a live call by REST: a new document, or its end. Raises RestError as Twilio does."""
        leg = self.legs.get(sid)
        if leg is None:
            raise RestError(404, 20404, f"The requested resource /Calls/{sid}.json was not found")
        status = form.get("Status")
        if leg.call.over:
            raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
        if status == "completed":
            await leg.complete()
        elif status == "canceled":
            await leg.fail("canceled")
        elif form.get("Url"):
            await leg.update(Source(form["Url"], form.get("Method", "POST")))
        elif form.get("Twiml"):
            await leg.update(Source(document=form["Twiml"]))
        return leg.call

    async def _speak(self, text: str) -> bytes:
        return await self.narrator(text) if self.narrator is not None else b""

    async def _ring(self, leg: TwilioLeg, timeout: float) -> None:
        await leg.ring()
        handset = self.handsets.get(leg.call.to_number)
        if handset is None:
            await leg.fail("failed")
            return
        handset.ring(leg)
        if self.on_outbound_call is not None:
            self.on_outbound_call(leg)
        await self.clock.sleep(timeout)
        if leg.call.status == "ringing":
            await leg.fail("no-answer")
