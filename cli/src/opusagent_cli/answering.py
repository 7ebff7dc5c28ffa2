"""Who answers numbers that no agent names, and what a caller may say to it."""

from opusagent_cli.options import UpOptions, UsageError

SHOWN_AGENT = "appointment"
"""The agent of the demo, for which a whole conversation is known."""
SHOWN = ("I'd like to book an appointment for tomorrow", "ten a m", "yes please", "no thank you")


def worth_saying(options: UpOptions) -> tuple[str, ...]:
    """Return what a caller of the default agent may say: its own first example, unless it is the one that is shown.

    Raises:
        UsageError: there is no such agent, or its definition is broken.
    """
    # Imported here: the rule language takes a while, which `--help` should not wait for.
    from fsa_engine.catalog import find_agents
    from fsa_engine.domain.loading import DefinitionError, load_agent

    if options.agent in {"", SHOWN_AGENT}:
        return SHOWN
    names, broken = [], []
    for file in find_agents([options.agents]):
        try:
            agent = load_agent(file)
        except DefinitionError as error:
            broken.append(str(error))
            continue
        if agent.agent == options.agent:
            return next(task.examples[0] for task in agent.tasks.values() if task.examples), "no thank you"
        names.append(agent.agent)
    there = f"there {'are' if names else 'is'} {', '.join(names) or 'none'}"
    message = f"--agent: no agent {options.agent!r} can be served from {options.agents}; {there}"
    raise UsageError("\n".join([message, *broken]))
