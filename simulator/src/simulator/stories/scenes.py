"""Scenes that stories have in common."""

from simulator.caller import Caller, Reply
from simulator.caller.words import matches
from simulator.stories import lines
from simulator.stories.stage import Stage

ANSWER_S = 20.0
TASK_S = 75.0
GREETED = f"{lines.GREETING}|{lines.WELCOME_BACK}"


async def asked_for_time(stage: Stage, *, withheld: bool = False) -> Caller:
    """The caller rings and wants to book; until he is asked for the time."""
    caller = await stage.ring(withheld=withheld)
    await caller.waits_for(lines.GREETING, ANSWER_S)
    stage.check("the agent greets", True)
    await caller.says(lines.WANT_BOOKING)
    await caller.converses(lines.getting_to_the_time(), until=lines.ASKS_TIME, timeout=TASK_S)
    stage.check("the agent asks for the time", True)
    return caller


async def break_off(stage: Stage, *, withheld: bool = False) -> None:
    """Until the booking waits for the caller's yes; then the leg drops."""
    caller = await asked_for_time(stage, withheld=withheld)
    await caller.says(lines.TEN)
    replies = lines.getting_to_the_confirmation()
    await caller.converses(replies, until=lines.ASKS_CONFIRMATION, timeout=TASK_S)
    stage.check("the agent asks to confirm", True)
    await stage.drop(caller)


async def one_text(stage: Stage, body: str) -> None:
    """An SMS arrives, and says this."""
    message = await stage.text_arrives()
    if message is not None:
        stage.check("the SMS says what was saved", message.body == body, message.body)


async def welcomed(stage: Stage, caller: Caller) -> None:
    """The agent knows the caller, and what he wanted."""
    await caller.waits_for(lines.CONTINUE_OR_OVER, ANSWER_S)
    welcome = " ".join(turn.text for turn in caller.heard)
    known = matches(welcome, lines.WELCOME_BACK) and matches(welcome, "we were booking an appointment")
    stage.check("the agent welcomes the caller back where he stopped", known, welcome)


async def resume(stage: Stage, caller: Caller) -> None:
    """The caller goes on where he stopped, to the end."""
    await welcomed(stage, caller)
    await caller.says(lines.CONTINUE)
    await finish(stage, caller)


async def finish(stage: Stage, caller: Caller, when: str = lines.TEN) -> None:
    """Answer what is asked until the appointment is booked and nothing is left, and take leave."""
    booked = await caller.converses(lines.finishing(when), until=lines.BOOKED, timeout=TASK_S)
    stage.check("the agent says that it is booked", True)
    await caller.converses(lines.taking_leave(), until=lines.GOODBYE, timeout=TASK_S, after=booked)
    stage.check("the agent says goodbye", True)
    await stage.agent_hangs_up(caller)


async def greeted_as_new(stage: Stage, caller: Caller) -> None:
    """The agent does not know the caller; he hangs up."""
    heard = await caller.waits_for(GREETED, ANSWER_S)
    stage.check("the caller is greeted as a new one", not matches(heard.text, lines.WELCOME_BACK), heard.text)
    await caller.leg.hang_up()


def again(text: str) -> Reply:
    """Said once more when the agent did not get it."""
    return Reply("didn't get that|anything *else|still *there|what would you like", text)
