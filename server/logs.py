"""The log: stdlib logging to stderr and nowhere else, as text or as JSON lines, with keys removed.

Set up before the SDK's server object is built, which would otherwise install a handler of its own.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO

from server.redaction import Redactor

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up_logs(level: str, log_format: str, secrets: Iterable[str], stream: TextIO | None = None) -> None:
    """Send every log record and Python warning to `stream` (stderr). Replaces what was set up before."""
    redactor = Redactor(secrets)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(redactor) if log_format == "json" else PlainText(redactor))
    root = logging.getLogger()
    for earlier in root.handlers[:]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)
    # A log call that cannot be formatted would be printed past the formatter, arguments and all.
    logging.raiseExceptions = False


class PlainText(logging.Formatter):
    """`time level logger: message key=value`, then the traceback; keys removed from all of it."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record)} {record.levelname} {record.name}: {record.getMessage()}"
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        return self._redactor("\n".join([line + extra, *_traceback(self, record)]))


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, what the caller added, and the traceback."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        for traceback in _traceback(self, record):
            fields["traceback"] = traceback
        # Hidden before encoding, so that an escaped quote in a key cannot save it.
        return json.dumps({name: self._redactor(str(value)) for name, value in fields.items()}, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN}


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    parts = []
    if record.exc_info:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return parts
