"""The stories. Each plays callers and checks what it promises; what happens in between is the product's."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from chassis.logging import get_logger
from simulator.caller import NotHeardError
from simulator.caller.words import matches
from simulator.legs import CallFailedError
from simulator.stories import lines, scenes
from simulator.stories.environment import StoryEnvironment, fresh_number
from simulator.stories.handoffs import handoff, handoff_busy
from simulator.stories.report import StoryReport
from simulator.stories.stage import Stage

log = get_logger("simulator.stories")

# A story waits no longer than this for saved state to expire.
LONGEST_TTL_S = 45.0
_EXPIRY_SLACK_S = 1.5


async def ringback(stage: Stage) -> None:
    """The leg drops before the booking is confirmed; the caller rings back and confirms."""
    await scenes.break_off(stage)
    await scenes.one_text(stage, lines.SMS)
    await scenes.resume(stage, await stage.ring())
    await stage.texts_are(1)
    await stage.bookings_are(1)


async def callback(stage: Stage) -> None:
    """As ringback, but the caller replies CALL and is dialled."""
    await scenes.break_off(stage)
    await scenes.one_text(stage, lines.SMS)
    await stage.reply("CALL")
    try:
        caller = await stage.is_rung()
    except TimeoutError:
        stage.check("the caller is dialled", False, "his telephone did not ring")
        return
    stage.check("the caller is dialled", True)
    await scenes.resume(stage, caller)
    await stage.texts_are(1)
    await stage.bookings_are(1)


async def start_over(stage: Stage) -> None:
    """The caller rings back and starts over: he is asked everything again."""
    await scenes.break_off(stage)
    await scenes.one_text(stage, lines.SMS)
    caller = await stage.ring()
    await scenes.welcomed(stage, caller)
    await caller.says("Start over please.")
    await caller.converses((), until=f"{lines.ASKS_DAY}|{lines.GREETING}", timeout=scenes.ANSWER_S)
    stage.check("the agent asks anew", True)
    await caller.says("Tomorrow please." if matches(caller.heard[-1].text, lines.ASKS_DAY) else lines.WANT_BOOKING)
    await scenes.finish(stage, caller, lines.FOUR)
    await stage.texts_are(1)
    rows = await stage.bookings_are(1)
    times = [row.get("time", "") for row in rows]
    stage.check("what was said before is forgotten", "10:00" not in times, f"booked at {', '.join(times)}")


async def expired(stage: Stage) -> None:
    """After the time to resume has passed the caller is a new one."""
    await scenes.break_off(stage)
    await scenes.one_text(stage, lines.SMS)
    until_ms = await stage.resumable_until_ms()
    left_s = until_ms / 1000 - time.time()
    detail = (
        f"saved state is kept for another {left_s:.0f} s; "
        f"start that OpusAgent with RESUME_TTL_SECONDS={LONGEST_TTL_S - 20:.0f} to play this story"
    )
    short = stage.check("the time to resume can be waited for", left_s <= LONGEST_TTL_S, detail)
    if not short:
        return
    stage.note("story", f"waiting {max(left_s, 0):.0f} s for the saved state to expire", "call")
    await stage.environment.clock.sleep(max(left_s, 0.0) + _EXPIRY_SLACK_S)
    await scenes.greeted_as_new(stage, await stage.ring())
    await stage.texts_are(1)
    await stage.bookings_are(0)


async def withheld_number(stage: Stage) -> None:
    """Who withholds his number is not texted and not recognised."""
    await scenes.break_off(stage, withheld=True)
    await stage.texts_are(0)
    requested = stage.facts.of("sms_requested")
    stage.check("no SMS was asked for", not requested, f"{len(requested)} on the log")
    await scenes.greeted_as_new(stage, await stage.ring(withheld=True))
    await stage.bookings_are(0)


async def two_open(stage: Stage) -> None:
    """Two tasks are open when the leg drops; the caller comes back and finishes both."""
    caller = await scenes.asked_for_time(stage)
    await caller.says(lines.WANT_MESSAGE)
    await caller.converses([scenes.again(lines.WANT_MESSAGE)], until=lines.ASKS_MESSAGE, timeout=scenes.ANSWER_S)
    stage.check("the caller can turn to another matter", True)
    await stage.drop(caller)
    await scenes.one_text(stage, lines.SMS_TWO)
    caller = await stage.ring()
    heard = await caller.waits_for(lines.WHICH_ONE, scenes.ANSWER_S)
    welcome = " ".join(turn.text for turn in caller.heard)
    both = matches(welcome, "booking an appointment") and matches(welcome, "message for the nurse")
    stage.check("the agent welcomes the caller back with both matters", both, welcome)
    await caller.says("The appointment, please.")
    await scenes.finish(stage, caller)
    passed = any(matches(turn.text, lines.PASSED_ON) for turn in caller.heard)
    stage.check("the message was passed on, too", passed, heard.text)
    await stage.texts_are(1)
    await stage.bookings_are(1)


async def socket_lost(stage: Stage) -> None:
    """Only the socket breaks: telephony reconnects and the call goes on in the same state."""
    caller = await scenes.asked_for_time(stage)
    stage.note("call", "the socket is reset", "call")
    await caller.leg.lose_socket()
    back = await stage.facts.wait_for("call_reattached", 15.0)
    stage.check("telephony reconnects within the grace period", back)
    heard_before = len(caller.heard)
    await stage.environment.clock.sleep(1.0)
    await caller.says(lines.TEN)
    await scenes.finish(stage, caller)
    anew = [turn.text for turn in caller.heard[heard_before:] if matches(turn.text, scenes.GREETED)]
    stage.check("the call goes on in the same state", not anew, " ".join(anew))
    started = stage.facts.of("call_started")
    stage.check("it is the same call", len(started) == 1, f"{len(started)} calls on the log")
    await stage.texts_are(0)
    await stage.bookings_are(1)


@dataclass(frozen=True, slots=True)
class Story:
    """One story. `needs_short_ttl`: saved state must expire within LONGEST_TTL_S, yet outlive the SMS grace period."""

    name: str
    title: str
    play: Callable[[Stage], Awaitable[None]]
    needs_short_ttl: bool = False


STORIES: dict[str, Story] = {
    story.name: story
    for story in (
        Story("ringback", "the call drops; the caller rings back and finishes", ringback),
        Story("callback", "the call drops; the caller replies CALL and is dialled", callback),
        Story("start-over", "the caller rings back and starts over", start_over),
        Story("expired", "the caller rings back too late and is a new one", expired, needs_short_ttl=True),
        Story("withheld-number", "a withheld number is neither texted nor recognised", withheld_number),
        Story("two-open", "two unfinished matters; both are finished after the drop", two_open),
        Story("socket-lost", "only the socket breaks; the call goes on", socket_lost),
        Story("handoff", "an emergency: a human takes the call, and knows what it is about", handoff),
        Story("handoff-busy", "the caller wants a human, who is busy; he is brought back and finishes", handoff_busy),
    )
}


async def run_story(name: str, protocol: str, environment: StoryEnvironment) -> StoryReport:
    """Play a story to its end; whatever goes wrong is a check that failed.

    Raises:
        KeyError: no such story; ValueError: no such protocol.
    """
    if protocol not in ("twilio", "audiocodes"):
        raise ValueError(f"no protocol {protocol!r}: there are twilio and audiocodes")
    story = STORIES[name]
    report = StoryReport(name, protocol)
    environment = replace(environment, caller_number=environment.caller_number or fresh_number())
    async with Stage(report, environment) as stage:
        try:
            await story.play(stage)
        except (NotHeardError, CallFailedError) as error:
            stage.check("the conversation goes as it must", False, str(error))
        except Exception as error:
            log.exception("the story broke")
            stage.check("the conversation goes as it must", False, f"{type(error).__name__}: {error}")
        stage.protocol_is_kept()
    return report
