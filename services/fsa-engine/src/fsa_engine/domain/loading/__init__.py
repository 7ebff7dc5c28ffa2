"""From a YAML file to an agent that can be served, or to the exact places where it is wrong."""

from fsa_engine.domain.loading.escalation import hands_off_to_nobody, target_uri, with_target
from fsa_engine.domain.loading.load import load_agent, load_text
from fsa_engine.domain.loading.problems import DefinitionError, Problem

__all__ = ["DefinitionError", "Problem", "hands_off_to_nobody", "load_agent", "load_text", "target_uri", "with_target"]
