"""Log lines: for people, and for machines one JSON object each. What strangers wrote never makes a line of its own."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from certificates.wording import one_line

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    """A line for people. Line breaks and what else cannot be seen in the message are shown as escapes."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  its name in the standard library
        record.message = one_line(record.message)
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """Time, level, logger and message; then the `extra` of the call; then the fault, if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _KNOWN}
        if record.exc_info:
            line["fault"] = self.formatException(record.exc_info)
        return one_line(json.dumps(line, default=str, ensure_ascii=False))
