"""`opusagent audit` and `opusagent replay`, on the log of real conversations in text."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.bus_inprocess import InProcessBus
from chassis.rpc import serve
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.session.v1.session_pb2_grpc import add_SessionServiceServicer_to_server
from opusagent_cli.audit.comparing import changes
from session.bootstrap import build
from session.settings import SessionSettings

CONVERSATIONS = ("I want to order something\na cake\nyes\nno thanks\n", "I want to order something\ntea\nno\n")
UPDATE = 'UPDATE log SET value = ? WHERE "offset" = ?'


@dataclass
class Kept:
    """The data folder of an OpusAgent, and its sessions in order of their conversations."""

    data: Path
    sessions: list[str]

    def steps(self) -> list[tuple[int, CallEvent]]:
        with contextlib.closing(sqlite3.connect(self.data / "log.sqlite")) as database:
            rows = database.execute('SELECT "offset", value FROM log ORDER BY "offset"').fetchall()
        facts = [(offset, CallEvent.FromString(value)) for offset, value in rows]
        return [(offset, fact) for offset, fact in facts if fact.WhichOneof("fact") == "fsa_stepped"]

    def change(self, index: int, edit: Callable[[CallEvent], None]) -> None:
        """Edit the record of a step of the first session behind everybody's back."""
        offset, event = self.steps()[index - 1]
        edit(event)
        with contextlib.closing(sqlite3.connect(self.data / "log.sqlite")) as database, database:
            database.execute(UPDATE, (event.SerializeToString(), offset))

    def delete(self, index: int) -> None:
        with contextlib.closing(sqlite3.connect(self.data / "log.sqlite")) as database, database:
            database.execute('DELETE FROM log WHERE "offset" = ?', (self.steps()[index - 1][0],))


@pytest.fixture(scope="session")
def held(tmp_path_factory: pytest.TempPathFactory, texts: tuple[str, str]) -> tuple[Path, Path]:
    """The folder of the tiny agent, and data of conversations with it."""
    folder, data = tmp_path_factory.mktemp("tiny"), tmp_path_factory.mktemp("data")
    for name, text in zip(("agent.yaml", "shop.py"), texts, strict=True):
        (folder / name).write_text(text)
    for number, conversation in enumerate(CONVERSATIONS):
        (folder / "script.txt").write_text(conversation)
        command = [sys.executable, "-m", "opusagent_cli.__main__", "agent", "chat", folder, "--data", data, "--script"]
        caller = ["--caller", f"+1555010{number}"]
        subprocess.run([*command, folder / "script.txt", *caller], check=True, capture_output=True, timeout=50)
    return folder, data


@pytest.fixture
def agent(held: tuple[Path, Path]) -> Path:
    return held[0]


@pytest.fixture
def kept(held: tuple[Path, Path], tmp_path: Path) -> Kept:
    """A copy that a test may spoil."""
    data = tmp_path / "data"
    shutil.copytree(held[1], data)
    made = Kept(data, [])
    made.sessions = list(dict.fromkeys(event.session_id for _, event in made.steps()))
    return made


@pytest.fixture
def served(kept: Kept) -> Callable[[], "contextlib.AbstractAsyncContextManager[str]"]:
    """The same data behind a session service."""

    @contextlib.asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        bus = InProcessBus(kept.data)
        await bus.start()
        app = build(SessionSettings(store="sqlite", data_dir=kept.data, lease_ttl_seconds=0), bus)
        await app.start()
        server = await serve([(add_SessionServiceServicer_to_server, app.servicer)], "127.0.0.1", 0)
        try:
            yield f"127.0.0.1:{server.port}"
        finally:
            await server.stop()
            await app.stop()
            await bus.stop()

    return serving


def test_every_decision_is_shown(opusagent, kept: Kept) -> None:
    said = opusagent("audit", kept.sessions[0], "--data", kept.data)
    assert said.code == 0, said.out
    assert '      event    Utterance "a cake"' in said.lines
    assert '      output   Ask "Shall I order a cake?"' in said.lines
    assert "      decided  order: sure -> order (confirmed by the caller)" in said.lines
    assert any(line.startswith('      intent   order {"what": "a cake"} as call-') for line in said.lines)
    assert said.lines[-1] == "the chain of 7 steps is unbroken: every hash fits and session's own end of it"


async def test_a_running_service_is_asked(kept: Kept, agent: Path, served) -> None:
    async def ask(target: str, *arguments: str) -> tuple[int | None, str, str]:
        command = [sys.executable, "-m", "opusagent_cli.__main__", *arguments, "--session", target]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async with served() as target:
        there, gone, again = await asyncio.gather(
            ask(target, "audit", kept.sessions[0], "--json"),
            ask(target, "audit", "session-0"),
            ask(target, "replay", "--all", "--agents", str(agent)),
        )
    lines = [json.loads(line) for line in there[1].splitlines()]
    assert lines[-1] == {"steps": 7, "unbroken": True, "breaks": []}
    assert [line["index"] for line in lines[:-1]] == list(range(1, 8))
    assert lines[1]["record"]["event"]["text"] == "I want to order something"
    assert gone == (1, "", "opusagent: the log holds no step of a session 'session-0'\n")
    assert (again[0], "2 sessions, 12 steps: 2 the same" in again[1]) == (0, True)


def flip(event: CallEvent) -> None:
    record = event.fsa_stepped.record_json
    assert "a cake" in record
    event.fsa_stepped.record_json = record.replace("a cake", "a lake", 1)


def rehash(event: CallEvent) -> None:
    from opusagent_cli.audit.chain import digest

    flip(event)
    event.fsa_stepped.hash = digest(event.fsa_stepped.previous_hash, event.fsa_stepped.record_json)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda kept: kept.change(3, flip), "step 3 was changed: its record does not have its hash"),
        (lambda kept: kept.change(3, rehash), "step 4 does not follow step 3: one of them was replaced"),
        (lambda kept: kept.delete(3), "step 2 is followed by step 4: what was between them is missing"),
        (lambda kept: kept.delete(7), "the end is missing: step 6 is the last, session saved 7"),
    ],
)
def test_what_was_changed_is_found_and_named(opusagent, kept: Kept, spoil: Callable[[Kept], None], told: str) -> None:
    spoil(kept)
    said = opusagent("audit", kept.sessions[0], "--data", kept.data)
    assert said.code == 1
    assert [line for line in said.lines if line.startswith("BROKEN")] == [f"BROKEN  {told}"]
    last = json.loads(opusagent("audit", kept.sessions[0], "--data", kept.data, "--json").lines[-1])
    assert (last["unbroken"], last["breaks"][0]["message"]) == (False, told)


def test_any_byte_of_a_record_counts(opusagent, kept: Kept) -> None:
    def garble(event: CallEvent) -> None:
        event.fsa_stepped.record_json = "{" + event.fsa_stepped.record_json

    kept.change(2, garble)
    said = opusagent("audit", kept.sessions[0], "--data", kept.data)
    assert said.code == 1
    assert "      broken   the record cannot be read" in said.lines
    assert "BROKEN  step 2 was changed: its record does not have its hash" in said.lines


def test_where_there_is_nothing(opusagent, kept: Kept, tmp_path: Path) -> None:
    for arguments, problem in [
        (("audit", "session-0", "--data", kept.data), "the log holds no step of a session 'session-0'"),
        (("audit", "x", "--data", tmp_path), "holds no log.sqlite"),
        (("audit", "x", "--session", "127.0.0.1:1"), "the session service at 127.0.0.1:1 does not answer"),
        (("audit", "x", "--session", "127.0.0.1:1", "--data", tmp_path), "give --session or --data, not both"),
        (("replay", "--data", kept.data), "say which session, or --all"),
        (("replay", "--all", "--since", "soon", "--data", kept.data), "'soon' is not a time such as 30m, 24h or 7d"),
    ]:
        said = opusagent(*arguments)
        assert said.code == 1
        assert problem in said.err


def test_the_same_decisions_are_reached_again(opusagent, kept: Kept, agent: Path) -> None:
    said = opusagent("replay", kept.sessions[0], "--data", kept.data, "--agents", agent)
    assert (said.code, said.lines) == (0, [f"{kept.sessions[0]}  tiny: 7 steps, same decisions"])
    said = opusagent("replay", "--all", "--since", "24h", "--data", kept.data, "--agents", agent)
    assert (said.code, said.lines[-1]) == (0, "2 sessions, 12 steps: 2 the same, 0 different, 0 not replayed")


def test_a_verdict_that_was_not_the_rules_is_found(opusagent, kept: Kept, agent: Path) -> None:
    def forge(event: CallEvent) -> None:
        step = event.fsa_stepped
        step.record_json = step.record_json.replace('"verdict":"accepted"', '"verdict":"rejected"')

    kept.change(4, forge)
    said = opusagent("replay", kept.sessions[0], "--data", kept.data, "--agents", agent)
    assert said.code == 1
    assert '      - "rejected"' in said.lines
    assert '      + "accepted"' in said.lines
    [line] = opusagent("replay", kept.sessions[0], "--data", kept.data, "--agents", agent, "--json").lines
    [difference] = json.loads(line)["differences"]
    assert (difference["step"], difference["what"]) == (4, "verdict")


def test_another_definition_shows_what_it_would_change(opusagent, kept: Kept, agent: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.yaml"
    new.write_text((agent / "agent.yaml").read_text().replace("Shall I order {what}?", "May I order {what}?"))
    said = opusagent("replay", "--all", "--data", kept.data, "--with", new)
    assert said.code == 0
    assert "Shall I order a cake?" in said.out
    assert "May I order a cake?" in said.out
    assert "2 would change" in said.lines[-1]
    assert opusagent("replay", "--all", "--data", kept.data, "--with", new, "--exit-code").code == 1


def test_over_many_sessions_only_where_each_begins_to_differ_is_shown(
    opusagent, kept: Kept, agent: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.yaml"
    text = (agent / "agent.yaml").read_text()
    new.write_text(text.replace("What would", "So what would").replace("Shall I", "May I"))
    said = opusagent("replay", "--all", "--data", kept.data, "--with", new)
    assert {line.split()[1] for line in said.lines if line.startswith("    step ")} == {"2"}
    assert any(line.endswith("more; `replay SESSION` shows them") for line in said.lines)
    alone = opusagent("replay", kept.sessions[0], "--data", kept.data, "--with", new)
    assert len({line.split()[1] for line in alone.lines if line.startswith("    step ")}) > 1


def test_a_definition_that_is_gone_is_named(opusagent, kept: Kept, agent: Path, tmp_path: Path) -> None:
    other = tmp_path / "agent.yaml"
    other.write_text((agent / "agent.yaml").read_text().replace("agent: tiny", "agent: other"))
    said = opusagent("replay", kept.sessions[0], "--data", kept.data, "--agents", other)
    assert said.code == 1
    assert "there is no definition of the agent 'tiny'" in said.out
    other.write_text((agent / "agent.yaml").read_text().replace("Hello.", "Good day."))
    said = opusagent("replay", kept.sessions[0], "--data", kept.data, "--agents", other)
    assert said.code == 1
    assert "note: decided with version" in said.out


def test_only_what_differs_is_told() -> None:
    was = {"a": [1, {"b": "x"}], "c": [1, 2, 3], "d": 0}
    now = {"a": [1, {"b": "y"}], "c": [1, 3, 4], "e": 0}
    expected = [
        '- a[1].b: "x"',
        '+ a[1].b: "y"',
        "- c[1]: 2",
        "+ c[1]: 3",
        "- c[2]: 3",
        "+ c[2]: 4",
        "- d: 0",
        "+ e: 0",
    ]
    assert list(changes(was, now)) == expected
    assert list(changes([1, 2, 3], [1, 3])) == ["- 2"]
    assert list(changes(was, was)) == []


def test_sessions_and_facts_of_a_data_folder(opusagent, kept: Kept) -> None:
    listed = opusagent("sessions", "--data", kept.data)
    assert [line.split()[0] for line in listed.lines] == kept.sessions[::-1], "newest first"
    facts = opusagent("events", "--data", kept.data)
    assert any(line.endswith(f"call    new, session {kept.sessions[0]}") for line in facts.lines)
    in_json = opusagent("events", "--data", kept.data, "--json")
    assert {json.loads(line)["session_id"] for line in in_json.lines} == set(kept.sessions)


async def test_a_data_folder_in_use_is_read_as_it_is(opusagent, kept: Kept, served) -> None:
    before = sorted(path.name for path in kept.data.iterdir())
    async with served() as target:
        files = await asyncio.to_thread(opusagent, "sessions", "--data", kept.data)
        asked = await asyncio.to_thread(opusagent, "sessions", "--session", target)
    assert files.lines == asked.lines != []
    assert sorted(path.name for path in kept.data.iterdir()) == before


@pytest.mark.parametrize("command", ["sessions", "events"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--session", "127.0.0.1:1"),
            "the session service at 127.0.0.1:1 does not answer: start it with `opusagent up`",
        ),
        (("--data", "/nonexistent"), "give the folder that OpusAgent was started with as --data"),
        (("--data", ".", "--session", "h:1"), "give --session or --data, not both"),
    ],
)
def test_nothing_to_look_into(opusagent, command: str, options: tuple[str, ...], words: str) -> None:
    said = opusagent(command, *options)
    assert said.code == 1
    assert words in said.err
