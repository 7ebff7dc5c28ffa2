"""The human behind agents whose definitions name none: the one whom the operator names for all of them."""

import re

from fsa_engine.domain.definition import Agent, Handoff

_NUMBER = re.compile(r"\+?[0-9(][0-9 *#.()\-]{1,30}")
_SIP = re.compile(r"sips?:[^\s<>\"]{1,250}", re.IGNORECASE)


def target_uri(text: str) -> str:
    """Return a telephone number, a tel: or a sip: URI as a URI; empty stays empty. Raises ValueError for others."""
    text = text.strip()
    scheme, colon, rest = text.partition(":")
    if _SIP.fullmatch(text):
        return scheme.lower() + colon + rest
    number = rest if scheme.lower() == "tel" else text
    if not text:
        return ""
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"{text!r} is neither a telephone number nor a tel: or sip: URI")
    return "tel:" + number.replace(" ", "")


def with_target(agent: Agent, target: str) -> Agent:
    """Return the agent with this URI as its escalation's target, unless its definition names one."""
    if not target or agent.escalation.target:
        return agent
    parts = {name: getattr(agent, name) for name in Agent.model_fields}
    escalation = agent.escalation.model_copy(update={"target": target})
    # A new one, not a copy: what was worked out of the definition without the target is not that of this one.
    return Agent.model_construct(**(parts | {"escalation": escalation}))


def hands_off_to_nobody(agent: Agent) -> bool:
    """Tell whether it has a state that hands the call to a human, and no human to hand it to."""
    states = (state for task in agent.tasks.values() for state in task.states.values())
    without = any(isinstance(state, Handoff) and not state.target for state in states)
    return without and not agent.escalation.target
