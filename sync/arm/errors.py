"""What Azure's responses mean: rejected, not found, or not now."""

import re
from typing import Any, NoReturn

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError

from certificates.x509.key_masking import masked_text
from sync.arm.error_hints import UNTRUSTED, Hint, credential_hint, with_advice

# Two calls at once on one resource, or Azure's own hiccups: the same request passes later.
_PASSING_CODES = frozenset({"AnotherOperationInProgress", "OperationNotAllowed", "RetryableError", "ServerBusy"})
AUTHORITY = "the token endpoint"  # how `credentials` begins a message about it
_HANDLED = frozenset({500, 501, 505})  # the service itself answered, so the request is not still on its way to it


class AzureRefused(Exception):  # noqa: N818 - says what happened
    """Azure rejected the request and would reject it again: a person must edit the change or retry it."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class AzureNotFound(AzureRefused):
    """404: the resource or its parent does not exist."""


class AzureUnreachable(Exception):  # noqa: N818 - says what happened
    """There is no final response.

    `code`: the fault, for machines. `sent`: the request may have taken effect. `late`: it may still take effect after
    this moment. `throttled`: Azure asked to wait. `answered`: there was a response. `retry_after`: seconds, or None.
    """

    def __init__(
        self,
        reason: str,
        retry_after: float | None = None,
        *,
        code: str = "unreachable",
        sent: bool = True,
        late: bool | None = None,
        throttled: bool = False,
        answered: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.retry_after = retry_after
        self.sent = sent
        self.late = sent if late is None else late
        self.throttled = throttled
        self.answered = answered

    def once_accepted(self) -> "AzureUnreachable":
        """Return the same fault for a request about a write that Azure has accepted: the write may have taken effect."""
        return AzureUnreachable(
            self.reason, self.retry_after, code=self.code, throttled=self.throttled, answered=self.answered
        )


def sort_fault(fault: AzureError) -> NoReturn:
    """Raise what a fault of the SDK means: AzureNotFound, AzureRefused or AzureUnreachable."""
    response = getattr(fault, "response", None)
    status = int(getattr(response, "status_code", 0) or 0)
    if response is None or not status:
        if isinstance(fault, ClientAuthenticationError):
            hint = credential_hint(str(fault.message))
            raise AzureUnreachable(hint.sentence, code=hint.code, sent=False, answered=True) from None
        hint = _outage(fault)
        is_sent = not isinstance(fault, ServiceRequestError)
        raise AzureUnreachable(hint.sentence, code=hint.code, sent=is_sent) from None
    if status < 300:  # the request succeeded, but its response was cut off
        raise AzureUnreachable("the connection to Azure was lost during the response", code="torn") from None
    retry_after = retry_after_of(response)
    code, message = error_of(response)
    reason = f"{code}: {message}"
    if status == 401:
        rejected = f"Azure did not accept the portal's credential ({code})"
        raise AzureUnreachable(rejected, retry_after, code="unauthorized", sent=False, answered=True) from None
    if status == 429:
        wait = retry_after or 1.0
        raise AzureUnreachable(reason, wait, code=code, sent=False, throttled=True, answered=True) from None
    if status == 408 or status >= 500:
        late = status not in _HANDLED
        raise AzureUnreachable(reason, retry_after, code=code, late=late, answered=True) from None
    if status == 409 and (retry_after is not None or code in _PASSING_CODES):
        raise AzureUnreachable(reason, retry_after or 1.0, code=code, sent=False, answered=True) from None
    if status == 404:
        raise AzureNotFound(code, with_advice(code, message), status) from None
    raise AzureRefused(code, with_advice(code, message), status) from None


def _outage(fault: AzureError) -> Hint:
    text = str(fault.message)
    if "timed out" in text.lower():
        return Hint("timeout", "Azure did not answer in time")
    if isinstance(fault, ServiceRequestError):
        return _no_connection(text)
    return Hint("connection_lost", "the connection to Azure was lost before the response")


def _no_connection(text: str) -> Hint:
    """Shorten a library's account of a failed connection to the host, and the cause where a person can fix it."""
    if "certificate verify failed" in text.lower():
        return UNTRUSTED
    if text.startswith(AUTHORITY):
        return Hint("token_endpoint", text)
    host = re.search(r"host='([^']+)'", text)
    where = f" to {host[1]}" if host else ""
    return Hint("no_connection", f"Azure cannot be reached: no connection{where}" if "onnection" in text else text)


# NUL and half a surrogate pair: JSON can escape both, PostgreSQL can store neither, SQLite only NUL.
_ESCAPED_NO_TEXT = re.compile(r"\\u(0000|d[89a-f])", re.IGNORECASE)
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def json_of(response: Any) -> Any:
    """Return the JSON of a response, or None where it is not JSON. U+FFFD replaces what cannot be stored as text."""
    try:
        if response is None:
            return None
        answer = response.json()
        return _as_text(answer) if _ESCAPED_NO_TEXT.search(response.text()) else answer
    except (ValueError, AzureError, AttributeError):
        return None


def _as_text(value: Any) -> Any:
    if isinstance(value, str):
        return _NO_TEXT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_as_text(name): _as_text(inner) for name, inner in value.items()}
    return [_as_text(inner) for inner in value] if isinstance(value, list) else value


def retry_after_of(response: Any) -> float | None:
    """Return the seconds that the response asks to wait, or None. An older form of 429 gives milliseconds."""
    for name, scale in (("Retry-After", 1.0), ("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001)):
        try:
            return max(0.0, float(response.headers.get(name)) * scale)
        except (TypeError, ValueError):
            continue
    return None


def error_of(response: Any) -> tuple[str, str]:
    """Return code and message of ARM's error envelope, or of the status line."""
    answer = json_of(response)
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict) and error.get("code"):
        return str(error["code"])[:120], masked_text(str(error.get("message") or error["code"]))
    status = int(getattr(response, "status_code", 0) or 0)
    return f"HTTP{status}", f"Azure answered {status} {getattr(response, 'reason', '') or ''}".strip() + "."
