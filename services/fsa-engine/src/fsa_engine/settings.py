"""Settings of the engine, from environment variables named like the fields in capitals."""

import os
from pathlib import Path

from pydantic import Field

from chassis.settings import ServiceSettings


class EngineSettings(ServiceSettings):
    """`agents_path`: folders separated like PATH; each is an agent (it holds agent.yaml) or holds agents.

    `default_agent`: serves called numbers that no agent names; empty = the only agent there is, or none.
    `data_dir`: where tool servers may keep files (they see it as OPUSAGENT_DATA); empty = their own default.
    """

    agents_path: str = "agents"
    default_agent: str = ""
    data_dir: str = ""
    capacity: int = Field(500, ge=1)
    session_idle_seconds: float = Field(60.0, gt=0)
    session_abandoned_seconds: float = Field(7200.0, gt=0)
    session_retry_first_seconds: float = Field(0.1, gt=0)
    session_retry_longest_seconds: float = Field(2.0, gt=0)
    tool_connect_seconds: float = Field(15.0, gt=0)
    tool_result_bytes: int = Field(256 * 1024, ge=1024)
    tool_grace_seconds: float = Field(2.0, ge=0)
    sweep_seconds: float = Field(60.0, ge=0)
    stop_seconds: float = Field(2.0, ge=0)

    @property
    def agent_folders(self) -> list[Path]:
        """The folders of `agents_path`."""
        return [Path(part) for part in self.agents_path.split(os.pathsep) if part]

    @property
    def tool_environment(self) -> dict[str, str]:
        """Environment variables that every tool server gets besides the few it inherits."""
        names = ("CALENDAR_DB", "CALENDAR_DOCTORS", "XDG_DATA_HOME")
        passed = {name: os.environ[name] for name in names if name in os.environ}
        data = self.data_dir or os.environ.get("OPUSAGENT_DATA", "")
        return passed | ({"OPUSAGENT_DATA": data} if data else {})
