"""The bench's table, for people and as Markdown."""

from bench.calls import Row
from bench.targets import TITLES


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table, with ratios to the floor at the same number of calls."""
    floors = {row.calls: row for row in rows if row.target == "floor"}
    lines = [
        "| target | calls | p50 ms | p95 ms | p99 ms | × floor "
        "| CPU ms per call·s | × floor | lost | apart | machine |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_line(row, floors.get(row.calls)) for row in rows]
    return "\n".join(lines)


def _line(row: Row, floor: Row | None) -> str:
    latency = row.latency
    processes = ", ".join(f"{name} {ms:.1f}" for name, ms in row.cpu_ms.items())
    apart = ", ".join(f"{name} {ms:.1f}" for name, ms in row.apart_ms.items())
    cells = [
        TITLES[row.target],
        str(row.calls),
        *(f"{latency[key]:.2f}" if key in latency else "–" for key in ("p50_ms", "p95_ms", "p99_ms")),
        _ratio(latency.get("p50_ms"), floor.latency.get("p50_ms") if floor else None),
        f"{row.total_cpu_ms:.1f}" + (f" ({processes})" if len(row.cpu_ms) > 1 else ""),
        _ratio(row.total_cpu_ms, floor.total_cpu_ms if floor else None),
        str(latency["lost"]),
        apart,
        f"{row.machine_percent:.0f} %" + (" saturated" if row.saturated else ""),
    ]
    return "| " + " | ".join(cells) + " |"


def _ratio(value: float | None, floor: float | None) -> str:
    return f"{value / floor:.1f}" if value and floor else "–"
