"""The `opusagent` command."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from chassis.settings import WRONG_SETTINGS, SettingsError
from opusagent_cli.agent.commands import app as agent_app
from opusagent_cli.audit.commands import Data as FilesIn
from opusagent_cli.audit.commands import SessionAt as LookIn
from opusagent_cli.audit.commands import audit, replay, target_of
from opusagent_cli.console import Terminal
from opusagent_cli.options import UpOptions, UsageError, parse_replicas
from opusagent_cli.running import go, leave, reader_gone

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Telephone voice agents that are free in conversation, strict in business, and never lose a call.",
)
app.add_typer(agent_app, name="agent")

Json = Annotated[bool, typer.Option("--json", help="Print JSON lines for programs.")]
HIGHEST_PORT = 65535
Port = Annotated[int, typer.Option(min=0, max=HIGHEST_PORT, help="Port that telephony connects to.")]
OpsPort = Annotated[
    int, typer.Option(min=0, max=HIGHEST_PORT, help="Operator's port: /calls, /metrics, /healthz, /readyz.")
]
SessionPort = Annotated[int, typer.Option(min=0, max=HIGHEST_PORT, help="Port of the session service, on loopback.")]
Data = Annotated[Path, typer.Option(file_okay=False, help="Folder that keeps sessions and the log over restarts.")]
Agent = Annotated[str, typer.Option(help="Agent for numbers that no agent names.")]
Agents = Annotated[Path | None, typer.Option("--agents", help="Folder of agents (default: those that ship).")]
Backend = Annotated[
    Literal["auto", "local", "openai-realtime"] | None,
    typer.Option(help="Who converses; auto is openai-realtime where OPENAI_API_KEY is set."),
]
SessionAt = Annotated[str, typer.Option("--session", help="HOST:PORT of the session service.")]


@app.command()
def run(
    *,
    port: Port = 8080,
    ops_port: OpsPort = 9090,
    session_port: SessionPort = 50051,
    data: Data = Path("data"),
    agent: Agent = "",
    backend: Backend = None,
) -> None:
    """Start OpusAgent in one process, play one demo call on it, then serve."""
    from opusagent_cli import serve
    from opusagent_cli.demo import run_and_serve

    options = UpOptions(
        port=port, ops_port=ops_port, session_port=session_port, data=data, agent=agent, backend=backend or ""
    )
    serve.arranged(multi=False)
    go(run_and_serve(options, Terminal()))
    leave()


@app.command()
def up(
    *,
    port: Port = 8080,
    ops_port: OpsPort = 9090,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    data: Data = Path("data"),
    agent: Agent = "",
    agents: Agents = None,
    backend: Backend = None,
    phone_network: Annotated[
        str, typer.Option(help="URL of a Twilio stand-in, such as the one `opusagent demo` opens.")
    ] = "",
    multi: Annotated[bool, typer.Option("--multi", help="A process for each service, on Kafka and Redis.")] = False,
    kafka: Annotated[str, typer.Option(help="HOST:PORT of Kafka, with --multi.")] = "",
    redis: Annotated[str, typer.Option(help="redis://HOST:PORT, with --multi.")] = "",
    replicas: Annotated[str, typer.Option(help="With --multi: gateway=2,llm-relay=2,...")] = "",
    session_port: SessionPort = 50051,
    json: Json = False,
) -> None:
    """Serve calls, in one process or (--multi) with a process for each service."""
    from opusagent_cli import serve

    options = UpOptions(
        host=host,
        port=port,
        ops_port=ops_port,
        session_port=session_port,
        data=data,
        agent=agent,
        agents_path=agents,
        backend=backend or "",
        phone_network=phone_network,
        kafka=kafka,
        redis=redis,
        replicas=parse_replicas(replicas),
    )
    if not multi and (kafka or redis or replicas):
        raise UsageError("--kafka, --redis and --replicas belong to --multi: add it, or leave them out")
    go(serve.up(options, Terminal(json=json), serve.arranged(multi=multi)))
    leave()


@app.command()
def demo(
    *,
    story: Annotated[str, typer.Option(help="Which story (see above); `all` plays every one.")] = "ringback",
    protocol: Annotated[str, typer.Option(help="twilio or audiocodes.")] = "twilio",
    url: Annotated[str, typer.Option(help="Play against a running OpusAgent, http://HOST:PORT.")] = "",
    session: SessionAt = "127.0.0.1:50051",
    network_port: Annotated[
        int, typer.Option(min=0, max=HIGHEST_PORT, help="Port of the Twilio stand-in (0 = any, without --url).")
    ] = 8090,
    backend: Annotated[
        Literal["local", "openai-realtime"],
        typer.Option(help="openai-realtime is played against the Realtime stand-in where no key is set."),
    ] = "local",
    data: Annotated[
        Path, typer.Option(file_okay=False, help="With --url: the data folder of that OpusAgent (its calendar).")
    ] = Path("data"),
    record: Annotated[
        Path | None, typer.Option(file_okay=False, help="Keep the calls as WAV files in this folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Play a story in real time with real audio; exit code 0 only if everything promised was observed.

    Stories: ringback, callback, start-over, expired, withheld-number, two-open,
    socket-lost, handoff (a human takes the call), handoff-busy.
    """
    from opusagent_cli.demo import DemoOptions, play

    options = DemoOptions(story, protocol, url.rstrip("/"), session, network_port, backend, data, record)
    if not go(play(options, Terminal(json=json))):
        raise SystemExit(1)


@app.command()
def call(
    *,
    url: Annotated[
        str, typer.Option(help="ws://HOST:PORT/twilio/media, ws://HOST:PORT/audiocodes, or a voice webhook.")
    ],
    protocol: Annotated[str, typer.Option(help="twilio or audiocodes.")] = "twilio",
    say: Annotated[list[str] | None, typer.Option(help="What to say, once for each turn.")] = None,
    wav: Annotated[list[Path] | None, typer.Option(help="WAV files to play, one for each turn.")] = None,
    dtmf: Annotated[str, typer.Option(help="Keys to press after the greeting.")] = "",
    drop_after: Annotated[float | None, typer.Option(min=0, help="Drop the leg after so many seconds.")] = None,
    record: Annotated[Path | None, typer.Option(dir_okay=False, help="Write both directions to this WAV file.")] = None,
    caller: Annotated[str, typer.Option(help="The caller's number.")] = "+15550100",
    token: Annotated[str, typer.Option(help="Bearer token, for AudioCodes.")] = "",
    more: Annotated[list[str] | None, typer.Argument(help="Further turns.", hidden=True)] = None,
    json: Json = False,
) -> None:
    """Ring any OpusAgent as a simulated caller and print what was heard."""
    from opusagent_cli.calling import ring
    from simulator.call import CallRequest

    rest = more or []
    turns = [*(say or []), *([] if wav else rest)]
    files = [*wav, *map(Path, rest)] if wav else []
    if not turns and not files and not dtmf:
        raise UsageError("nothing to say: give --say TEXT..., --wav FILE... or --dtmf KEYS")
    try:
        request = CallRequest(url, protocol, turns, files, dtmf, drop_after, record, caller=caller, token=token)
    except ValueError as error:
        raise UsageError(str(error)) from error
    # What the far end did against the protocol is in the report.
    if not go(ring(request, Terminal(json=json)), log_level="ERROR"):
        raise SystemExit(1)


@app.command("realtime-standin")
def realtime_standin(
    port: Annotated[int, typer.Option(min=0, max=HIGHEST_PORT, help="Port of the WebSocket API.")] = 8091,
) -> None:
    """Serve a stand-in of the OpenAI Realtime API that needs no key."""
    from opusagent_cli.demo import serve_model

    go(serve_model(port, Terminal()))


@app.command()
def events(
    session: LookIn = "",
    data: FilesIn = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="All that the log holds, then on.")] = False,
    json: Json = False,
) -> None:
    """Follow the log of facts of a running OpusAgent; with --data, print what the log holds."""
    from opusagent_cli import watching

    terminal = Terminal(json=json)
    target = target_of(session, data)
    go(watching.print_facts(data, terminal) if data else watching.follow(target, terminal, from_start=from_start))


@app.command()
def sessions(session: LookIn = "", data: FilesIn = None, json: Json = False) -> None:
    """List saved sessions of an OpusAgent, newest first; their ids are what `audit` and `replay` take."""
    from opusagent_cli import watching

    terminal = Terminal(json=json)
    target = target_of(session, data)
    go(watching.list_sessions_in(data, terminal) if data else watching.list_sessions(target, terminal))


app.command()(audit)
app.command()(replay)


def main() -> None:
    """Run the command; what goes wrong is said in one line."""
    try:
        app()
    except UsageError as error:
        sys.stderr.write(f"opusagent: {error}\n")
        sys.exit(error.code)
    except SettingsError as error:
        sys.stderr.write(f"opusagent: {error}\n")
        sys.exit(WRONG_SETTINGS)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        reader_gone()
    except (OSError, RuntimeError) as error:
        sys.exit(f"opusagent: {error}")


if __name__ == "__main__":
    main()
