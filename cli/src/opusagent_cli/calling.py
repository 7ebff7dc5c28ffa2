"""`opusagent call`: one simulated caller against any gateway."""

import json
from dataclasses import asdict

from audio.wav import WavError
from opusagent_cli.console import Terminal
from opusagent_cli.options import UsageError
from opusagent_cli.people import people
from simulator.call import CallRequest, Spoken
from simulator.call import ring as place


async def ring(request: CallRequest, terminal: Terminal) -> bool:
    """Place the call, print its transcript as it comes; returns whether it was answered.

    Raises:
        UsageError: the request makes no sense.
    """

    def show(line: Spoken) -> None:
        took = f"  ({line.response_ms} ms)" if line.response_ms is not None else ""
        terminal.line(line.who, line.text + took)

    try:
        async with people() as crowd:
            report = await place(request, crowd.voice, show)
    except (ValueError, WavError, FileNotFoundError) as error:
        raise UsageError(str(error)) from error
    if not report.answered:
        terminal.say(
            f"nobody answers at {request.url}: is an OpusAgent there? `opusagent up` starts one and says its URLs"
        )
    for warning in report.warnings if report.answered else ():
        terminal.say(f"the gateway broke the protocol: {warning}")
    if terminal.json:
        terminal.machine(json.dumps(asdict(report)))
    return report.answered
