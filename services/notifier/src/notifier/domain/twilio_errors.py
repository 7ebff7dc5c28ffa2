"""Twilio's error codes and what each means for another attempt.

Sources: twilio.com/docs/api/errors/<code>; where the documentation leaves it open, the classification is ours.
"""

from enum import StrEnum

from notifier.domain.outcomes import OPTED_OUT, AttemptFailed, NotNow, Refused, Unclear


class Treatment(StrEnum):
    """What to do after an error."""

    PERMANENT = "permanent"
    CONFIGURATION = "configuration"
    OPTED_OUT = "opted_out"
    LATER = "later"
    SERVER = "server"


_TABLE: dict[Treatment, tuple[int, ...]] = {
    Treatment.PERMANENT: (
        14107,  # message loop: too many replies to one number
        20404,  # not found
        21211,  # invalid To
        21605,  # body too long
        21612,  # no route between these two numbers
        21614,  # To is no mobile
        21617,  # body too long
        21635,  # To is a landline
        30004,  # blocked
        30005,  # unknown or inactive number
        30006,  # landline or unreachable carrier
        30007,  # filtered
        30010,  # over the price limit
    ),
    Treatment.CONFIGURATION: (
        20003,  # credentials are wrong
        20005,  # account is not active
        21210,  # From of a call is not ours
        21212,  # invalid From
        21408,  # region is not enabled
        21603,  # From is missing
        21606,  # From cannot send SMS
        21608,  # trial account: To is not verified
        21703,  # messaging service without senders
        21704,  # messaging service without senders
        21705,  # messaging service is invalid
        30002,  # account is suspended
        30032,  # toll-free number is not verified
        30034,  # 10DLC number is not registered
    ),
    Treatment.OPTED_OUT: (21610,),  # recipient has sent STOP
    Treatment.LATER: (
        20429,  # too many requests
        21611,  # queue of From is full
        30001,  # queue overflow
        30003,  # handset is unreachable now
        30008,  # unknown delivery error
        30022,  # 10DLC rate exceeded
        30023,  # 10DLC daily cap exceeded
        30036,  # validity period is over
        30410,  # the carrier did not answer in time
    ),
    Treatment.SERVER: (20500, 20503, 30500),  # Twilio's own trouble
}

TREATMENTS: dict[int, Treatment] = {code: treatment for treatment, codes in _TABLE.items() for code in codes}


def treatment(code: int | None, status: int) -> Treatment:
    """Return what to do after Twilio's error `code` (where it gave one) with HTTP `status`."""
    known = TREATMENTS.get(code or 0)
    if known is not None:
        return known
    if status == 429:
        return Treatment.LATER
    if status >= 500 or status == 408:
        return Treatment.SERVER
    return Treatment.PERMANENT


def failure(code: int | None, status: int) -> AttemptFailed:
    """Return the failure that Twilio's answer stands for."""
    detail = f"Twilio error {code}, HTTP {status}" if code and code != status else f"HTTP {status} from Twilio"
    what = treatment(code, status)
    if what is Treatment.LATER:
        return NotNow(detail)
    if what is Treatment.SERVER:
        return Unclear(detail, answered=True)
    if what is Treatment.OPTED_OUT:
        return Refused(detail, reason=OPTED_OUT)
    return Refused(detail, configuration=what is Treatment.CONFIGURATION)
