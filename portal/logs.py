"""Log lines, as text or as one JSON object each. Text from outside never starts a line.

Calendar programs cannot sign in, so the address of a calendar is a secret (`certificates:expiry_feed`). Lines name a page
by its route; should an address get into a line all the same, the formatters and `HideSecrets` remove the secret.
"""

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from certificates.x509.key_masking import masked, masked_text
from certificates.x509.text import one_line
from portal.web.request_ids import request_id_of

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
LONGEST_FAULT = 300  # characters
# Everything after "calendar/" up to a quote or the end of the line, but not the route, "calendar/<str:secret>.ics".
_CALENDAR_ADDRESS = re.compile(r"""(calendar(?:/|%2F)+)(?![<\s])[^"'<>\\\r\n]+""", re.IGNORECASE)
# The same for links in mails (a password reset, but not its pages without a key, and the verification of an address) and for
# shared attempts.
_MAILED_LINK = re.compile(
    r"""((?:sign-in/reset|sign-in/link|email/verify|lab(?:/|%2F)shared)(?:/|%2F)+)(?!sent/|done/)(?![<\s])[^"'<>\\\r\n]+""",
    re.IGNORECASE,
)


def hide_secrets(text: str) -> str:
    """Return the text without the secrets of calendar addresses, of links in mails and of shared attempts."""
    return _MAILED_LINK.sub(r"\1[hidden]", _CALENDAR_ADDRESS.sub(r"\1[hidden]", text))


class HideSecrets(logging.Filter):
    """Hide secrets in the messages of a logger that has formatters of its own, such as gunicorn's."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        hidden = hide_secrets(masked_text(message))
        if hidden != message:
            record.msg, record.args = hidden, ()
        return True


class AboutRequests(logging.Filter):
    """Add page, user and id of the request to a log record. An address may contain a secret and a body a key, so the page
    is named by its route, and of the values in its address only numbers are logged.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        request = record.__dict__.pop("request", None)
        if isinstance(request, HttpRequest):
            match = request.resolver_match
            page = match.route if match is not None else "no page"
            numbers = {name: value for name, value in (match.kwargs if match else {}).items() if isinstance(value, int)}
            user = request.__dict__.get("_cached_user")  # without a query: the database may be the cause
            record.__dict__ |= {"method": request.method, "page": page, "numbers": numbers}
            record.__dict__ |= {"request_id": request_id_of(request), "user": getattr(user, "pk", None)}
            if isinstance(record.args, tuple):
                record.args = tuple(page if each == request.path else each for each in record.args)
            if record.name == "django.request":
                values = getattr(record, "status_code", ""), request.method, page, request_id_of(request)
                record.msg, record.args = "%s: %s %s (request %s)", values
            if record.name.startswith("django.security."):
                record.exc_info = None  # a bad request: one line, not a traceback for each scan from the internet
        return True


class FaultFormatter(logging.Formatter):
    """Log where an exception came from, without the values of variables, and only the first line of its message.

    The following lines may contain a whole row of the database.
    """

    def formatException(self, ei: Any) -> str:  # noqa: N802  its name in the standard library
        parts: list[str] = []
        fault: BaseException | None = ei[1]
        seen: set[int] = set()
        while fault is not None and id(fault) not in seen:
            seen.add(id(fault))
            words = (str(fault).splitlines() or [""])[0][:LONGEST_FAULT]
            words = masked_text(words)
            parts.insert(0, f"{''.join(traceback.format_tb(fault.__traceback__))}{type(fault).__qualname__}: {words}")
            fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
        return "\nwhich led to\n".join(parts)


class TextFormatter(FaultFormatter):
    """Format a line of text. Line breaks and other invisible characters in the message are escaped."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  its name in the standard library
        record.message = one_line(masked_text(record.message))
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return hide_secrets(super().format(record))


class JsonFormatter(FaultFormatter):
    """Format time, level, logger and message; then the `extra` of the call; then the exception, if any."""

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
        return hide_secrets(one_line(json.dumps(masked(line), default=str, ensure_ascii=False)))
