"""Latency and CPU of many simultaneous calls, for each target."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import psutil

from bench import processes
from bench.figures import Aim
from bench.targets import TARGETS, TITLES, Target

SATURATED_PERCENT = 85.0
AIMED_CALLS = 60
"""Number of calls for which the aims hold."""
# Discarded: a fresh broker compiles its code while it serves its first records.
WARM_UP_CALLS = 20
WARM_UP_SECONDS = 8.0


@dataclass
class Row:
    """One measurement: a target at a number of calls."""

    target: str
    calls: int
    latency: dict[str, float]
    cpu_ms: dict[str, float] = field(default_factory=dict)
    """CPU milliseconds per call-second of each process charged to the target."""
    apart_ms: dict[str, float] = field(default_factory=dict)
    """The same for load generator, echo, broker and store."""
    machine_percent: float = 0.0

    @property
    def total_cpu_ms(self) -> float:
        """CPU milliseconds per call-second over all processes charged to the target."""
        return sum(self.cpu_ms.values())

    @property
    def saturated(self) -> bool:
        """Whether the machine was too busy for the figures to mean much."""
        return self.machine_percent > SATURATED_PERCENT

    def as_json(self) -> dict[str, object]:
        """Return the row for the report's JSON."""
        return {**asdict(self), "total_cpu_ms": round(self.total_cpu_ms, 2), "saturated": self.saturated}


def _per_call_second(before: dict[str, float], after: dict[str, float], call_seconds: float) -> dict[str, float]:
    return {name: round((after[name] - before[name]) * 1000 / call_seconds, 3) for name in after if name in before}


async def measure(target: Target, name: str, calls: int, seconds: float, echo_pid: int) -> Row:
    """Hold `calls` calls against a target and measure for `seconds`."""
    command = ("-m", "bench.load", "--url", target.url, "--calls", str(calls), "--seconds", str(seconds))
    async with processes.running(*command) as load:
        apart = {**target.apart, "load": load.pid, "echo": echo_pid}
        line = await processes.first_line(load, timeout=60)
        if line != "measuring":
            raise RuntimeError(f"the load generator said {line!r}")
        psutil.cpu_percent()
        before = processes.cpu_seconds({**target.ours, **apart})
        await processes.first_line(load, timeout=seconds + 30)
        after = processes.cpu_seconds({**target.ours, **apart})
        machine = psutil.cpu_percent()
        latency = json.loads(await processes.first_line(load, timeout=60))
    cpu = _per_call_second(before, after, calls * seconds)
    return Row(
        target=name,
        calls=calls,
        latency=latency,
        cpu_ms={key: value for key, value in cpu.items() if key in target.ours},
        apart_ms={key: value for key, value in cpu.items() if key in apart},
        machine_percent=machine,
    )


async def measure_all(names: list[str], counts: list[int], seconds: float, say: Callable[[str], None]) -> list[Row]:
    """Measure every target at every number of calls; `say` is told of the progress."""
    rows = []
    for name in names:
        async with processes.running("-m", "bench.echo") as echo:
            port = int(await processes.first_line(echo))
            async with TARGETS[name](port) as target:
                say(f"calls: {TITLES[name]}, warming up ...")
                await measure(target, name, WARM_UP_CALLS, WARM_UP_SECONDS, echo.pid)
                for count in counts:
                    say(f"calls: {TITLES[name]}, {count} ...")
                    rows.append(await measure(target, name, count, seconds, echo.pid))
                    await asyncio.sleep(2)
    return rows


def aims_of(rows: list[Row]) -> list[Aim]:
    """Return the aims that these rows can tell of: at 60 calls, on a machine that was not saturated."""
    telling = [row for row in rows if row.calls == AIMED_CALLS and row.latency.get("p50_ms") and not row.saturated]
    at = {row.target: row for row in telling}
    floor, one, five = at.get("floor"), at.get("one"), at.get("five")
    aims = []
    if one is not None:
        aims += _latency_aims(one, p50_ms=2.0, p99_ms=10.0)
    if one is not None and floor is not None:
        share = round(one.total_cpu_ms / floor.total_cpu_ms, 2)
        aims.append(Aim(f"{TITLES['one']}: CPU at {AIMED_CALLS} calls", 2.0, share, "× floor"))
    if five is not None:
        aims += _latency_aims(five, p50_ms=5.0, p99_ms=20.0)
        cpu = round(five.total_cpu_ms, 2)
        aims.append(Aim(f"{TITLES['five']}: CPU at {AIMED_CALLS} calls", 8.0, cpu, "ms per call-second"))
    return aims


def _latency_aims(row: Row, *, p50_ms: float, p99_ms: float) -> list[Aim]:
    what = f"{TITLES[row.target]}: added latency at {row.calls} calls"
    return [
        Aim(f"{what}, p50", p50_ms, row.latency["p50_ms"], "ms"),
        Aim(f"{what}, p99", p99_ms, row.latency["p99_ms"], "ms"),
    ]
