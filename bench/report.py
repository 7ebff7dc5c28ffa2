"""The bench's tables, for people and as Markdown."""

from collections.abc import Iterable, Sequence

from bench.calls import Row
from bench.core import DEFINITIONS, Core
from bench.figures import Aim, Spread
from bench.response import Response
from bench.service import AT_ONCE, Service
from bench.targets import TITLES

_STAGES = {
    "endpoint": "silence until the turn is taken to be over",
    "stt": "recognition, as far as the silence does not hide it",
    "engine": "the engine's step",
    "tts_first": "first synthesised audio",
    "around": "around the relay: sockets, gateway, 20 ms frames, the VAD's end of speech for the ear's",
    "soft": "the agent's soft first sounds",
}


def calls_table(rows: list[Row]) -> str:
    """Return latency and CPU of calls, with ratios to the floor at the same number of calls."""
    floors = {row.calls: row for row in rows if row.target == "floor"}
    headings = ("target", "calls", "p50 ms", "p95 ms", "p99 ms", "× floor", "CPU ms per call·s", "× floor", "lost")
    return _markdown((*headings, "apart", "machine"), (_call_cells(row, floors.get(row.calls)) for row in rows))


def core_table(core: Core) -> str:
    """Return the steps of the core alone, and the loading of definitions."""
    rows = [(kind, *_cells(spread)) for kind, spread in core.step.items()]
    rows.append(("all, with everything that is saved encoded", *_cells(core.saved)))
    rows.append(("loading a definition", *_cells(core.load_ms)))
    return "\n".join(
        (
            _markdown(("in the core alone", "times", "p50 ms", "p90 ms", "p99 ms", "worst ms"), rows),
            "",
            f"{core.steps_per_second} steps/s on one core, {core.saved_per_second} with everything encoded; "
            f"{DEFINITIONS} definitions load in {core.load_seconds:.1f} s.",
        )
    )


def service_table(service: Service) -> str:
    """Return the steps through Kafka and Redis, and what open tasks weigh."""
    rows = [
        ("one conversation at a time, about 20 steps/s", *_cells(service.alone)),
        ("of it: a bare hop on Kafka, of which a step has two", *_cells(service.hop)),
        ("of it: a bare write to Redis that is on disk", *_cells(service.write)),
        (f"{AT_ONCE} conversations at a time, without a pause", *_cells(service.together)),
    ]
    cpu = ", ".join(f"{name} {ms:.2f}" for name, ms in service.cpu_ms_per_step.items())
    return "\n".join(
        (
            _markdown(("through Kafka and Redis", "times", "p50 ms", "p90 ms", "p99 ms", "worst ms"), rows),
            "",
            f"{service.steps_per_second:.0f} steps/s on the whole machine; CPU ms per step: {cpu}. "
            f"10,000 open tasks: {service.engine_mib:.0f} MiB in the engine, {service.redis_mib:.0f} MiB in Redis "
            f"(measured with {service.open_tasks}).",
        )
    )


def response_table(response: Response) -> str:
    """Return the response time and where it goes."""
    measured = [
        ("at the caller's ear", *_cells(response.ear)),
        ("at the telephone, however soft", *_cells(response.first_audio)),
        ("in the relay", *_cells(response.relay)),
    ]
    goes = []
    for name, mean in response.means.items():
        stage = response.stages.get(name)
        shares = (f"{stage.p50:.0f}", f"{stage.p90:.0f}") if stage else ("–", "–")
        goes.append((_STAGES[name], f"{mean:.0f}", *shares))
    goes.append(
        ("at the caller's ear", f"{response.ear.mean:.0f}", f"{response.ear.p50:.0f}", f"{response.ear.p90:.0f}")
    )
    return "\n".join(
        (
            _markdown(("response time", "answers", "p50 ms", "p90 ms", "p99 ms", "worst ms"), measured),
            "",
            _markdown(("where it goes", "mean ms", "p50 ms", "p90 ms"), goes),
            "",
            f"{response.unanswered} unanswered; of the agent's sentences {response.sentences_made} were synthesised, "
            f"{response.sentences_cached} known already.",
        )
    )


def aims_table(aims: Iterable[Aim]) -> str:
    """Return the aims and what came of them."""
    rows = [
        (aim.what, f"≤ {aim.limit:g} {aim.unit}", f"{aim.found:.3g} {aim.unit}", "met" if aim.met else "missed")
        for aim in aims
    ]
    return _markdown(("aim", "limit", "found", ""), rows)


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return "\n".join([*lines, *("| " + " | ".join(cells) + " |" for cells in rows)])


def _cells(spread: Spread) -> tuple[str, ...]:
    times = (spread.p50, spread.p90, spread.p99, spread.worst)
    return (str(spread.count), *(f"{value:.3g}" if value < 100 else f"{value:.0f}" for value in times))


def _call_cells(row: Row, floor: Row | None) -> list[str]:
    latency = row.latency
    processes = ", ".join(f"{name} {ms:.1f}" for name, ms in row.cpu_ms.items())
    return [
        TITLES[row.target],
        str(row.calls),
        *(f"{latency[key]:.2f}" if key in latency else "–" for key in ("p50_ms", "p95_ms", "p99_ms")),
        _ratio(latency.get("p50_ms"), floor.latency.get("p50_ms") if floor else None),
        f"{row.total_cpu_ms:.1f}" + (f" ({processes})" if len(row.cpu_ms) > 1 else ""),
        _ratio(row.total_cpu_ms, floor.total_cpu_ms if floor else None),
        str(latency["lost"]),
        ", ".join(f"{name} {ms:.1f}" for name, ms in row.apart_ms.items()),
        f"{row.machine_percent:.0f} %" + (" saturated" if row.saturated else ""),
    ]


def _ratio(value: float | None, floor: float | None) -> str:
    return f"{value / floor:.1f}" if value and floor else "–"
