"""The commands of `opusagent agent`. What they do is imported when they are run, so that `--help` is quick."""

import json as jsons
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from opusagent_cli.console import Terminal
from opusagent_cli.running import go

app = typer.Typer(no_args_is_help=True, help="Write agents: begin, check, draw, try and test them.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Paths = Annotated[
    list[Path], typer.Argument(help="Agents: agent.yaml files, their folders, or folders of such folders.")
]
OnePath = Annotated[Path, typer.Argument(help="An agent: its agent.yaml or its folder.")]


@app.command()
def check(
    paths: Paths,
    *,
    tools: Annotated[bool, typer.Option("--tools", help="Start the tool servers too: do they fit?")] = False,
    json: Json = False,
) -> None:
    """Find errors (exit code 1) and risky patterns, each with file, line, column and what to do."""
    from opusagent_cli.agent import checking

    if not checking.check(paths, Terminal(json=json), tools=tools):
        raise SystemExit(1)


class Style(StrEnum):
    """How conversations are held."""

    RULES = "rules"
    DIALOGUE = "dialogue"


@app.command("test")
def play(
    paths: Paths,
    *,
    style: Annotated[
        Style, typer.Option(help="The rules alone, or a conversing model (a stand-in) before them.")
    ] = Style.RULES,
    json: Json = False,
) -> None:
    """Play the conversations beside an agent; exit code 0 only if all went as they say."""
    from opusagent_cli.agent import testing

    terminal = Terminal(json=json)
    if style is Style.RULES:
        passed = testing.play(paths, terminal)
    else:
        passed = go(testing.converse(paths, terminal), log_level="CRITICAL")
    if not passed:
        raise SystemExit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of agent.yaml, for editors."""
    from fsa_engine.domain.definition import json_schema

    typer.echo(jsons.dumps(json_schema(), indent=2))


class Form(StrEnum):
    """How a graph is written."""

    MERMAID = "mermaid"
    SVG = "svg"


@app.command()
def graph(
    path: OnePath,
    *,
    form: Annotated[Form, typer.Option("--format", help="Mermaid text, or an SVG picture.")] = Form.MERMAID,
    task: Annotated[str, typer.Option(help="Only this task.")] = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write (default: print it).")] = None,
) -> None:
    """Draw an agent's tasks, from its definition."""
    from opusagent_cli.agent import drawing

    drawing.graph(path, form, task, output)


@app.command()
def chat(
    path: OnePath,
    *,
    script: Annotated[Path | None, typer.Option(help="What to say, a line for each turn, instead of typing.")] = None,
    show: Annotated[str, typer.Option(help="What to show of it: rules,scratchpad,states.")] = "",
    data: Annotated[Path | None, typer.Option(help="Folder to keep all data in (default: none is kept).")] = None,
    at: Annotated[str, typer.Option(help="Local time it shall take for now, such as 2025-12-01T09:00.")] = "",
    caller: Annotated[str, typer.Option(help="The caller's number.")] = "+15550100",
    json: Json = False,
) -> None:
    """Talk with an agent in text: its rules, its own tools; with a language model where REASONER_* is set."""
    from opusagent_cli.agent import chatting

    options = chatting.ChatOptions(path, script, chatting.showing(show), data, at, caller)
    go(chatting.chat(options, Terminal(json=json)), log_level="ERROR")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits, - and _.")],
    *,
    folder: Annotated[Path, typer.Option("--dir", help="Where its folder is made.")] = Path("."),
) -> None:
    """Begin an agent: a commented definition, its conversation tests and a small tool server."""
    from opusagent_cli.agent import beginning

    beginning.begin(name, folder, Terminal())
