"""All services in this process: what can be looked into from outside."""

import socket
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from opusagent.session.v1 import session_pb2
from opusagent_cli.options import UpOptions
from opusagent_cli.ports import free_port
from opusagent_cli.serve import one_process, session_at


@pytest.fixture
def options(shop: Path, tmp_path: Path) -> UpOptions:
    return UpOptions(
        port=free_port(),
        ops_port=0,
        session_port=free_port(),
        data=tmp_path / "data",
        agents_path=shop,
        backend="openai-realtime",
        extra={"OPENAI_API_KEY": "none"},
    )


async def test_session_can_be_asked_from_outside(options: UpOptions) -> None:
    async with one_process(options, lambda _: None) as running:
        assert running.options.session_port == options.session_port
        async with session_at(f"127.0.0.1:{options.session_port}") as session:
            answer = await session.ListSessions(session_pb2.ListSessionsRequest())
        assert not answer.sessions


async def test_a_taken_session_port_keeps_nobody_from_being_served(options: UpOptions) -> None:
    said: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", options.session_port))
        other.listen()
        async with one_process(options, said.append) as running:
            assert running.options.session_port == 0
            socket.create_connection(("127.0.0.1", options.port), timeout=5).close()
    assert any(f"port {options.session_port} is taken" in line and "--session-port" in line for line in said)


async def test_who_rings_from_outside_the_stand_in_is_taken(options: UpOptions) -> None:
    options = replace(options, phone_network="http://127.0.0.1:9")
    url = f"ws://127.0.0.1:{options.port}/twilio/media"
    async with one_process(options, lambda _: None), aiohttp.ClientSession() as client, client.ws_connect(url) as line:
        assert not line.closed
