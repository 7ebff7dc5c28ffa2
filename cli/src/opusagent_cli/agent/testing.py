"""`opusagent agent test`: the conversations beside an agent, held with its rules, and how much of it they show."""

import json
from pathlib import Path
from typing import Any

from chassis.settings import load
from fsa_engine.comparing import comparer
from fsa_engine.domain.conversation import Played, Script, load_scripts, run
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import DefinitionError, load_agent
from fsa_engine.settings import EngineSettings
from opusagent_cli.agent.coverage import Coverage, coverage
from opusagent_cli.agent.files import agent_files, conversation_files, handed_over_to, handing_over_to
from opusagent_cli.console import Terminal

MOST_NAMED = 20
"""Uncovered transitions that are named."""


def play(paths: list[Path], terminal: Terminal) -> bool:
    """Play the conversations of agents and print what came of them; return whether all was as expected."""
    results = [_test(file, terminal) for file in agent_files(paths)]
    return all(results)


async def converse(paths: list[Path], terminal: Terminal) -> bool:
    """Hold the conversations of agents in dialogue style, with a stand-in of a conversing model; as `play`."""
    from opusagent_cli.agent.dialogue.player import hold

    results = []
    for file in agent_files(paths):
        try:
            agent, scripts = _load(file)
        except DefinitionError as error:
            results.append(_broken(error, terminal))
            continue
        files = [file, *handed_over_to(file, agent)]
        played = [await hold(script, files) for script in scripts if not script.rules_only]
        results.append(_judge(file, agent, played, [], terminal))
    return all(results)


def _load(file: Path) -> tuple[Agent, list[Script]]:
    return load_agent(file), [script for found in conversation_files(file) for script in load_scripts(found)]


def _test(file: Path, terminal: Terminal) -> bool:
    try:
        agent, scripts = _load(file)
    except DefinitionError as error:
        return _broken(error, terminal)
    others = [load_agent(other) for other in handed_over_to(file, agent)]
    model = comparer(load(EngineSettings).intent_model)
    compare = model.evidence if model is not None else None
    played = [run(agent, script, others=others, compare=compare) for script in scripts]
    return _judge(file, agent, played, _from_elsewhere(file, agent), terminal)


def _judge(file: Path, agent: Agent, played: list[Played], elsewhere: list[Played], terminal: Terminal) -> bool:
    covered = coverage(agent, played, elsewhere)
    passed = bool(played) and not any(each.failures for each in played)
    if terminal.json:
        terminal.machine(json.dumps(_report(agent.agent, played, covered, passed), ensure_ascii=False))
    else:
        _tell(file, played, covered, terminal)
    return passed


def _from_elsewhere(file: Path, agent: Agent) -> list[Played]:
    """Play the conversations of agents beside this one that hand over to it."""
    return [
        run(other, script, others=[agent])
        for path, other in handing_over_to(file, agent)
        for found in conversation_files(path)
        for script in _readable(found)
    ]


def _readable(file: Path) -> list[Script]:
    """Return another agent's conversations; none where its own test will say what is wrong with them."""
    try:
        return load_scripts(file)
    except DefinitionError:
        return []


def _broken(error: DefinitionError, terminal: Terminal) -> bool:
    for problem in error.problems:
        if terminal.json:
            terminal.machine(json.dumps({"error": str(problem)}, ensure_ascii=False))
        else:
            terminal.say(str(problem))
    return False


def _tell(file: Path, played: list[Played], covered: Coverage, terminal: Terminal) -> None:
    if not played:
        terminal.say(f"{file}: no conversations: write them in {file.parent / 'conversations.yaml'}")
        return
    failed = [each for each in played if each.failures]
    for each in failed:
        terminal.say(f"FAILED  {each.script.name}")
        for failure in each.failures:
            terminal.say(f"        {failure.removeprefix(each.script.name + ', ')}")
    passed = len(played) - len(failed)
    terminal.say(f"{file.parent}: {passed} of {len(played)} conversations passed")
    states, ways = covered.states, covered.transitions
    terminal.say(
        f"  covered: {_part(len(states), len(covered.missed_states))} states, "
        f"{_part(len(ways), len(covered.missed_transitions))} transitions"
    )
    for task, state in covered.missed_states:
        terminal.say(f"  never reached: {task}.{state}")
    missed = [way for way in covered.missed_transitions if (way[0], way[1]) not in covered.missed_states]
    for task, source, target in missed[:MOST_NAMED]:
        terminal.say(f"  never taken:   {task}: {source} -> {target}")
    if len(missed) > MOST_NAMED:
        terminal.say(f"  ... and {len(missed) - MOST_NAMED} more")


def _part(whole: int, missed: int) -> str:
    return f"{whole - missed} of {whole}"


def _report(agent: str, played: list[Played], covered: Coverage, passed: bool) -> dict[str, Any]:
    return {
        "agent": agent,
        "passed": passed,
        "conversations": [{"name": each.script.name, "failures": each.failures} for each in played],
        "states": {"all": len(covered.states), "missed": [".".join(state) for state in covered.missed_states]},
        "transitions": {
            "all": len(covered.transitions),
            "missed": [f"{task}: {source} -> {target}" for task, source, target in covered.missed_transitions],
        },
    }
