"""A model that promises success too early, over real audio: in a gated state the caller never hears it."""

from pathlib import Path

import pytest

from opusagent_cli.options import UpOptions
from opusagent_cli.people import people
from opusagent_cli.ports import free_port
from opusagent_cli.serve import one_process
from simulator.call import CallRequest, ring
from simulator.realtime.mind import HastyMind
from simulator.realtime.server import RealtimeStandIn

AGENT = """\
version: 1
agent: bank
name: Harbor Bank
style: dialogue
called_numbers: ["*"]
greeting: Welcome to Harbor Bank. How can I help you?
help: I can move your savings.
tasks:
  move_savings:
    description: Move the savings to another account.
    title: move your savings
    resume: moving your savings
    request: request
    examples: [please move my savings, I want to move my savings]
    initial: sure
    states:
      sure: {kind: confirm, speech: SPEECH, text: "Shall I move your savings today?", yes: refused, no: refused}
      refused: {kind: failed, text: "I am sorry, the bank is closed on Sunday."}
"""


async def heard(speech: str, folder: Path) -> str:
    """Return what a caller hears who says yes to a question of a state in which a model speaks so."""
    home = folder / "agents" / "bank"
    home.mkdir(parents=True)
    (home / "agent.yaml").write_text(AGENT.replace("SPEECH", speech))
    async with people() as crowd:
        model = RealtimeStandIn(crowd.ears, crowd.agent, mind=HastyMind())
        extra = {"OPENAI_API_KEY": "stand-in", "OPENAI_BASE_URL": await model.start()}
        options = UpOptions(
            port=free_port(),
            ops_port=0,
            data=folder / "data",
            agents_path=home.parent,
            backend="openai-realtime",
            extra=extra,
        )
        try:
            async with one_process(options, lambda _: None):
                said = ("Please move my savings.", "Yes, please.")
                request = CallRequest(f"{options.public_url}/twilio/voice", say=said, record=folder / "call.wav")
                report = await ring(request, crowd.voice)
        finally:
            await model.stop()
    assert report.answered
    return " ".join(report.heard).lower()


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_gated_state_keeps_a_hasty_promise_from_the_caller(tmp_path: Path) -> None:
    gated = await heard("gated", tmp_path / "gated")
    assert "savings today" in gated
    assert "closed" in gated
    assert not {"wonderful", "finished", "transferred", "successfully"} & set(gated.replace(",", " ").split())


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_free_state_lets_it_be_heard(tmp_path: Path) -> None:
    free = await heard("free", tmp_path / "free")
    assert "finished" in free or "transferred" in free
