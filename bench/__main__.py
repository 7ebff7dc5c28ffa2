"""`make bench`: added latency and CPU of OpusAgent, as ratios to a bare passthrough measured in the same run."""

import argparse
import asyncio
import json
import platform
from pathlib import Path

import psutil

from bench import report
from bench.calls import measure_all
from bench.targets import TARGETS, TITLES

EXPLANATION = """\
Caller -> system -> echoing model -> system -> caller, 20 ms G.711 frames at real pace, all on this machine.
CPU is user plus system time per second of call; broker, store, load generator and echo are listed apart."""


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--calls", default="1,20,60,100", help="numbers of simultaneous calls, comma separated")
    parser.add_argument("--targets", default=",".join(TARGETS), help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured seconds per row")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    return parser.parse_args()


def main() -> None:
    """Measure, print the table, write the JSON."""
    args = arguments()
    names = args.targets.split(",")
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        raise SystemExit(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    counts = [int(count) for count in args.calls.split(",")]
    rows = asyncio.run(measure_all(names, counts, args.seconds))
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version(), "system": platform.machine()}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(
        json.dumps({"machine": machine, "titles": TITLES, "rows": [row.as_json() for row in rows]}, indent=2)
    )
    print(EXPLANATION, report.table(rows), f"JSON: {args.out}", sep="\n\n")


if __name__ == "__main__":
    main()
