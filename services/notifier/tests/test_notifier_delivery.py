"""From a command to its outcome on the log."""

import asyncio
import io
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.bus import NOTIFY_OUTBOX
from chassis.rpc import direct
from notifier.adapters.console import ConsoleProvider
from notifier.bootstrap import build
from notifier.claims import Claims
from notifier.delivery import Delivery
from notifier.domain.outcomes import NotNow, Refused, Unclear
from notifier.outcomes_log import OutcomesLog
from notifier.settings import NotifierSettings
from notifier.testing import FakeProvider, FakeSession, Time, sms
from opusagent.notify.v1.notify_pb2 import NotifyCommand, PlaceCall


def dial(command_id="session-1/dial/SM1", **fields):
    return NotifyCommand(
        command_id=command_id,
        session_id="session-1",
        requested_at_ms=1_800_000_000_000,
        place_call=PlaceCall(to_number="+15551230001"),
        **fields,
    )


async def test_an_sms_is_sent_and_the_log_says_so(office):
    app = await office.open()
    await office.ask(app, sms())
    [fact] = await office.facts()
    assert (fact.event_id, fact.session_id, fact.call_id) == ("call-1/sms/sent", "session-1", "call-1")
    assert fact.sms_sent.provider_message_id == "id-call-1/sms"
    assert fact.source == "notifier"
    assert await office.letters() == []


async def test_a_call_is_placed_and_the_log_says_so(office):
    app = await office.open()
    await office.ask(app, dial())
    [fact] = await office.facts()
    assert fact.call_placed.provider_call_id == "id-session-1/dial/SM1"


async def test_a_repeated_command_is_carried_out_once(office):
    app = await office.open()
    await office.ask(app, sms(), sms(), dial(), sms())
    await office.ask(app, sms())
    assert office.provider.attempts == ["call-1/sms", "session-1/dial/SM1"]


async def test_what_can_succeed_later_is_tried_again_with_growing_waits(office):
    office.provider.script = [NotNow("busy")] * 4
    app = await office.open()
    await office.ask(app, sms())
    assert len(office.provider.attempts) == 5
    waits = office.time.slept
    assert all(lowest <= wait <= 2 * lowest for wait, lowest in zip(waits, [0.5, 1, 2, 4], strict=True))
    assert (await office.facts())[0].HasField("sms_sent")


async def test_after_the_last_attempt_a_command_is_a_dead_letter(office):
    office.provider.script = [NotNow("busy")] * 9
    app = await office.open(notifier_attempts=3)
    await office.ask(app, sms(), dial())
    first, second = await office.facts()
    assert first.sms_failed.reason == second.call_not_placed.reason == "attempts_exhausted"
    letters = await office.letters()
    assert [(letter.reason, letter.attempts, letter.detail) for letter in letters] == [
        ("attempts_exhausted", 3, "busy"),
        ("attempts_exhausted", 3, "busy"),
    ]
    assert letters[0].command == sms()


@pytest.mark.parametrize("reason", ["permanent", "opted_out"])
async def test_a_refusal_is_final(office, reason):
    office.provider.script = [Refused("no", reason=reason)]
    app = await office.open()
    await office.ask(app, sms())
    assert len(office.provider.attempts) == 1
    assert (await office.facts())[0].sms_failed.reason == reason
    assert [letter.reason for letter in await office.letters()] == [reason]


async def test_an_attempt_without_an_answer_is_found_at_the_provider(office):
    office.provider.script = [Unclear("no answer")]
    office.provider.lookup_failures = 1
    app = await office.open()
    await office.ask(app, sms())
    assert office.provider.carried_out == ["call-1/sms"]
    assert (await office.facts())[0].sms_sent.provider_message_id == "id-call-1/sms"


async def test_an_attempt_without_an_answer_that_cannot_be_found_is_not_repeated(office):
    office.provider.script = [Unclear("no answer")]
    office.provider.keeps_unclear = False
    app = await office.open()
    await office.ask(app, sms())
    assert len(office.provider.attempts) == 1
    assert office.provider.lookups == 3
    assert (await office.facts())[0].sms_failed.reason == "uncertain"
    assert [letter.reason for letter in await office.letters()] == ["uncertain"]


@pytest.mark.parametrize("kept", [True, False])
async def test_a_providers_own_failure_is_looked_up_before_another_attempt(office, kept):
    office.provider.script = [Unclear("HTTP 500", answered=True)]
    office.provider.keeps_unclear = kept
    app = await office.open()
    await office.ask(app, sms())
    assert len(office.provider.attempts) == (1 if kept else 2)
    assert office.provider.carried_out == ["call-1/sms"]
    assert (await office.facts())[0].HasField("sms_sent")


async def test_an_expired_command_is_not_carried_out(office):
    app = await office.open()
    await office.ask(app, sms(expires_at_ms=office.time() - 1), dial(expires_at_ms=office.time()))
    assert office.provider.attempts == []
    first, second = await office.facts()
    assert first.sms_failed.reason == second.call_not_placed.reason == "expired"


async def test_a_command_that_expires_between_attempts_is_given_up(office):
    office.provider.script = [NotNow("busy")] * 9
    app = await office.open(notifier_attempts=9)
    await office.ask(app, dial(expires_at_ms=office.time() + 4_000))
    assert 1 < len(office.provider.attempts) < 6
    assert (await office.facts())[0].call_not_placed.reason == "expired"


async def test_what_another_process_has_or_has_settled_is_left_alone(office):
    other = Claims(direct(office.session), office.time.sleep)
    await other.claim(sms())
    office.session.settled.add("session-1/dial/SM1")
    app = await office.open()
    await office.ask(app, sms(), dial())
    assert office.provider.attempts == []
    assert await office.facts() == []


async def test_what_another_process_left_behind_is_taken_over_when_it_is_issued_again(office):
    other = Claims(direct(office.session), office.time.sleep)
    await other.claim(sms())
    app = await office.open()
    await office.ask(app, sms())
    office.provider.carried_out.append("call-1/sms")
    office.time.now_ms += 75_000
    await office.ask(app, sms())
    assert office.provider.attempts == []
    assert (await office.facts())[0].sms_sent.provider_message_id == "id-call-1/sms"


async def test_what_another_process_left_behind_after_a_failed_attempt_is_tried(office):
    other = Claims(direct(office.session), office.time.sleep)
    await other.claim(sms())
    await other.claim(sms(), undone=True)
    office.time.now_ms += 75_000
    app = await office.open()
    await office.ask(app, sms())
    assert office.provider.attempts == ["call-1/sms"]


async def test_a_notifier_that_ends_between_attempts_leaves_the_command_to_be_tried(office):
    office.provider.script = [NotNow("busy")]
    app = await office.open()
    await office.ask(app, sms("other", session_id="other"))
    waiting = asyncio.Event()

    async def wait_for_ever(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    office.provider.script = [NotNow("busy")]
    second = build(
        NotifierSettings(), office.bus, direct(office.session), provider=office.provider, sleep=wait_for_ever
    )
    taking = asyncio.create_task(second.dispatcher.take(sms()))
    await waiting.wait()
    await taking
    await second.stop()
    office.time.now_ms += 75_000
    await office.ask(app, sms())
    assert office.provider.attempts[-2:] == ["call-1/sms", "call-1/sms"]
    assert office.provider.carried_out == ["other", "call-1/sms"]


async def test_session_is_waited_for(office):
    office.session.outages = 5
    app = await office.open()
    await office.ask(app, sms())
    assert office.provider.carried_out == ["call-1/sms"]


async def test_a_command_that_session_did_not_issue_is_not_carried_out(office):
    office.session.unknown.add("call-1/sms")
    app = await office.open()
    await office.ask(app, sms())
    assert office.provider.attempts == []
    assert [letter.reason for letter in await office.letters()] == ["unknown_command"]


async def test_garbage_and_unknown_commands_are_passed_over(office):
    app = await office.open()
    for value in (b"\xff\xff", b"", NotifyCommand(command_id="x").SerializeToString(), sms("").SerializeToString()):
        await office.bus.append(NOTIFY_OUTBOX, "x", value)
    await office.ask(app, sms())
    assert office.provider.attempts == ["call-1/sms"]


async def test_a_slow_session_holds_up_no_other_and_keeps_its_own_order(office):
    office.provider.gate.clear()
    app = await office.open()
    slow = [sms(f"slow-{number}", session_id="slow") for number in range(3)]
    for command in [*slow, sms("other", session_id="other")]:
        await office.bus.append(NOTIFY_OUTBOX, command.session_id, command.SerializeToString())
    await office.taken()
    await office.provider.tried(2)
    assert office.provider.attempts == ["slow-0", "other"]
    office.provider.gate.set()
    await app.dispatcher.idle()
    assert office.provider.attempts == ["slow-0", "other", "slow-1", "slow-2"]


async def test_a_drained_notifier_sees_its_commands_through_and_takes_no_more(office):
    office.provider.gate.clear()
    app = await office.open()
    await office.bus.append(NOTIFY_OUTBOX, "session-1", sms().SerializeToString())
    await office.taken()
    draining = asyncio.create_task(app.drain())
    await asyncio.sleep(0)
    assert not app.ready
    await office.bus.append(NOTIFY_OUTBOX, "session-2", sms("later", session_id="session-2").SerializeToString())
    office.provider.gate.set()
    await draining
    assert office.provider.attempts == ["call-1/sms"]


async def test_a_bug_in_a_provider_costs_one_command_and_not_the_notifier(office):
    office.provider.script = [ZeroDivisionError()]
    app = await office.open()
    await office.ask(app, sms("one"), sms("two"))
    assert office.provider.carried_out == ["two"]
    await office.ask(app, sms("one"))
    assert office.provider.carried_out == ["two", "one"]


async def test_the_console_prints(office):
    out = io.StringIO()
    app = await office.open(ConsoleProvider(out))
    await office.ask(app, sms(), dial())
    assert "SMS to +15551230001: Reply CALL to continue." in out.getvalue()
    assert "Call to +15551230001" in out.getvalue()
    assert len(await office.facts()) == 2


class Killed(asyncio.CancelledError):
    """The process died here."""


@settings(max_examples=150, deadline=None)
@given(
    kills=st.lists(st.integers(0, 12), max_size=4),
    script=st.lists(
        st.sampled_from(["now", "later", "lost", "server", "refused"]),
        max_size=6,
    ),
    keeps=st.booleans(),
)
def test_never_sent_twice_whatever_dies_and_whatever_the_provider_answers(kills, script, keeps):
    failures = {
        "later": NotNow("busy"),
        "lost": Unclear("no answer"),
        "server": Unclear("HTTP 500", answered=True),
        "refused": Refused("no"),
    }
    provider = FakeProvider([failures[word] for word in script if word != "now"], keeps_unclear=keeps)
    facts = asyncio.run(_lives(provider, [*kills, 10_000]))
    assert len(provider.carried_out) <= 1
    kinds = {fact.split("/")[-1] for fact in facts}
    assert kinds in ({"sent"}, {"failed"})
    if kinds == {"sent"}:
        assert provider.carried_out == ["call-1/sms"]


async def _lives(provider, kills):
    """Give the command to one process after the other, each killed after so many awaits on a port."""
    time = Time()
    session = FakeSession(time)
    facts: list[str] = []
    for kill_after in kills:
        left = [kill_after]

        def burn(left=left):
            if left[0] == 0:
                raise Killed
            left[0] -= 1

        delivery = Delivery(
            NotifierSettings(),
            _Mortal(provider, burn, ("attempt", "find")),
            Claims(_Mortal(direct(session), burn, ("ClaimCommand",)), time.sleep),
            _Mortal(_Facts(facts), burn, ("done", "failed")),
            clock=time,
            sleep=time.sleep,
        )
        with suppress(Killed):
            await delivery.carry_out(sms())
        if facts:
            session.settled.add("call-1/sms")
        time.now_ms += 75_000
    return facts


class _Facts(OutcomesLog):
    def __init__(self, facts):
        self._facts = facts

    async def done(self, command, provider_id):
        self._facts.append(f"{command.command_id}/sent")

    async def failed(self, command, reason, detail, attempts):
        self._facts.append(f"{command.command_id}/failed")


class _Mortal:
    """A port as a process sees it that dies before or after a call."""

    def __init__(self, port, burn, methods):
        self._port, self._burn, self._methods = port, burn, methods

    def __getattr__(self, name):
        method = getattr(self._port, name)
        if name not in self._methods:
            return method

        async def call(*arguments):
            self._burn()
            answer = await method(*arguments)
            self._burn()
            return answer

        return call
