"""`opusagent agent check`: everything wrong with definitions and conversation tests, each at its place."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from fsa_engine.domain.conversation import load_scripts
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import DefinitionError, Problem, load_agent
from fsa_engine.domain.loading.source import Source, read_source
from fsa_engine.domain.loading.together import check_together
from opusagent_cli.agent.files import agent_files, conversation_files
from opusagent_cli.agent.risks import risks, shared_numbers
from opusagent_cli.console import Terminal
from opusagent_cli.running import go

ACCEPTED = "# accepted:"
"""On the line of a warning, with the reason behind it: the warning is not given."""


@dataclass(frozen=True)
class Finding:
    """A problem, and whether it keeps an agent from being served."""

    level: Literal["error", "warning"]
    problem: Problem

    def __str__(self) -> str:
        p = self.problem
        fix = f" — {p.fix}" if p.fix else ""
        return f"{p.file}:{p.line}:{p.column}: {self.level}: {p.message}{fix}"


@dataclass
class Checked:
    """What was found in some definitions. `good`: those without errors; `accepted`: warnings that authors answered."""

    files: list[Path]
    good: list[tuple[Agent, Source]]
    findings: list[Finding]
    accepted: int = 0

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(1 for finding in self.findings if finding.level == "error")


def examine(paths: Iterable[Path]) -> Checked:
    """Check definitions, each with its conversation tests. Raises UsageError for a path that names none."""
    checked = Checked(agent_files(paths), [], [])
    for file in checked.files:
        checked.findings += [Finding("error", problem) for problem in _problems(file, checked.good)]
    checked.findings += [Finding("error", problem) for problem in check_together(checked.good)]
    warnings = [problem for agent, source in checked.good for problem in risks(agent, source)]
    warnings += shared_numbers(checked.good)
    answered = _answered(checked.files)
    checked.findings += [Finding("warning", each) for each in warnings if (each.file, each.line) not in answered]
    checked.accepted = len(warnings) + checked.errors - len(checked.findings)
    return checked


def _answered(files: Iterable[Path]) -> set[tuple[str, int]]:
    """Return the lines on which an author says that a risk is meant."""
    return {
        (str(file), number)
        for file in files
        for number, line in enumerate(file.read_bytes().decode(errors="replace").splitlines(), start=1)
        if ACCEPTED in line
    }


def _problems(file: Path, good: list[tuple[Agent, Source]]) -> Iterator[Problem]:
    try:
        agent = load_agent(file)
        good.append((agent, read_source(file.read_bytes(), str(file))))
    except DefinitionError as error:
        yield from error.problems
    for script in conversation_files(file):
        try:
            load_scripts(script)
        except DefinitionError as error:
            yield from error.problems


async def examine_tools(checked: Checked) -> None:
    """Compare the definitions without errors with their tool servers, which are started for it."""
    from opusagent_cli.agent.tooling import tool_findings

    for agent, source in checked.good:
        problems = await tool_findings(Path(source.file), agent, source)
        checked.findings += [Finding("error", problem) for problem in problems]


def check(paths: Sequence[Path], terminal: Terminal, *, tools: bool = False) -> bool:
    """Check and print; return whether there is no error."""
    checked = examine(paths)
    if tools:
        go(examine_tools(checked), log_level="CRITICAL")
    for finding in checked.findings:
        if terminal.json:
            terminal.machine(json.dumps({"level": finding.level, **asdict(finding.problem)}, ensure_ascii=False))
        else:
            terminal.say(str(finding))
    if not terminal.json:
        terminal.say(_sum(checked))
    return not checked.errors


def _sum(checked: Checked) -> str:
    files, errors = len(checked.files), checked.errors
    warnings = len(checked.findings) - errors
    agents = "1 agent" if files == 1 else f"{files} agents"
    accepted = f" ({checked.accepted} accepted)" if checked.accepted else ""
    return f"{agents} checked: {_count(errors, 'error')}, {_count(warnings, 'warning')}{accepted}"


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
