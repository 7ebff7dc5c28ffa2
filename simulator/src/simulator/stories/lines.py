"""What callers of the clinic say, and to what. The outcome is never scripted: only their side of it is."""

from simulator.caller import Reply
from simulator.caller.replies import first_time_offered

WANT_BOOKING = "I'd like to book an appointment for tomorrow."
WANT_MESSAGE = "I want to leave a message for the nurse."
TEN = "Ten a.m. please."
FOUR = "Four p.m. please."
# A person who was not understood says it differently.
IN_OTHER_WORDS = "At four o'clock."
YES = "Yes please."
NO = "No thank you."
CONTINUE = "Continue please."
MESSAGE = "Please tell her that my knee hurts again."
CHEST_PAIN = "I have chest pain."
WANT_HUMAN = "I'd like to speak to a human please."
SINCE_MORNING = "My chest has been hurting since this morning."

# Of the nurse who takes the call.
NURSE = "Hello, this is the nurse. What happened?"
NURSE_HEARD = "this is the *nurse"
SINCE_MORNING_HEARD = "hurting since this *morning"

GREETING = "*how can I help you"
WELCOME_BACK = "welcome back"
CONTINUE_OR_OVER = "continue or start *over"
WHICH_ONE = "which *one would you like to go on with"
ASKS_DAY = "which *day would you like"
ASKS_TIME = "what *time would you like"
ASKS_CONFIRMATION = "shall I book it"
ASKS_MESSAGE = "what would you like me to *tell the nurse"
BOOKED = "appointment is booked"
PASSED_ON = "passed your message on"
ANYTHING_ELSE = "anything *else I can help you with"
GOODBYE = "goodbye"
PUT_THROUGH = "let me *put you through to a colleague"
PUT_THROUGH_TO_NURSE = "connecting you with a *nurse"
ALL_BUSY = "my colleagues are all on the telephone"
SUMMARY = "possible emergency chest *pain caller was told to dial"

SMS = "Our call was disconnected. Your appointment request was saved. Reply CALL to continue where we left off."
SMS_TWO = (
    "Our call was disconnected. Your appointment request and message were saved. "
    "Reply CALL to continue where we left off."
)

# The clinic is closed at weekends, where "tomorrow" may fall.
_DAY = (
    Reply("*closed at the weekend|which *weekday", "Next Monday please."),
    Reply("nothing *free", "Next Tuesday please."),
    Reply("which *day would you like", "Tomorrow."),
    Reply("or cancel an appointment|or move an appointment", "Book an appointment."),
)
_MESSAGE = (
    Reply("shall I *pass it on", "Yes please, pass it on."),
    Reply(f"{ASKS_MESSAGE}|what is your message", MESSAGE),
)


SYMPTOMS = (
    Reply("do you *have chest pain|please say yes or no", "Yes, I have chest pain."),
    Reply("what is the *matter|didn't get|what would you like to *do|anything *else", CHEST_PAIN),
)
"""Until the agent knows that it is an emergency."""


def getting_to_the_time(wish: str = WANT_BOOKING) -> tuple[Reply, ...]:
    """Until the agent asks for the time."""
    return (*_DAY, Reply(f"{GREETING}|what would you like to *do", wish))


def getting_to_the_confirmation(time: str = TEN) -> tuple[Reply, ...]:
    """Until the agent asks whether to book."""
    return (
        Reply("could *offer", first_time_offered),
        Reply("didn't get the *time", IN_OTHER_WORDS),
        Reply(f"{ASKS_TIME}|what time", time),
        *getting_to_the_time(),
        Reply("continue or start over", CONTINUE),
    )


def finishing(time: str = TEN) -> tuple[Reply, ...]:
    """Until the appointment is booked."""
    return (*_MESSAGE, Reply(f"{ASKS_CONFIRMATION}|please say yes or no", YES), *getting_to_the_confirmation(time))


def taking_leave() -> tuple[Reply, ...]:
    """Until goodbye: nothing new is asked for."""
    return (*_MESSAGE, Reply(f"{ANYTHING_ELSE}|what can I *do for you|still *there|{GREETING}", NO))
