"""Where a story is played: it places calls, listens, and notes what was observed. It decides nothing."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from opusagent.events.v1 import events_pb2 as events
from opusagent.session.v1 import session_pb2
from simulator.audiocodes.client import AudioCodesLeg
from simulator.audiocodes.conversation import Caller as AudioCodesCaller
from simulator.caller import Caller, Heard
from simulator.legs import EndedBy, Leg
from simulator.stories.environment import StoryEnvironment
from simulator.stories.facts import Facts
from simulator.stories.report import Check, StoryReport, TimelineEntry
from simulator.stories.telling import tell
from simulator.twilio.dialing import DialedLeg
from simulator.twilio.leg import TwilioLeg
from simulator.twilio.records import MessageRecord

# Beyond the grace period: the log, the notifier and the network take their time.
SMS_SLACK_S = 12.0
SECOND_SMS_S = 3.0
DIAL_TIMEOUT_S = 30.0
HANG_UP_TIMEOUT_S = 15.0


class Stage:
    """Of one story."""

    def __init__(self, report: StoryReport, environment: StoryEnvironment) -> None:
        self.report = report
        self.environment = environment
        self.facts = Facts(environment.session, environment.clock, environment.caller_number, self._on_fact)
        self.legs: list[Leg] = []
        self._began = environment.clock.now()
        self._bookings_before: set[str] = set()
        self._handset = environment.network.handset(environment.caller_number)
        self._human = environment.network.handset(environment.human_number)
        # The caller whom a human has.
        self._with_human: Caller | None = None

    async def __aenter__(self) -> "Stage":
        self._bookings_before = {_row(row) for row in await self.environment.bookings()}
        await self.facts.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for leg in self.legs:
            await leg.hang_up()
        await self.facts.stop()
        self.report.seconds = self.environment.clock.now() - self._began

    def check(self, name: str, ok: bool, detail: str = "") -> bool:
        """Note whether a promise was observed."""
        self.report.checks.append(Check(name, ok, detail))
        mark = "ok" if ok else "NOT OBSERVED"
        self.note("story", f"{name}: {mark}{f' ({detail})' if detail and not ok else ''}", "check")
        return ok

    def note(self, who: str, text: str, kind: str, response_ms: int | None = None) -> None:
        """Add to the timeline and tell it live."""
        at_s = round(self.environment.clock.now() - self._began, 2)
        entry = TimelineEntry(at_s, who, text, kind, response_ms)
        self.report.timeline.append(entry)
        self.environment.on_entry(entry)

    async def ring(self, *, withheld: bool = False) -> Caller:
        """The caller rings the agent. Raises CallFailedError."""
        leg = self._leg(withheld)
        caller = self._on_leg(leg)
        self.note("call", f"the caller rings{', his number withheld' if withheld else ''}", "call")
        await leg.dial()
        return caller

    async def is_rung(self) -> Caller:
        """The caller's telephone rings and he answers. Raises TimeoutError."""
        leg = await self._handset.wait_for_call(DIAL_TIMEOUT_S)
        caller = self._on_leg(leg)
        self.note("call", "the caller's telephone rings; he answers", "call")
        await leg.answer()
        return caller

    async def human_is_rung(self, caller: Caller) -> DialedLeg:
        """The human's telephone rings for this caller. Raises TimeoutError."""
        leg = await self._human.wait_for_call(DIAL_TIMEOUT_S, parent=caller.leg.provider_call_id)
        assert isinstance(leg, DialedLeg)
        self.legs.append(leg)
        self.note("human", "his telephone rings", "call")
        return leg

    def listen(self, leg: DialedLeg) -> Caller:
        """Return the human's mouth and ear; what he hears is his to tell."""
        self._keep(leg)
        return Caller(leg, self.environment.human_voice)

    def is_with_human(self, caller: Caller) -> None:
        """From now on the caller hears the human."""
        self._with_human = caller

    async def call_is_over(self, caller: Caller) -> None:
        """Wait for the caller's leg to end after the human has hung up."""
        try:
            await self.environment.clock.wait_for(_end_of(caller.leg), HANG_UP_TIMEOUT_S)
        except TimeoutError:
            self.check("the call ends with the human", False, "the leg is still up")
            return
        self.check("the call ends with the human", True)

    async def drop(self, caller: Caller) -> None:
        """The platform loses the caller's leg."""
        self.note("call", "the leg drops", "call")
        ended = len(self.facts.of("call_ended"))
        await caller.leg.platform_drop()
        known = await self.facts.wait_for("call_ended", 10.0, ended + 1)
        self.check("the end of the leg is on the log", known)

    async def agent_hangs_up(self, caller: Caller) -> None:
        """Wait for the agent to hang up."""
        clock = self.environment.clock
        try:
            end = await clock.wait_for(_end_of(caller.leg), HANG_UP_TIMEOUT_S)
        except TimeoutError:
            self.check("the agent hangs up", False, "the leg is still up")
            return
        self.check("the agent hangs up", end is EndedBy.AGENT, f"ended by the {end.value}")

    async def text_arrives(self) -> MessageRecord | None:
        """Wait for the first SMS to the caller."""
        timeout = self.environment.sms_grace_s + SMS_SLACK_S
        try:
            message = await self._handset.wait_for_message(timeout)
        except TimeoutError:
            self.check("an SMS arrives", False, f"none within {timeout:.0f} s")
            return None
        self.note("sms", f"arrives: {message.body}", "sms")
        self.check("an SMS arrives", True)
        return message

    async def reply(self, body: str) -> None:
        """The caller texts back."""
        await self._handset.text(self.environment.number, body)

    async def texts_are(self, count: int) -> None:
        """Check the number of SMS sent to the caller, after as long as another one could take."""
        requested = len(self.facts.of("sms_requested"))
        wait = SECOND_SMS_S if count else self.environment.sms_grace_s + SECOND_SMS_S
        await self.environment.clock.sleep(wait)
        sent = len(self.environment.network.messages.to(self.environment.caller_number))
        name = "exactly one SMS was sent" if count == 1 else f"{count or 'no'} SMS sent"
        self.check(name, sent == count, f"{sent} at the network, {requested} asked for")

    async def new_bookings(self) -> list[Mapping[str, str]]:
        """What was booked (and not cancelled) since the story began."""
        rows = await self.environment.bookings()
        fresh = [row for row in rows if _row(row) not in self._bookings_before and row.get("status") != "cancelled"]
        own = {self.environment.caller_number, ""}
        return [row for row in fresh if row.get("caller", "") in own]

    async def bookings_are(self, count: int) -> list[Mapping[str, str]]:
        """Check the number of new bookings in the calendar."""
        rows = await self.new_bookings()
        seen = ", ".join(f"{row.get('date')} {row.get('time')}" for row in rows) or "none"
        name = "the calendar has exactly one new booking" if count == 1 else "the calendar has no new booking"
        self.check(name, len(rows) == count, seen)
        return rows

    def protocol_is_kept(self) -> None:
        """Check that the gateway did nothing that the platform would warn of."""
        warnings = [warning for leg in self.legs for warning in leg.warnings]
        self.check("the gateway keeps to the protocol", not warnings, "; ".join(warnings[:3]))

    async def open_tasks(self) -> list[str]:
        """The tasks that are open in the caller's session, each with its id and state."""
        tasks: list[str] = []
        for session_id in self.facts.sessions:
            answer = await self.environment.session.GetSession(session_pb2.GetSessionRequest(session_id=session_id))
            tasks += [f"{task.task} {task.task_id} at {task.state}" for task in answer.session.business.open_tasks]
        return tasks

    async def resumable_until_ms(self) -> int:
        """Unix milliseconds until which the caller's business can be resumed; 0 = it cannot."""
        until = 0
        for session_id in self.facts.sessions:
            answer = await self.environment.session.GetSession(session_pb2.GetSessionRequest(session_id=session_id))
            until = max(until, answer.session.resumable_until_ms)
        return until

    def _leg(self, withheld: bool) -> Leg:
        environment = self.environment
        if self.report.protocol == "twilio":
            return self._handset.place_call(environment.number, withheld=withheld)
        parts = urlsplit(environment.gateway_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        url = parts._replace(scheme=scheme, path=parts.path.rstrip("/") + "/audiocodes").geturl()
        number = "anonymous" if withheld else environment.caller_number
        caller = AudioCodesCaller(environment.bot_name, number, gives_back=True)
        token, reach = environment.audiocodes_token, environment.network.reach
        return AudioCodesLeg(url, caller, environment.clock, token=token, reach=reach)

    def _on_leg(self, leg: Leg) -> Caller:
        self.legs.append(leg)
        self.facts.own(leg.provider_call_id)
        self._keep(leg)
        caller = Caller(leg, self.environment.voice, on_heard=lambda heard: self._on_heard(caller, heard))
        return caller

    def _keep(self, leg: Leg) -> None:
        """Record a leg, where recordings are wanted."""
        record = self.environment.record
        if record is not None:
            name = f"{self.report.story}-{self.report.protocol}-{len(self.legs)}.wav"
            self.note("call", f"recorded as {leg.record(record / name).path}", "call")

    def _on_heard(self, caller: Caller, heard: Heard) -> None:
        text = heard.text or "(not understood)"
        if caller is self._with_human:
            self.note("human", f"to the caller: {text}", "heard")
        else:
            self.note("agent", text, "heard", heard.response_ms)

    def _on_fact(self, event: events.CallEvent) -> None:
        told = tell(event)
        if told is not None:
            self.note(*told)


async def _end_of(leg: Leg | TwilioLeg) -> EndedBy:
    return (await leg.ended).by


def _row(row: Mapping[str, str]) -> str:
    return "|".join(f"{name}={row[name]}" for name in sorted(row))
