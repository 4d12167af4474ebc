"""JSON logs, one object a line, with the session and turn that the line is about."""

import logging
import sys
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

session_id: ContextVar[str | None] = ContextVar("session_id", default=None)
turn_id: ContextVar[str | None] = ContextVar("turn_id", default=None)


class _Context(logging.Filter):
    """Adds the ids of the running task to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        if (session := session_id.get()) and not hasattr(record, "session"):
            record.session = session
        if (turn := turn_id.get()) and not hasattr(record, "turn"):
            record.turn = turn
        return True


def configure(level: str, role: str) -> None:
    """Sends all logs of this process to stderr as JSON; `role` is gateway or worker."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            static_fields={"role": role},
        )
    )
    handler.addFilter(_Context())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    for name in ("uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
