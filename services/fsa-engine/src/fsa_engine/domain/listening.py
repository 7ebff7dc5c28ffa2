"""The caller's own words, in the state that a task is in."""

from dataclasses import replace
from types import MappingProxyType

from fsa_engine.domain.correcting import corrected, only_corrects
from fsa_engine.domain.definition import Act, Collect, Confirm, Reason, Transition
from fsa_engine.domain.filling import accept, forget, heard, may_change, put_values, return_to, settle
from fsa_engine.domain.floor import put_question, to_human
from fsa_engine.domain.flow import fail, run, wording
from fsa_engine.domain.matching import wish
from fsa_engine.domain.moving import follow_wish, move, pass_over
from fsa_engine.domain.outputs import Progress
from fsa_engine.domain.snapshot import Source, TaskInstance
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.answers import is_correction, is_plain, wants_continue, yes_or_no
from fsa_engine.domain.understanding.values import fails_checksum
from fsa_engine.domain.understanding.words import tokens_of


def takes_any_words(turn: Turn, task: TaskInstance) -> bool:
    """Tell whether the state takes whatever is said as its answer, so that little else may be read into it."""
    state = turn.state(task)
    return isinstance(state, Collect) and turn.definition(task).slots[state.slot].whole and not task.verifying


def understand(turn: Turn, task: TaskInstance, texts: tuple[str, ...], source: Source = "caller") -> bool:
    """Take the first reading that answers, corrects or confirms; False if none does."""
    state = turn.state(task)
    if isinstance(state, Collect) and task.verifying:
        return _verify(turn, task, state, texts)
    if isinstance(state, Collect):
        return (
            _wished(turn, task, state, texts)
            or any(_answer(turn, task, state, text, source) for text in texts)
            or _wished(turn, task, state, texts, as_last=True)
        )
    if isinstance(state, Confirm):
        return _respond(turn, task, state, texts) or _wished(turn, task, state, texts, as_last=True)
    return any(_change(turn, task, text) for text in texts)


def _respond(turn: Turn, task: TaskInstance, state: Confirm, texts: tuple[str, ...]) -> bool:
    """Take a correction, a wish that is more than yes or no, or a yes or no."""
    if _change(turn, task, texts[0]):
        return True
    if not is_plain(tokens_of(texts[0]), turn.text(task, state.text)) and _wished(turn, task, state, texts):
        return True
    return _reply(turn, task, state, texts)


def _wished(
    turn: Turn, task: TaskInstance, state: Collect | Confirm, texts: tuple[str, ...], *, as_last: bool = False
) -> bool:
    """Take an edge that the caller's words mean, unless they are an answer. `as_last`: they are none."""
    if not task.asked or all(edge.intent is None for edge in state.edges):
        return False
    if isinstance(state, Collect) and not takes_any_words(turn, task) and heard(turn, task, texts[0], state.slot):
        return False
    wanted = wish(turn, texts[0], as_last=as_last)
    return bool(wanted) and follow_wishes(turn, task, tuple(e for e in state.edges if e.intent == wanted))


def follow_wishes(turn: Turn, task: TaskInstance, wanted: tuple[Transition, ...]) -> bool:
    """Take an edge that the caller wants, and go on from there; False if none of them may be taken."""
    state = turn.state(task)
    if not isinstance(state, Collect | Confirm) or not follow_wish(turn, task, state.edges, wanted):
        return False
    run(turn, task.task_id)
    return True


def _answer(turn: Turn, task: TaskInstance, state: Collect, text: str, source: Source) -> bool:
    values = heard(turn, task, text, state.slot)
    if (takes_whole(turn, task, state) or not values) and only_corrects(turn, task, text):
        return _change(turn, task, text)
    if not values:
        return _reopen(turn, task, text)
    filled = put_values(turn, task, values, source)
    if state.slot in filled.refused:
        _count(turn, task)
        if turn.task(task.task_id) is None or _exhausted(turn, task, state):
            return True
        filled = replace(filled, task=turn.task(task.task_id) or task)
    settle(turn, filled, state.slot)
    _ensure_question(turn, task)
    return True


def _verify(turn: Turn, task: TaskInstance, state: Collect, texts: tuple[str, ...]) -> bool:
    """Take yes, no or another value to a value that was said back."""
    for text in texts:
        values = heard(turn, task, text, state.slot) if not takes_whole(turn, task, state) else {}
        if values.get(state.slot, task.slots[state.slot].value) != task.slots[state.slot].value:
            return _answer(turn, task, state, text, "caller")
    verdict = yes_or_no(tokens_of(texts[0]))
    if verdict is None:
        return False
    verify(turn, task, state, verdict)
    return True


def refused(turn: Turn, task: TaskInstance, name: str) -> None:
    """Count an answer that its slot's checks refuse, and ask again or give up."""
    _count(turn, task)
    state = turn.state(task)
    if isinstance(state, Collect) and not _exhausted(turn, task, state):
        turn.lead = ""
        put_question(turn)


def takes_whole(turn: Turn, task: TaskInstance, state: Collect) -> bool:
    """Tell whether a collector's slot takes any words."""
    return turn.definition(task).slots[state.slot].whole


def verify(turn: Turn, task: TaskInstance, state: Collect, verdict: bool) -> None:
    """Take the caller's yes or no to a value that was said back."""
    if not task.asked:
        turn.reject("the question was not put yet")
    elif turn.stale(task):
        turn.reject("the caller's words are from before the question")
        put_question(turn)
        return
    elif verdict:
        confirmed = replace(task.slots[state.slot], confirmed=True)
        slots = MappingProxyType({**task.slots, state.slot: confirmed})
        task = turn.put(task, slots=slots, verifying=False)
        turn.note(f"{task.task}: {state.slot} confirmed by the caller")
        accept(turn, task, state)
    else:
        turn.note(f"{task.task}: {state.slot} refused by the caller")
        task = turn.put(task, verifying=False, asked=False)
        _count(turn, task)
        if _exhausted(turn, task, state):
            return
        forget(turn, turn.task(task.task_id) or task, (state.slot,))
    run(turn, task.task_id)


def _ensure_question(turn: Turn, task: TaskInstance) -> None:
    """A task that waits for the caller and has the floor has put its question."""
    now = turn.task(task.task_id)
    asked = any(output.task_id == task.task_id for output in turn.outputs)
    if now is not None and turn.has_floor(now) and not asked and not now.waiting:
        put_question(turn)


def _reply(turn: Turn, task: TaskInstance, state: Confirm, texts: tuple[str, ...]) -> bool:
    for text in texts[:1] if not task.changing else texts:
        if _change(turn, task, text) or _reopen(turn, task, text, named_is_enough=task.changing):
            return True
    verdict = said_to(turn, task, state, texts[0])
    if verdict is None:
        others = {said_to(turn, task, state, text) for text in texts[1:]} - {None}
        verdict = others.pop() if len(others) == 1 and not _change_in(turn, task, texts[1:]) else None
    if verdict is None and task.changing and wants_continue(tokens_of(texts[0])):
        verdict = False
    if verdict is None:
        return any(_change(turn, task, text) for text in texts[1:])
    confirm(turn, task, state, verdict)
    return True


def said_to(turn: Turn, task: TaskInstance, state: Confirm, text: str) -> bool | None:
    """Tell a yes or no to a confirmation's question."""
    return yes_or_no(tokens_of(text), "" if task.changing else turn.text(task, state.text))


def _change_in(turn: Turn, task: TaskInstance, texts: tuple[str, ...]) -> bool:
    return any(corrected(turn, task, text) for text in texts)


def confirm(turn: Turn, task: TaskInstance, state: Confirm, verdict: bool) -> None:
    """Take the caller's yes or no to a confirmation; to a question that was not put yet there is none."""
    if not task.asked:
        turn.reject("the question was not put yet")
        run(turn, task.task_id)
    elif turn.stale(task):
        turn.reject("the caller's words are from before the question")
        put_question(turn)
    elif task.changing:
        turn.put(task, changing=False)
        run(turn, task.task_id)
    elif verdict:
        confirmed = {
            name: replace(slot, confirmed=slot.confirmed or name in state.slots) for name, slot in task.slots.items()
        }
        task = turn.put(task, slots=MappingProxyType(confirmed))
        pass_over(turn, task, state.edges, "the caller said yes")
        move(turn, task, state.yes, "confirmed by the caller")
        run(turn, task.task_id)
    elif state.no:
        pass_over(turn, task, state.edges, "the caller said no")
        move(turn, task, state.no, "refused by the caller")
        run(turn, task.task_id)
    else:
        turn.note(f"{task.task}: {task.state} refused, asks what to change")
        turn.put(task, changing=True)
        run(turn, task.task_id)


def _change(turn: Turn, task: TaskInstance, text: str) -> bool:
    """Take a correction: values that differ from what is known."""
    values = corrected(turn, task, text)
    if not values:
        return False
    turn.put(task, changing=False)
    settle(turn, put_values(turn, task, values, "caller"))
    _ensure_question(turn, task)
    return True


def _reopen(turn: Turn, task: TaskInstance, text: str, named_is_enough: bool = False) -> bool:
    """Take "change the time": empty that slot and ask for it."""
    tokens = tokens_of(text)
    if len(tokens) > 10 or not (named_is_enough or is_correction(tokens) or len(tokens) <= 2):
        return False
    slots = turn.definition(task).slots
    meant = [
        name
        for name in task.slots
        if may_change(turn, task, name) and {*name.split("_"), _SPOKEN.get(slots[name].type, name)} & set(tokens)
    ]
    if not meant:
        return False
    task = forget(turn, turn.put(task, changing=False), meant)
    return_to(turn, task, meant)
    run(turn, task.task_id)
    return True


_SPOKEN = {"date": "day", "time": "hour", "phone": "number"}


def not_understood(turn: Turn, task: TaskInstance, texts: tuple[str, ...] = (), keyed: bool = False) -> None:
    """Count, ask again, or give up; `texts`: how the answer was heard, or what was `keyed` in."""
    state = turn.state(task)
    if isinstance(state, Act | Reason):
        turn.say(Progress(turn.agent.texts.still_working), task.task_id)
        return
    _count(turn, task)
    if isinstance(state, Collect | Confirm) and _exhausted(turn, task, state):
        return
    if isinstance(state, Confirm) or task.verifying:
        turn.lead = turn.agent.texts.not_understood
    elif isinstance(state, Collect):
        turn.instead = _what_is_wrong(turn, task, state, texts, keyed)
    put_question(turn, again=True)


def _what_is_wrong(turn: Turn, task: TaskInstance, state: Collect, texts: tuple[str, ...], keyed: bool) -> str:
    """Return what is asked in place of the reprompt: the wrong check digits, or the wrong way to say it."""
    slot = turn.definition(task).slots[state.slot]
    if slot.by_keys and not keyed:
        return turn.agent.texts.key_it_in
    if any(fails_checksum(text, slot.shape, turn.setting) for text in texts):
        return turn.text(task, slot.invalid or f"{turn.agent.texts.invalid} {wording(state, slot)}")
    return ""


def _count(turn: Turn, task: TaskInstance) -> None:
    task = turn.task(task.task_id) or task
    turn.put(task, attempts=MappingProxyType({**task.attempts, task.state: task.attempts.get(task.state, 0) + 1}))


def _exhausted(turn: Turn, task: TaskInstance, state: Collect | Confirm) -> bool:
    """After too many attempts: the state's own way out, a human, or the end of the task."""
    task = turn.task(task.task_id) or task
    if task.attempts.get(task.state, 0) < (state.retry.attempts or turn.agent.limits.no_match):
        return False
    turn.instead = ""
    if state.retry.to:
        move(turn, task, state.retry.to, "too many attempts")
        run(turn, task.task_id)
    elif turn.agent.escalation.target:
        to_human(turn)
    else:
        fail(turn, task, turn.agent.texts.too_many_retries, "too_many_retries")
    return True
