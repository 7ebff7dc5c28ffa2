"""Command lines that cannot be: each ends with its exit code and a sentence that says what to do, without a traceback.

`opusagent` (conftest) asserts that there is no traceback.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import typer

from opusagent_cli.__main__ import app
from opusagent_cli.people import People
from simulator.testing import ToneBook, ToneRecogniser, ToneSynthesiser

WRONG_USE = 2
"""What click exits with, and a service whose settings are wrong."""
DEAD = "127.0.0.1:9"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        yield there.getsockname()[1]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "AGENTS_PATH", "DEFAULT_AGENT", "STT_ENGINE", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")


def _words(text: str) -> str:
    """Undo the boxes and line breaks of a terminal."""
    return re.sub(r"\s+", " ", re.sub(r"[│╭╮╰╯─]", " ", text))


def _commands(group: typer.Typer) -> list[tuple[str, ...]]:
    plain = [
        (one.name or one.callback.__name__.replace("_", "-"),) for one in group.registered_commands if one.callback
    ]
    nested = [
        (inner.name, *rest)
        for inner in group.registered_groups
        if inner.typer_instance
        for rest in _commands(inner.typer_instance)
    ]
    return [*plain, *nested]  # type: ignore[list-item]


@pytest.mark.parametrize("command", [(), *_commands(app)], ids=" ".join)
def test_help(opusagent, command: tuple[str, ...]) -> None:
    said = opusagent(*command, "--help")
    assert said.code == 0
    assert re.search(rf"Usage: .*{' '.join(command)} ", said.out)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["up", "--port", "99999"], "Invalid value for '--port': Input should be less than or equal to 65535"),
        (["up", "--ops-port", "-1"], "Invalid value for '--ops-port'"),
        (["up", "--session-port", "65536"], "Invalid value for '--session-port'"),
        (["run", "--port", "99999"], "Invalid value for '--port'"),
        (["up", "--backend", "nope"], "'nope' is not one of 'auto', 'local', 'openai-realtime'"),
        (["demo", "--backend", "nope"], "'nope' is not one of 'local', 'openai-realtime'"),
        (["demo", "--network-port", "99999"], "Invalid value for '--network-port'"),
        (["realtime-standin", "--port", "99999"], "Invalid value for '--port'"),
        (["call", "--url", "ws://h", "--say", "x", "--drop-after", "-3"], "Invalid value for '--drop-after'"),
        (["up", "--data", __file__], "is a file"),
        (["fly"], "No such command 'fly'"),
    ],
)
def test_what_no_option_takes(opusagent, line: list[str], words: str) -> None:
    said = opusagent(*line)
    assert said.code == WRONG_USE
    assert words in _words(said.err)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["call", "--url", "ws://h", "--dtmf", "xyz"], "keys are 0-9 * # A-D, not 'XYZ'"),
        (["call", "--url", "ws://h"], "nothing to say"),
        (["up", "--kafka", "h:1"], "belong to --multi"),
        (["up", "--multi"], "--multi needs --kafka"),
        (["up", "--replicas", "gateway=0", "--multi"], "is not SERVICE=COUNT"),
        (["up", "--agents", "/nonexistent"], "no agent can be served from /nonexistent; give a folder"),
        (["up", "--agent", "nosuch"], "there are appointment,"),
        (["demo", "--url", f"http://{DEAD}", "--session", DEAD], "start it with `opusagent up`"),
    ],
)
def test_what_cannot_be(opusagent, line: list[str], words: str) -> None:
    said = opusagent(*line)
    assert said.code == 1
    assert words in said.err


@pytest.fixture
def up(opusagent, tmp_path: Path, tiny: Path):
    """Run `opusagent up` on an agent, a folder and ports of its own."""
    given = ["up", "--agents", tiny, "--data", tmp_path / "data", "--ops-port", 0, "--session-port", 0]
    return lambda *options: opusagent(*given, *options)


@pytest.mark.parametrize(
    ("environment", "options", "words"),
    [
        ({}, ["--backend", "openai-realtime"], "RELAY_BACKEND=openai-realtime needs OPENAI_API_KEY"),
        ({"STT_ENGINE": "nope"}, [], "STT_ENGINE: there is no 'nope': there are pocketsphinx, whisper"),
        ({"TTS_ENGINE": "nope"}, [], "TTS_ENGINE: there is no 'nope': there are hibari, piper"),
        ({"KAFKA_SSL_CAFILE": "/nope"}, [], "KAFKA_SSL_CAFILE: cannot read /nope: No such file or directory"),
        ({"GRACE_SECONDS": "soon"}, [], "GRACE_SECONDS: "),
        ({"DRAIN_SECONDS": "soon"}, ["--multi", "--kafka", DEAD, "--redis", f"redis://{DEAD}"], "DRAIN_SECONDS: "),
        ({}, ["--multi", "--kafka", "foo", "--redis", "foo"], "REDIS_URL: is not redis://HOST:PORT"),
        ({}, ["--multi", "--kafka", "foo", "--redis", "redis://h"], "KAFKA_BOOTSTRAP_SERVERS: 'foo' is not HOST:PORT"),
    ],
)
def test_settings_are_checked_before_anything_starts(
    up, monkeypatch: pytest.MonkeyPatch, environment, options, words: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    said = up(*options)
    assert said.code == WRONG_USE
    assert "opusagent: The settings are not right:" in said.err
    assert said.err.count(words) == 1


def test_all_wrong_settings_are_named_at_once(up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STT_ENGINE", "nope")
    monkeypatch.setenv("DRAIN_SECONDS", "-1")
    said = up()
    assert "STT_ENGINE" in said.err
    assert said.err.count("DRAIN_SECONDS") == 1, "shared by all services, named once"


@pytest.mark.parametrize("option", ["--port", "--ops-port"])
def test_a_taken_port_is_told_with_its_option(up, taken: int, option: str) -> None:
    said = up("--port", 0, option, taken)
    assert said.code == 1
    assert f"{option}: port {taken} is taken; stop what listens there, or choose another with {option}" in said.err


@pytest.mark.parametrize("option", ["--port", "--ops-port", "--session-port"])
def test_a_taken_port_of_a_service_apart(up, taken: int, row_of_ports: int, option: str) -> None:
    ports = {"--port": row_of_ports, "--session-port": row_of_ports + 1, "--ops-port": row_of_ports + 2, option: taken}
    multi = ["--multi", "--kafka", DEAD, "--redis", f"redis://{DEAD}"]
    said = up(*multi, *(word for pair in ports.items() for word in pair))
    assert said.code == 1
    assert f"port {taken} is taken" in said.err


def test_services_apart_must_know_their_ports(up) -> None:
    said = up("--multi", "--kafka", DEAD, "--redis", f"redis://{DEAD}", "--port", 1)
    assert said.code == 1
    assert "--ops-port, --session-port: with --multi the services must know their ports" in said.err


@pytest.fixture
def quick_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated people without speech engines, who come to no words here."""

    @contextlib.asynccontextmanager
    async def people() -> AsyncIterator[People]:
        book = ToneBook()
        ears, mouth = ToneRecogniser(book), ToneSynthesiser(book)
        yield People(ears, mouth, mouth)

    monkeypatch.setattr("opusagent_cli.calling.people", people)
    monkeypatch.setattr("opusagent_cli.demo.people", people)


@pytest.mark.usefixtures("quick_people")
@pytest.mark.parametrize("protocol", ["twilio", "audiocodes"])
@pytest.mark.parametrize("url", [f"ws://{DEAD}/media", f"http://{DEAD}"])
def test_a_call_that_nobody_answers(opusagent, protocol: str, url: str) -> None:
    said = opusagent("call", "--url", url, "--protocol", protocol, "--say", "hello")
    assert said.code == 1
    assert "not answered: " in said.out
    assert f"nobody answers at {url}: is an OpusAgent there? `opusagent up` starts one" in said.out
    assert "broke the protocol" not in said.out


@pytest.mark.usefixtures("quick_people")
def test_a_stand_in_whose_port_is_taken(opusagent, taken: int) -> None:
    said = opusagent("realtime-standin", "--port", taken)
    assert said.code == 1
    assert f"--port: port {taken} is taken" in said.err


def test_a_folder_that_holds_something_else_is_told(up, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "log.sqlite").write_text("not a database, and long enough to be looked into" * 50)
    said = up("--port", 0)
    assert said.code == 1
    assert "log.sqlite: file is not a database" in said.err


MANY_FACTS = """
import sys
from opusagent_cli import __main__, watching

async def print_facts(data, terminal):
    for _ in range(10):
        terminal.line("agent", "hello")

watching.print_facts = print_facts
sys.argv = ["opusagent", "events", "--data", "."]
__main__.main()
"""


def test_a_reader_who_has_had_enough_is_no_error() -> None:
    """What `opusagent events | head` comes to."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        ended = subprocess.run([sys.executable, "-c", MANY_FACTS], stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
