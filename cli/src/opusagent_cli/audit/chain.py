"""Whether a session's steps are those that were written: each one's hash is over the one before and its own record."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from opusagent_cli.audit.log import Head, LoggedStep


@dataclass(frozen=True)
class Break:
    """A place where the chain does not hold. `index`: of the step; `message` says what is wrong there."""

    index: int
    message: str


def digest(previous_hash: str, record_json: str) -> str:
    """Return what the hash of a record must be (see FsaStepped in the contract)."""
    return hashlib.sha256((previous_hash + record_json).encode()).hexdigest()


def verify(steps: Sequence[LoggedStep], head: Head | None) -> list[Break]:
    """Return every break in a session's steps, given in the order of the log. `head`: where they must end."""
    found = [Break(step.index, f"step {step.index} was changed: its record does not have its hash") for step in steps
             if digest(step.previous_hash, step.record_json) != step.hash]  # fmt: skip
    for before, after in pairwise(steps):
        found += _link(before, after)
    if steps and steps[0].index == 1 and steps[0].previous_hash:
        found.append(Break(1, "step 1 is not the beginning that it says it is"))
    last = steps[-1] if steps else LoggedStep("", "", 0, 0, "", "", "", "")
    if head is not None and (head.index, head.hash) != (last.index, last.hash):
        found.append(_end(last, head))
    return sorted(found, key=lambda each: each.index)


def _link(before: LoggedStep, after: LoggedStep) -> list[Break]:
    if after.index == before.index:
        return [Break(after.index, f"step {after.index} is there twice, with different content")]
    if after.index != before.index + 1:
        gap = f"step {before.index} is followed by step {after.index}: what was between them is missing"
        return [Break(after.index, gap)]
    if after.previous_hash != before.hash:
        return [Break(after.index, f"step {after.index} does not follow step {before.index}: one of them was replaced")]
    return []


def _end(last: LoggedStep, head: Head) -> Break:
    if head.index > last.index:
        return Break(last.index + 1, f"the end is missing: step {last.index} is the last, session saved {head.index}")
    return Break(last.index, f"the log ends with a step {last.index} that session never saved")
