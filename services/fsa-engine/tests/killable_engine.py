"""An engine as a process of its own, to be killed: its session is over gRPC, what its inbox gets comes on stdin."""

import asyncio
import base64
import json
import sys

from chassis import rpc
from chassis.bus import FSA_INBOX
from chassis.bus_inprocess import InProcessBus
from fsa_engine.bootstrap import build
from fsa_engine.settings import EngineSettings
from opusagent.session.v1.session_pb2_grpc import SessionServiceStub


async def main() -> None:
    given = json.loads(sys.argv[1])
    bus = InProcessBus()
    await bus.start()
    session = rpc.remote(SessionServiceStub, given.pop("target"))
    app = build(EngineSettings(**given), bus, session)
    await app.start()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        bus.post(FSA_INBOX, app.lease.slot, base64.b64decode(line))


asyncio.run(main())
