"""Who answers numbers that no agent names, and what a caller may say to it."""

import os
from typing import TYPE_CHECKING

from opusagent_cli.options import UpOptions, UsageError

if TYPE_CHECKING:
    from fsa_engine.domain.definition import Agent

SHOWN_AGENT = "appointment"
"""The agent of the demo, for which a whole conversation is known."""
SHOWN = ("I'd like to book an appointment for tomorrow", "half past two", "yes please", "no thank you")


def worth_saying(options: UpOptions) -> tuple[str, ...]:
    """Return what a caller of the default agent may say: its own first example, unless it is the one that is shown.

    Raises:
        UsageError: there is no such agent, its definition is broken, or there is none at all.
    """
    # Imported here: the rule language takes a while, which `--help` should not wait for.
    from fsa_engine.catalog import find_agents
    from fsa_engine.domain.loading import DefinitionError, load_agent

    wanted = options.agent or os.environ.get("DEFAULT_AGENT", "")
    where = os.pathsep.join(map(str, options.agents))
    names, broken = [], []
    for file in find_agents(options.agents):
        try:
            agent = load_agent(file)
        except DefinitionError as error:
            broken.append(str(error))
            continue
        if agent.agent == (wanted or SHOWN_AGENT):
            return SHOWN if agent.agent == SHOWN_AGENT else (_first_example(agent), "no thank you")
        names.append(agent.agent)
    if wanted:
        there = f"there {'are' if names else 'is'} {', '.join(names) or 'none'}"
        raise UsageError("\n".join([f"--agent: no agent {wanted!r} can be served from {where}; {there}", *broken]))
    if not names:
        message = f"--agents: no agent can be served from {where}; give a folder whose subfolders hold an agent.yaml"
        raise UsageError("\n".join([message, *broken]))
    return SHOWN


def _first_example(agent: "Agent") -> str:
    return next((task.examples[0] for task in agent.tasks.values() if task.examples), "hello")
