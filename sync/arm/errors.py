"""What Azure's answers mean: no, not there, or not now."""

import re
from typing import Any, NoReturn

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError

from sync.arm.error_hints import UNTRUSTED, credential_trouble, with_advice

# Two calls at once on one resource, or Azure's own hiccups: the same request passes later.
_PASSING_CODES = frozenset({"AnotherOperationInProgress", "OperationNotAllowed", "RetryableError", "ServerBusy"})
AUTHORITY = "the token endpoint"  # so begins what `credentials` says of it
_HANDLED = frozenset({500, 501, 505})  # the service itself answered, so nothing is still on its way to it


class AzureRefused(Exception):  # noqa: N818 - says what happened
    """Azure said no, and would again: the change must be edited, or retried by a person."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class AzureNotFound(AzureRefused):
    """404: no such resource, or its parent is gone."""


class AzureUnreachable(Exception):  # noqa: N818 - says what happened
    """No final answer.

    `sent` says that the request may have taken effect; `late` that it still may, after this moment. `throttled` says
    that Azure is there and asks for patience. `retry_after` is in seconds or None.
    """

    def __init__(
        self,
        reason: str,
        retry_after: float | None = None,
        *,
        sent: bool = True,
        late: bool | None = None,
        throttled: bool = False,
        answered: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.sent = sent
        self.late = sent if late is None else late
        self.throttled = throttled
        self.answered = answered

    def once_accepted(self) -> "AzureUnreachable":
        """The same fault, of a request that asks about a write which Azure has accepted: the write may land, or has."""
        return AzureUnreachable(self.reason, self.retry_after, throttled=self.throttled, answered=self.answered)


def sort_fault(fault: AzureError) -> NoReturn:
    """Raise what a fault of the SDK means. Raises AzureNotFound, AzureRefused, AzureUnreachable."""
    response = getattr(fault, "response", None)
    status = int(getattr(response, "status_code", 0) or 0)
    if response is None or not status:
        if isinstance(fault, ClientAuthenticationError):
            raise AzureUnreachable(credential_trouble(str(fault.message)), sent=False, answered=True) from None
        raise AzureUnreachable(_outage(fault), sent=not isinstance(fault, ServiceRequestError)) from None
    if status < 300:  # it went well, but the answer was torn on its way
        raise AzureUnreachable("the connection to Azure broke off in the middle of its answer") from None
    retry_after = retry_after_of(response)
    code, message = error_of(response)
    if status == 401:
        reason = f"Azure did not accept the portal's credential ({code})"
        raise AzureUnreachable(reason, retry_after, sent=False, answered=True) from None
    if status == 429:
        raise AzureUnreachable(
            f"{code}: {message}", retry_after or 1.0, sent=False, throttled=True, answered=True
        ) from None
    if status == 408 or status >= 500:
        late = status not in _HANDLED
        raise AzureUnreachable(f"{code}: {message}", retry_after, late=late, answered=True) from None
    if status == 409 and (retry_after is not None or code in _PASSING_CODES):
        raise AzureUnreachable(f"{code}: {message}", retry_after or 1.0, sent=False, answered=True) from None
    if status == 404:
        raise AzureNotFound(code, with_advice(code, message), status) from None
    raise AzureRefused(code, with_advice(code, message), status) from None


def _outage(fault: AzureError) -> str:
    text = str(fault.message)
    if "timed out" in text.lower():
        return "Azure did not answer in time"
    if isinstance(fault, ServiceRequestError):
        return _no_way_to(text)
    return "the connection to Azure broke off before the answer"


def _no_way_to(text: str) -> str:
    """What a library says at length of a connection that was not made: to which host, and why where one can help it."""
    if "certificate verify failed" in text.lower():
        return UNTRUSTED
    if text.startswith(AUTHORITY):
        return text
    host = re.search(r"host='([^']+)'", text)
    where = f" to {host[1]}" if host else ""
    return f"Azure cannot be reached: no connection{where}" if "onnection" in text else text


# JSON can escape them, and PostgreSQL stores neither (SQLite not the second): NUL, and half of a surrogate pair.
_MAY_BE_NO_TEXT = re.compile(r"\\u(0000|d[89a-f])", re.IGNORECASE)
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def json_of(response: Any) -> Any:
    """The JSON of a response, or None when it is none. What cannot be stored as text stands there as U+FFFD."""
    try:
        if response is None:
            return None
        answer = response.json()
        return _as_text(answer) if _MAY_BE_NO_TEXT.search(response.text()) else answer
    except (ValueError, AzureError, AttributeError):
        return None


def _as_text(value: Any) -> Any:
    if isinstance(value, str):
        return _NO_TEXT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_as_text(name): _as_text(inner) for name, inner in value.items()}
    return [_as_text(inner) for inner in value] if isinstance(value, list) else value


def retry_after_of(response: Any) -> float | None:
    """Seconds to wait, as the answer asks. 429 of the older kind says it in milliseconds."""
    for name, scale in (("Retry-After", 1.0), ("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001)):
        try:
            return max(0.0, float(response.headers.get(name)) * scale)
        except (TypeError, ValueError):
            continue
    return None


def error_of(response: Any) -> tuple[str, str]:
    """Code and message of ARM's error envelope, else of the status line."""
    answer = json_of(response)
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict) and error.get("code"):
        return str(error["code"])[:120], str(error.get("message") or error["code"])
    status = int(getattr(response, "status_code", 0) or 0)
    return f"HTTP{status}", f"Azure answered {status} {getattr(response, 'reason', '') or ''}".strip() + "."
