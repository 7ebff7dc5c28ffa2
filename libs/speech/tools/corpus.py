"""What callers say when they book an appointment, with what the agent's question expects at that point.

Each case: the kind of answer expected, the phrases expected (as an agent's definition would give them), what is said.
Several answers are deliberately not among the expected phrases: a bias must not turn them into expected ones.
"""

from typing import NamedTuple

from speech.stt import Hints

VOCABULARY = ("appointment", "tomorrow", "doctor")

INTENTS = ("book an appointment", "cancel my appointment", "change my appointment", "speak to a human")
DATES = ("today", "tomorrow", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "next week")
TIMES = ("ten a.m.", "eleven", "half past two", "three p.m.", "in the morning", "in the afternoon")
YES_NO = ("yes", "no", "yes please", "no thank you", "that's right")
CHOICE = ("continue", "start over")


class Case(NamedTuple):
    """One thing said, and what the recogniser is told beforehand."""

    text: str
    hints: Hints


def _cases(kind: str, phrases: tuple[str, ...], texts: tuple[str, ...]) -> list[Case]:
    return [Case(text, Hints(kind, phrases, VOCABULARY)) for text in texts]


CASES: tuple[Case, ...] = (
    *_cases(
        "intent",
        INTENTS,
        (
            "I'd like to book an appointment for tomorrow.",
            "I'd like to book an appointment.",
            "I need to see a doctor next Tuesday.",
            "Can I make an appointment please?",
            "I want to cancel my appointment.",
            "I'd like to change my appointment to Friday.",
            "What are your opening hours?",
            "I want to speak to a human.",
            "My name is John Smith and I have a bad cough.",
        ),
    ),
    *_cases(
        "date",
        DATES,
        (
            "Tomorrow.",
            "Tomorrow please.",
            "Next Tuesday.",
            "On Friday.",
            "The third of March.",
            "Monday please.",
            "December fifth.",
            "The day after tomorrow.",
            "I don't know yet.",
        ),
    ),
    *_cases(
        "time",
        TIMES,
        (
            "Ten a.m.",
            "At eleven.",
            "Ten in the morning.",
            "Half past two.",
            "Three thirty p.m.",
            "Quarter to nine.",
            "Two p.m. please.",
            "In the afternoon.",
            "Eleven o'clock.",
            "What times do you have?",
        ),
    ),
    *_cases(
        "yes_no",
        YES_NO,
        (
            "Yes.",
            "No.",
            "Yes please.",
            "No thank you.",
            "No, at eleven.",
            "That's right.",
            "Yeah.",
            "No, that's wrong.",
            "Yes, that's correct.",
            "No, make it Friday.",
            "Goodbye.",
        ),
    ),
    *_cases(
        "choice",
        CHOICE,
        (
            "Continue please.",
            "Continue.",
            "Start over.",
            "Start over please.",
            "I'd like to continue.",
            "Let's start again.",
            "Neither, I want to cancel.",
        ),
    ),
    *_cases(
        "digits",
        (),
        (
            "Four one five.",
            "Five five five one two three four.",
            "One two three four.",
            "My number is nine zero two one oh.",
        ),
    ),
)
