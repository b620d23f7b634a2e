"""Logs: one line an event, as readable text or as JSON, with the trace id when there is one."""

from __future__ import annotations

import logging
import sys

import msgspec

from nacre.kernel.clock import iso_micro
from nacre.kernel.config import LogSettings


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        trace = getattr(record, "trace_id", "")
        line = (
            f"{iso_micro(record.created)} {record.levelname:7} {record.name}: {record.getMessage()}"
            + (f" [{trace}]" if trace else "")
        )  # fmt: skip
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": iso_micro(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace := getattr(record, "trace_id", ""):
            line["trace_id"] = trace
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def set_up_logging(settings: LogSettings) -> None:
    """Send every log line of this process to standard error, in the form the settings ask for."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if settings.form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for chatty in ("alembic", "asyncio", "oslo_policy"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
