"""The modules of the agents' tool servers, as their processes find them: beside one another."""

import sys
from pathlib import Path

AGENTS = Path(__file__).parents[1]
sys.path[:0] = [str(script.parent) for script in sorted(AGENTS.glob("*/*_server.py"))]
