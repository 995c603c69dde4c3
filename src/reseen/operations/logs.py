"""What the service says of itself: one line a request, to standard error.

JSON where nobody looks at a terminal. A line holds the route's template, the status, the time
taken, the number of the user and of the request: never a query, a body, a cookie, a name or the
place of a sighting. Errors of Reseen itself bring their trace, without values.
"""

from __future__ import annotations

import logging
import sys
import traceback

import structlog
from structlog.typing import FilteringBoundLogger


def set_up(*, terminal: bool | None = None) -> None:
    """Once in each process. `terminal`: lines for people; None: look."""
    pretty = sys.stderr.isatty() if terminal is None else terminal
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=pretty)
            if pretty
            else structlog.processors.JSONRenderer(),
        ],
        # Looked up each time: whoever replaces standard error gets the lines.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries log what they like, values too: only their warnings, and only that there was one.
    logging.basicConfig(handlers=[_Plain()], level=logging.WARNING, force=True)


def log() -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def where(error: BaseException) -> list[str]:
    """File, line and function of an error's frames: what it said could hold a value."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]


class _Plain(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        # Ours say what they may say; of others the template alone, without its arguments.
        said = record.getMessage() if record.name.startswith("reseen.") else str(record.msg)
        log().warning(
            "library",
            logger=record.name,
            said=said.partition("\n")[0][:200],
            error=type(error).__name__ if error else None,
        )
