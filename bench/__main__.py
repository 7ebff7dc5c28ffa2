"""Measures OpusAgent, black box where it can be, and says which aims were met."""

import argparse
import json
import platform
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import uvloop

from bench import core, report, response, service
from bench.calls import aims_of, measure_all
from bench.figures import Aim
from bench.targets import TARGETS, TITLES
from chassis.rpc import RpcError

EPILOG = """\
parts:
  calls     added latency caller -> model -> caller, and CPU per second of call, for a bare passthrough of two sockets,
            OpusAgent in one process, and in five processes on a real Kafka and Redis (about 5 minutes)
  core      a step by rules in the engine's core alone; loading 100 definitions (half a minute)
  step      a step through a real Kafka and Redis; what open tasks weigh (2 minutes)
  response  end of the caller's speech to the first sound of the agent, with local speech (4 minutes)

`calls --targets floor,one`, `core` and `response` need no Kafka and no Redis. Everything runs on this machine, and
wants it to itself: compare ratios within one run, not milliseconds between machines. What the processes say goes to
build/bench.log.
"""

Say = Callable[[str], None]
Tables = list[str]


@dataclass(frozen=True)
class Result:
    """What a part found: its tables, its JSON, its aims."""

    tables: Tables
    found: Any
    aims: Sequence[Aim]


async def _calls(args: argparse.Namespace, say: Say) -> Result:
    rows = await measure_all(args.targets, args.calls, args.seconds, say)
    return Result([report.calls_table(rows)], [row.as_json() for row in rows], aims_of(rows))


async def _core(args: argparse.Namespace, say: Say) -> Result:
    say("core ...")
    found = core.measure(args.rounds)
    return Result([report.core_table(found)], found.as_json(), found.aims)


async def _step(args: argparse.Namespace, say: Say) -> Result:
    found = await service.measure(args.conversations, args.open_tasks, say)
    return Result([report.service_table(found)], found.as_json(), found.aims)


async def _response(args: argparse.Namespace, say: Say) -> Result:
    found = await response.measure(args.response_calls, say)
    return Result([report.response_table(found)], found.as_json(), found.aims)


PARTS: dict[str, Callable[[argparse.Namespace, Say], Awaitable[Result]]] = {
    "core": _core,
    "step": _step,
    "response": _response,
    "calls": _calls,
}


def _names_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}: there are {', '.join(known)}")
        return names

    return parse


def _counts(text: str) -> list[int]:
    return [int(count) for count in text.split(",")]


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    only = f"parts to measure, comma separated: {', '.join(PARTS)} (default: all)"
    parser.add_argument("--only", type=_names_of(list(PARTS)), default=list(PARTS), metavar="PARTS", help=only)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables; progress goes to stderr")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), help="where the JSON goes (%(default)s)")
    calls = parser.add_argument_group("part calls")
    calls.add_argument(
        "--calls", type=_counts, default="1,20,60,100", metavar="N,N", help="simultaneous calls (%(default)s)"
    )
    calls.add_argument(
        "--targets",
        type=_names_of(list(TARGETS)),
        default=list(TARGETS),
        help=f"of {', '.join(TARGETS)} (default: all)",
    )
    calls.add_argument("--seconds", type=float, default=6.0, help="measured seconds per row (%(default)s)")
    others = parser.add_argument_group("other parts")
    others.add_argument("--rounds", type=int, default=5, help="core: how often each step is made (%(default)s)")
    others.add_argument(
        "--conversations", type=int, default=60, metavar="N", help="step: one at a time, of about 8 steps (%(default)s)"
    )
    others.add_argument("--open-tasks", type=int, default=3_000, metavar="N", help="step: to be weighed (%(default)s)")
    others.add_argument(
        "--response-calls", type=int, default=4, metavar="N", help="response: of about 5 answers (%(default)s)"
    )
    return parser.parse_args()


def machine() -> dict[str, Any]:
    """Return what a reader must know of this machine."""
    return {
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


async def measure(args: argparse.Namespace, say: Say) -> tuple[dict[str, Result], dict[str, str]]:
    """Measure the parts one after the other; returns what they found, and why others found nothing."""
    results, failures = {}, {}
    for name in args.only:
        try:
            results[name] = await PARTS[name](args, say)
        except (RuntimeError, OSError, RpcError, ExceptionGroup) as error:
            failures[name] = _why(error)
            say(f"{name}: could not be measured: {failures[name]}")
    return results, failures


def _why(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def main() -> None:
    """Measure, print the tables, write the JSON; exits with 1 when a part could not be measured."""
    args = arguments()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", file=sys.stderr, flush=True)

    # Ended from outside, its children shall end as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results, failures = uvloop.run(measure(args, say))
    except KeyboardInterrupt:
        sys.exit("interrupted: nothing was written")
    aims = [aim for result in results.values() for aim in result.aims]
    text = json.dumps(
        {
            "machine": machine(),
            "seconds": round(time.monotonic() - began),
            "titles": TITLES,
            "aims": [aim.as_json() for aim in aims],
            "failures": failures,
            **{name: result.found for name, result in results.items()},
        },
        indent=2,
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text)
    if args.json:
        print(text)
    else:
        tables = [table for result in results.values() for table in result.tables]
        about = machine()
        print(
            f"{about['cores']} cores, {about['memory_gib']} GiB, Python {about['python']}, {about['system']}",
            *tables,
            report.aims_table(aims),
            f"JSON: {args.out}",
            sep="\n\n",
        )
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
