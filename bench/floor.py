"""The floor: a bare passthrough of two sockets, with the WebSocket library and event loop that OpusAgent uses."""

import argparse
import asyncio

import uvloop
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


async def main() -> None:
    """Pass every frame on, unread, in both directions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", required=True)
    target = parser.parse_args().target

    async def bridge(near: ServerConnection) -> None:
        async with connect(target, compression=None) as far:

            async def inward() -> None:
                async for message in near:
                    await far.send(message, text=True)

            async def outward() -> None:
                async for message in far:
                    await near.send(message, text=True)

            tasks = [asyncio.create_task(inward()), asyncio.create_task(outward())]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def guarded(near: ServerConnection) -> None:
        try:
            await bridge(near)
        except ConnectionClosed:
            return

    async with serve(guarded, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
