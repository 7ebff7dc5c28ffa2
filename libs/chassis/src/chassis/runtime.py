"""The life of one process: start, serve, drain on SIGTERM, stop.

SIGTERM or SIGINT: not ready any more, `drain` for at most DRAIN_SECONDS, `stop`. A second signal skips the drain.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence

import uvloop
from starlette.routing import BaseRoute

from chassis import logging, tracing
from chassis.http import serve_ops
from chassis.lifecycle import Service
from chassis.settings import ServiceSettings

STOP_SECONDS = 10.0
"""How long a service may take to stop before the process ends without it."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_log = logging.get_logger(__name__)


def run(service: Service, settings: ServiceSettings, routes: Sequence[BaseRoute] = ()) -> None:
    """Run a service as this process until it is told to end; exits with 1 when it could not start."""
    logging.configure(service.name, settings.log_level, settings.log_format)
    tracing.configure(service.name)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(supervise(service, settings, routes))
    finally:
        tracing.shutdown()
    if code:
        sys.exit(code)


async def supervise(service: Service, settings: ServiceSettings, routes: Sequence[BaseRoute] = ()) -> int:
    """Run a service on the running loop until a signal; returns the exit code."""
    told = _Told()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, told.tell)
    try:
        return await _live(service, settings, routes, told)
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


class _Told:
    """How often the process was told to end."""

    def __init__(self) -> None:
        self.once = asyncio.Event()
        self.twice = asyncio.Event()

    def tell(self) -> None:
        (self.twice if self.once.is_set() else self.once).set()


async def _live(service: Service, settings: ServiceSettings, routes: Sequence[BaseRoute], told: _Told) -> int:
    started = False

    def ready() -> bool:
        return started and not told.once.is_set() and service.ready

    try:
        ops = await serve_ops(settings.ops_host, settings.ops_port, ready, routes)
    except OSError as error:
        _log.error("the operator's port cannot be had, set another as OPS_PORT", port=settings.ops_port, why=str(error))
        return 1
    try:
        _log.info("starting", ops_port=ops.port)
        started = await _unless(told.once, service.start())
        if started:
            _log.info("started")
            await told.once.wait()
            await _drain(service, settings.drain_seconds, told)
        return 0
    except Exception:
        _log.exception("the service could not go on")
        return 1
    finally:
        await _stop(service)
        await ops.stop()
        _log.info("stopped")


async def _unless(event: asyncio.Event, work: object) -> bool:
    """Await `work`, or cancel it when the event comes first; return whether it ended by itself."""
    task = asyncio.ensure_future(work)  # type: ignore[call-overload]
    waiter = asyncio.create_task(event.wait())
    await asyncio.wait([task, waiter], return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.wait([task])
    return False


async def _drain(service: Service, seconds: float, told: _Told) -> None:
    _log.info("draining", seconds=seconds)
    try:
        async with asyncio.timeout(seconds):
            if not await _unless(told.twice, service.drain()):
                _log.warning("told to end again, not draining any longer")
    except TimeoutError:
        _log.warning("work was left when the time to drain was over")
    except Exception:
        _log.exception("draining failed")


async def _stop(service: Service) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await service.stop()
    except TimeoutError:
        _log.error("the service did not stop in time", seconds=STOP_SECONDS)
    except Exception:
        _log.exception("stopping failed")
