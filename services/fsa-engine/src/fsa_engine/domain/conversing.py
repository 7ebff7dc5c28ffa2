"""The conversation around the tasks: what the caller says is first for it, then for the task that has the floor."""

from fsa_engine.domain.events import Opened, Utterance
from fsa_engine.domain.filling import heard, put_values, settle
from fsa_engine.domain.floor import (
    focus,
    give,
    goodbye,
    hang_up_on_silence,
    is_writing,
    put_question,
    to_human,
    work_would_be_lost,
)
from fsa_engine.domain.flow import close
from fsa_engine.domain.listening import not_understood, takes_any_words, understand
from fsa_engine.domain.outputs import Failed, Progress
from fsa_engine.domain.snapshot import Pending, Source, TaskInstance
from fsa_engine.domain.tools import take_result
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding import answers
from fsa_engine.domain.understanding.intents import Match
from fsa_engine.domain.understanding.words import tokens_of


def hear(turn: Turn, event: Utterance) -> None:
    """Answer an utterance."""
    texts = tuple(text for text in (event.text, *event.alternatives) if tokens_of(text))[:5]
    turn.change(silences=0, keys="")
    if not texts:
        return put_question(turn, again=True)
    tokens = tokens_of(texts[0])
    phase = turn.snapshot.phase
    if _wish(turn, tokens):
        return None
    if turn.snapshot.pending:
        return _answer_pending(turn, turn.snapshot.pending, texts)
    if phase == "resuming":
        return answer_resuming(turn, texts)
    task = turn.snapshot.focused
    if phase == "offering_more":
        return _answer_offer(turn, texts)
    if task is not None:
        return answer_task(turn, task, texts)
    return _answer_openly(turn, texts)


def _wish(turn: Turn, tokens: tuple[str, ...]) -> bool:
    """Carry out what is said to the conversation itself: repeat, a person, stop, goodbye, help."""
    task = turn.snapshot.focused
    guarded = task is not None and turn.snapshot.phase == "open" and takes_any_words(turn, task) and len(tokens) > 5
    if guarded:
        return False
    if answers.wants_repeat(tokens):
        turn.note("asked to repeat")
        put_question(turn)
    elif answers.wants_human(tokens):
        turn.note("asked for a person")
        to_human(turn)
    elif turn.snapshot.pending is None and task is not None and answers.wants_cancel(tokens):
        ask_to_cancel(turn, task)
    elif turn.snapshot.pending is None and task is not None and answers.says_goodbye(tokens):
        ask_to_cancel(turn, task)
    elif not turn.snapshot.tasks and answers.says_goodbye(tokens):
        goodbye(turn)
    elif answers.wants_help(tokens):
        turn.lead = turn.agent.help if task is None else turn.lead
        put_question(turn, again=True)
    else:
        return False
    return True


def answer_task(turn: Turn, task: TaskInstance, texts: tuple[str, ...]) -> None:
    """Take words as an answer to the focused task, or as a wish for another one."""
    if not takes_any_words(turn, task) and _pivot(turn, task, texts[0]):
        return
    if not understand(turn, task, texts):
        not_understood(turn, task)
    give(turn)


def _pivot(turn: Turn, task: TaskInstance, text: str) -> bool:
    match = _match(turn, text)
    if not match.task or match.task == task.task:
        return False
    start(turn, match.task, text)
    return True


def _match(turn: Turn, text: str, among: tuple[str, ...] = ()) -> Match:
    match = turn.agent.matcher.match(text, among)
    turn.rules.append({"rule": "intent", "for": match.task or "/".join(match.close) or "none", "value": match.scores})
    return match


def start(turn: Turn, name: str, text: str = "", source: Source = "caller") -> None:
    """Start a task (or go on with it if it is open) with what the same words give for its slots."""
    task = next((t for t in turn.snapshot.tasks if t.task == name), None)
    if task is None:
        number = turn.snapshot.started + 1
        task = TaskInstance(task_id=f"t{number}", task=name, state=turn.agent.tasks[name].initial)
        turn.change(started=number)
        turn.put(task)
        turn.note(f"{name}: started")
    turn.change(phase="open", focus=task.task_id, pending=None, misunderstood=0, keys="")
    filled = put_values(turn, task, heard(turn, task, text), source)
    settle(turn, filled)
    give(turn)


def _answer_openly(turn: Turn, texts: tuple[str, ...]) -> None:
    """Find out which task is wanted."""
    matches = [_match(turn, text) for text in texts]
    clear = next((i for i, match in enumerate(matches) if match.task), None)
    close_to = next((match.close for match in matches if match.close), ())
    if clear is not None:
        start(turn, matches[clear].task, texts[clear])
    elif len(close_to) > 1:
        turn.change(pending=Pending("choose", options=close_to[:3], words=texts[0][:500]))
        put_question(turn)
    elif len(close_to) == 1 and turn.snapshot.misunderstood:
        start(turn, close_to[0], texts[0])
    else:
        _unclear(turn)


def _unclear(turn: Turn) -> None:
    count = turn.snapshot.misunderstood + 1
    turn.change(misunderstood=count, phase="open")
    if count >= turn.agent.limits.no_match and turn.agent.escalation.target:
        to_human(turn)
        return
    turn.lead = turn.agent.texts.not_understood if count > 1 else ""
    put_question(turn, again=True)


def _answer_offer(turn: Turn, texts: tuple[str, ...]) -> None:
    tokens = tokens_of(texts[0])
    match = _match(turn, texts[0])
    verdict = answers.yes_or_no(tokens)
    if match.task or match.close:
        turn.change(phase="open")
        _answer_openly(turn, texts)
    elif verdict is False or answers.wants_nothing_more(tokens):
        goodbye(turn)
    elif verdict:
        turn.change(phase="open")
        turn.ask(turn.agent.texts.what_else, "intent")
    else:
        _unclear(turn)


def _answer_pending(turn: Turn, pending: Pending, texts: tuple[str, ...]) -> None:
    if pending.kind == "choose":
        return _choose(turn, pending, texts)
    verdict = answers.yes_or_no(tokens_of(texts[0]))
    if verdict is None and (answers.wants_cancel(tokens_of(texts[0])) or answers.says_goodbye(tokens_of(texts[0]))):
        verdict = True
    if verdict is None and answers.wants_continue(tokens_of(texts[0])):
        verdict = False
    return answer_cancel(turn, pending, verdict)


def answer_cancel(turn: Turn, pending: Pending, verdict: bool | None) -> None:
    """Take yes or no to "shall I stop ...?"."""
    task = turn.task(pending.task_id)
    if verdict is None:
        turn.lead = turn.agent.texts.not_understood
        put_question(turn, again=True)
    elif task is None:
        turn.change(pending=None)
        give(turn)
    elif verdict and not is_writing(turn, task):
        drop(turn, task)
    else:
        focus(turn, task, turn.agent.texts.go_on)


def ask_to_cancel(turn: Turn, task: TaskInstance) -> None:
    """Give a task up: at once if nothing would be lost, else after asking."""
    if is_writing(turn, task):
        turn.reject("a tool that cannot be taken back is at work")
        turn.say(Progress(turn.agent.texts.still_working), task.task_id)
    elif work_would_be_lost(turn, task):
        turn.change(phase="open", focus=task.task_id, pending=Pending("cancel", task_id=task.task_id))
        put_question(turn)
    else:
        drop(turn, task)


def drop(turn: Turn, task: TaskInstance) -> None:
    """End a task because the caller wants it so."""
    turn.change(phase="open")
    close(turn, task, "cancelled")
    turn.say(Failed(turn.agent.texts.cancelled, "cancelled"), task.task_id)
    give(turn)


def _choose(turn: Turn, pending: Pending, texts: tuple[str, ...]) -> None:
    tokens = tokens_of(texts[0])
    place = _place(tokens)
    match = _match(turn, texts[0], pending.options)
    other = _match(turn, texts[0])
    chosen = pending.options[place] if 0 <= place < len(pending.options) else (other.task or match.task)
    if chosen:
        start(turn, chosen, f"{pending.words}. {texts[0]}")
    elif answers.yes_or_no(tokens) is False:
        turn.change(pending=None, phase="open")
        turn.ask(turn.agent.texts.what_else, "intent")
    else:
        turn.change(misunderstood=turn.snapshot.misunderstood + 1)
        if turn.snapshot.misunderstood >= turn.agent.limits.no_match:
            turn.change(pending=None)
            return _unclear(turn)
        turn.lead = turn.agent.texts.not_understood
        put_question(turn)
    return None


def _place(tokens: tuple[str, ...]) -> int:
    for index, words in enumerate(({"first", "former"}, {"second", "latter", "last"}, {"third"})):
        if words & set(tokens):
            return index
    return -1


# -- a call begins


def open_call(turn: Turn, event: Opened) -> None:
    """Greet, or welcome back and offer to go on."""
    tasks = turn.snapshot.tasks if event.resumed else ()
    turn.change(phase="open", tasks=tasks, focus="", pending=None, silences=0, misunderstood=0, closing_spoken=False)
    if not tasks:
        turn.ask(turn.agent.greeting, "intent")
        return
    held = [task for task in tasks if task.held is not None]
    turn.change(focus=(held or list(tasks))[-1].task_id)
    if held:
        turn.lead = turn.agent.texts.welcome_back_done
        for task in held:
            take_result(turn, task, task.held or {})
        give(turn)
        return
    turn.change(phase="resuming")
    texts = turn.agent.texts
    turn.ask(turn.named(texts.welcome_back_several if len(tasks) > 1 else texts.welcome_back, tasks), "choice")


def answer_resuming(turn: Turn, texts: tuple[str, ...]) -> None:
    """Take "continue", "start over", which of several, or at once what the task asks for."""
    tokens = tokens_of(texts[0])
    task = _meant(turn, texts[0], tokens)
    match = _match(turn, texts[0])
    if answers.wants_start_over(tokens):
        start_over(turn, task or turn.snapshot.tasks[-1], texts[0])
    elif match.task and all(t.task != match.task for t in turn.snapshot.tasks):
        start(turn, match.task, texts[0])
    elif task is None:
        _ask_which(turn, tokens)
    elif answers.wants_continue(tokens) or answers.yes_or_no(tokens) or len(turn.snapshot.tasks) > 1:
        go_on(turn, task, texts)
    elif _has_content(turn, task, texts[0]):
        go_on(turn, task, texts)
    else:
        _ask_which(turn, tokens)


def _ask_which(turn: Turn, tokens: tuple[str, ...]) -> None:
    count = turn.snapshot.misunderstood + 1
    turn.change(misunderstood=count)
    if count >= turn.agent.limits.no_match:
        focus(turn, turn.snapshot.tasks[-1], turn.agent.texts.go_on)
        return
    turn.lead = "" if answers.yes_or_no(tokens) is not None else turn.agent.texts.not_understood
    put_question(turn, again=True)


def _meant(turn: Turn, text: str, tokens: tuple[str, ...]) -> TaskInstance | None:
    """Return which of the open tasks is meant; the only one, if there is one."""
    tasks = turn.snapshot.tasks
    if len(tasks) == 1:
        return tasks[0]
    place = _place(tokens)
    if 0 <= place < len(tasks):
        return tasks[place]
    match = _match(turn, text, tuple(t.task for t in tasks))
    return next((t for t in tasks if t.task == match.task), None)


def _has_content(turn: Turn, task: TaskInstance, text: str) -> bool:
    expected = getattr(turn.state(task), "slot", "")
    if takes_any_words(turn, task):
        return False
    return bool(heard(turn, task, text, expected))


def go_on(turn: Turn, task: TaskInstance, texts: tuple[str, ...]) -> None:
    """Continue a task, with what was said beside "yes" as its answer. A confirmation is always asked anew."""
    turn.change(phase="open", focus=task.task_id, misunderstood=0)
    values = {}
    if _has_content(turn, task, texts[0]):
        values = heard(turn, task, texts[0], getattr(turn.state(task), "slot", ""))
        values = {n: v for n, v in values.items() if n not in task.slots or task.slots[n].value != v}
    if values and not is_writing(turn, task):
        expected = getattr(turn.state(task), "slot", "")
        settle(turn, put_values(turn, task, values, "caller"), expected)
        give(turn)
    else:
        focus(turn, task)


def start_over(turn: Turn, task: TaskInstance, text: str = "") -> None:
    """Empty a task's slots and begin at its first state. What a tool is changing cannot be begun again."""
    if is_writing(turn, task):
        turn.reject("a tool that cannot be taken back is at work")
        focus(turn, task)
        return
    turn.note(f"{task.task}: started over")
    close(turn, task, "started over")
    start(turn, task.task, text)


# -- silence


def silence(turn: Turn) -> None:
    """Ask whether the caller is there, at last hang up."""
    task = turn.snapshot.focused
    if task is not None and task.waiting and turn.snapshot.phase == "open" and not turn.snapshot.pending:
        turn.say(Progress(turn.agent.texts.still_working), task.task_id)
        return
    count = turn.snapshot.silences + 1
    turn.change(silences=count)
    if turn.snapshot.phase == "offering_more" and count >= 2:
        goodbye(turn)
    elif count >= turn.agent.limits.no_input:
        hang_up_on_silence(turn)
    else:
        turn.lead = turn.agent.texts.silence
        put_question(turn)
