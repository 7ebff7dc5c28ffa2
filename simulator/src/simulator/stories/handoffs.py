"""Stories in which the caller is put through to a human: who takes the call, and who is busy."""

from opusagent.call.v1.call_pb2 import EndReason, TransferOutcome
from simulator.caller import Caller, Reply
from simulator.caller.words import matches
from simulator.stories import lines, scenes
from simulator.stories.human import Human
from simulator.stories.stage import Stage

ON_THE_LOG_S = 10.0


async def handoff(stage: Stage) -> None:
    """An emergency: a human is told what it is about, takes the call, and ends it."""
    caller = await stage.ring()
    await caller.waits_for(lines.GREETING, scenes.ANSWER_S)
    stage.check("the agent greets", True)
    await caller.says(lines.CHEST_PAIN)
    await caller.converses(lines.SYMPTOMS, until=lines.PUT_THROUGH_TO_NURSE, timeout=scenes.TASK_S)
    stage.check("the caller is told that a human is being called", True)
    human = await _human(stage, caller)
    if human is None:
        return
    told = await human.answers()
    stage.check("the human is told what it is about", matches(told, lines.SUMMARY), told)
    await _talk(stage, caller, human)
    await human.hangs_up()
    await stage.call_is_over(caller)
    await _transferred(stage, TransferOutcome.TRANSFER_OUTCOME_ANSWERED, "the log has that the human took the call")
    await stage.facts.wait_for("call_ended", ON_THE_LOG_S)
    reasons = [event.call_ended.reason for event in stage.facts.of("call_ended")]
    names = ", ".join(map(EndReason.Name, reasons)) or "no end"
    stage.check("the call ended as transferred", reasons == [EndReason.END_REASON_TRANSFERRED], names)
    await stage.texts_are(0)
    stage.check("nothing is left to resume", not await stage.resumable_until_ms())


async def handoff_busy(stage: Stage) -> None:
    """The caller asks for a human, who is busy; the caller is back with the agent, where he was, and finishes."""
    caller = await scenes.asked_for_time(stage)
    before = await stage.open_tasks()
    await caller.says(lines.WANT_HUMAN)
    repeat = Reply(f"didn't get|{lines.ASKS_TIME}|still *there", lines.WANT_HUMAN)
    await caller.converses([repeat], until=lines.PUT_THROUGH, timeout=scenes.TASK_S)
    stage.check("the caller is told that a human is being called", True)
    human = await _human(stage, caller)
    if human is None:
        return
    heard_before = len(caller.heard)
    await human.is_busy()
    await caller.converses((), until=lines.ASKS_TIME, timeout=scenes.ANSWER_S)
    said = " ".join(turn.text for turn in caller.heard[heard_before:])
    stage.check("the caller is told that nobody is free", matches(said, lines.ALL_BUSY), said)
    await _transferred(stage, TransferOutcome.TRANSFER_OUTCOME_BUSY, "the log has that the human was busy")
    after = await stage.open_tasks()
    stage.check("the caller is back in the same state", bool(before) and after == before, f"{before}, now {after}")
    await caller.says(lines.TEN)
    await scenes.finish(stage, caller)
    started = stage.facts.of("call_started")
    stage.check("it is the same call", len(started) == 1, f"{len(started)} calls on the log")
    await stage.texts_are(0)
    await stage.bookings_are(1)


async def _human(stage: Stage, caller: Caller) -> Human | None:
    try:
        leg = await stage.human_is_rung(caller)
    except TimeoutError:
        stage.check("the human's telephone rings", False, "it did not")
        return None
    stage.check("the human's telephone rings", True)
    return Human(stage, leg, caller)


async def _talk(stage: Stage, caller: Caller, human: Human) -> None:
    """Each hears the other, and the caller nothing of what the human was told."""
    await human.says(lines.NURSE)
    await caller.waits_for(lines.NURSE_HEARD, scenes.ANSWER_S)
    stage.check("the caller hears the human", True)
    await caller.says(lines.SINCE_MORNING)
    await human.hears(lines.SINCE_MORNING_HEARD, scenes.ANSWER_S)
    stage.check("the human hears the caller", True)
    heard = " ".join(turn.text for turn in caller.heard)
    stage.check("what the human was told is for him alone", not matches(heard, lines.SUMMARY), heard)


async def _transferred(stage: Stage, outcome: TransferOutcome, name: str) -> None:
    await stage.facts.wait_for("transfer_ended", ON_THE_LOG_S)
    outcomes = [event.transfer_ended.outcome for event in stage.facts.of("transfer_ended")]
    stage.check(name, outcomes == [outcome], ", ".join(map(TransferOutcome.Name, outcomes)) or "nothing")
