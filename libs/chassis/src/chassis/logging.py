"""One log line is one JSON object (or one coloured line), with `call_id` and `session_id` wherever they are known.

Identity comes from context variables (`bound`), so a task started inside a call logs with it. What callers say, and
their numbers, never belong into a log line.
"""

import logging
import sys
from contextlib import AbstractContextManager
from typing import Any

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from chassis.settings import LogFormat

_NOISY = ("uvicorn", "httpx", "httpcore", "asyncio")


def configure(service: str, level: str = "INFO", fmt: LogFormat | str = LogFormat.JSON) -> None:
    """Send structlog and the standard library's logging to standard error, in one format. Call once, at start."""

    def name_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        name_service,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    _route_standard_library(shared, level.upper(), LogFormat(fmt))


def _route_standard_library(shared: list[Processor], level: str, fmt: LogFormat) -> None:
    render: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if fmt is LogFormat.JSON
        else [_console()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # Without its broker it repeats itself ten times a second; what it raises is logged by our adapter.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def _console() -> structlog.dev.ConsoleRenderer:
    # The default formatter prints local variables, and those hold what callers say.
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = format(span.trace_id, "032x")
    return event


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger; keyword arguments of its methods become fields of the line."""
    return structlog.stdlib.get_logger(name)


def bound(**fields: Any) -> AbstractContextManager[None]:
    """Put fields (call_id, session_id) on every line logged inside, also by tasks started inside."""
    return structlog.contextvars.bound_contextvars(**{name: value for name, value in fields.items() if value})


if not structlog.is_configured():
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            _console(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
