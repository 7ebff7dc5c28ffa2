"""`opusagent agent graph`: a definition drawn from itself."""

import sys
from pathlib import Path

from fsa_engine.domain.loading import DefinitionError, load_agent
from opusagent_cli.agent.files import agent_file
from opusagent_cli.agent.mermaid import mermaid
from opusagent_cli.agent.picture import pictures
from opusagent_cli.agent.svg import svg
from opusagent_cli.options import UsageError


def graph(path: Path, form: str, task: str, output: Path | None) -> None:
    """Write the drawing to a file or to standard output.

    Raises:
        UsageError: the definition is broken, or has no such task.
    """
    try:
        agent = load_agent(agent_file(path))
        shown = pictures(agent, task)
    except DefinitionError as error:
        raise UsageError(f"the definition is broken:\n{error}") from error
    except KeyError:
        raise UsageError(f"there is no task {task!r}: it has {', '.join(agent.tasks)}") from None
    text = svg(shown, agent.name) if form == "svg" else mermaid(shown)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
