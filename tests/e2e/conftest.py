"""Whole systems under real audio at real pace: all stories of one protocol play at once against one system.

A recogniser mishears now and then, the more so where many calls share two cores: a story that did not come true is
played once more, by itself, its first timeline is printed, and the summary at the end counts it.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from opusagent_cli import demo
from opusagent_cli.options import UpOptions
from opusagent_cli.people import People, people
from opusagent_cli.ports import free_port
from opusagent_cli.serve import many_processes, one_process
from simulator.stories import STORIES, StoryReport, run_story

Play = Callable[..., Awaitable[list[StoryReport]]]

# Long enough for the stories that resume, short enough for the one that waits for it to pass.
RESUME_TTL_S = 40.0
PLAYED = "stories played, and which of them twice"

# Every story wants tomorrow at ten.
DOCTORS = "20"


@contextlib.asynccontextmanager
async def scene(options: UpOptions, crowd: People, backend: str) -> AsyncIterator[demo.Scene]:
    arrangement = many_processes if options.kafka else one_process
    async with contextlib.AsyncExitStack() as stack:
        network = await stack.enter_async_context(demo.phone_network(0))
        model = await stack.enter_async_context(demo.realtime_model(backend, crowd))
        pace = demo.pace("expired") | {"RESUME_TTL_SECONDS": str(RESUME_TTL_S), "TWILIO_SIGNATURES": "true"}
        settings = {
            "phone_network": network.url,
            "backend": backend,
            "extra": pace | model,
        }
        options = UpOptions(**(vars(options) | settings))
        running = await stack.enter_async_context(arrangement(options, print))
        yield demo.Scene(options.public_url, network, running.session, demo.bookings_in(options.data))


def told(report: StoryReport) -> str:
    lines = [f"{report.story} over {report.protocol}"]
    lines += [f"{entry.at_s:7.1f} {entry.who:8} {entry.text}" for entry in report.timeline]
    return "\n".join(lines)


async def one(stage: demo.Scene, crowd: People, name: str, protocol: str) -> StoryReport:
    report = await run_story(name, protocol, demo.environment(stage, crowd, lambda _: None))
    if not report.ok:
        print(told(report))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    found = [
        value
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == PLAYED and report.when == "call"
    ]
    if found:
        again = [story for _, stories in found for story in stories]
        names = f": {', '.join(sorted(again))}" if again else ""
        terminalreporter.write_line(f"stories: {sum(count for count, _ in found)} played, {len(again)} twice{names}")


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]) -> Play:
    """Play stories at once on one system; fails with the timeline of each that was not as promised, even alone."""

    monkeypatch.setenv("CALENDAR_DOCTORS", DOCTORS)

    async def play(
        names: list[str], protocol: str, options: UpOptions | None = None, backend: str = "local"
    ) -> list[StoryReport]:
        with tempfile.TemporaryDirectory() as data:
            options = options or UpOptions(port=free_port(), ops_port=0, session_port=0)
            options = UpOptions(**(vars(options) | {"data": Path(data)}))
            async with people() as crowd, scene(options, crowd, backend) as stage:
                reports = await asyncio.gather(*(one(stage, crowd, name, protocol) for name in names))
                again = [report.story for report in reports if not report.ok]
                record_property(PLAYED, (len(names), [f"{name} ({protocol})" for name in again]))
                reports = [report for report in reports if report.ok]
                for name in again:
                    reports.append(await one(stage, crowd, name, protocol))
        failed = [told(report) for report in reports if not report.ok]
        assert not failed, "\n\n".join(failed)
        return list(reports)

    return play


@pytest.fixture
def every_story() -> list[str]:
    return list(STORIES)
