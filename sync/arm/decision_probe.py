"""Ask a decision endpoint whether it would answer Azure, as the portal's own service principal. Nothing is recorded there."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from django.conf import settings

from sync.arm.audience_tokens import NoTokenError, token_for

CONNECT_SECONDS, READ_SECONDS = 3.05, 5.0  # about 5 s is the bound that Azure's documentation recommends
KNOWN_WITHIN = 2.0  # seconds until a process of the service has read a new address
PAUSE = 0.25
MOST_APART = 30  # seconds between the two clocks; tokens are checked with a leeway of 60
LABELS = {
    "reachable": "Reachable over TLS, and ready",
    "token": "A token for its audience was issued",
    "forged": "A forged token is turned away",
    "accepted": "The token is accepted",
    "clock": "Its clock agrees with the portal's",
}
# What the endpoint's refusals mean for the person who sets it up.
_ADVICE = {
    "token-principal": "Add the object ID of the portal's service principal to DECISION_PROBE_PRINCIPALS.",
    "token-audience": "The token has another audience. Check the token audience URI, and the client ID for tokens of version 2.",
    "token-tenant": "The token is of another tenant. Check the tenant ID.",
    "token-issuer": "The token has another issuer. Check the tenant ID and DECISIONS_AUTHORITY.",
    "token-key-unknown": "The endpoint does not know the key of the token. Check DECISIONS_AUTHORITY.",
    "not-found": "Another service answers at this address, or the service uses another database.",
}


@dataclass(frozen=True)
class ProbeStep:
    """One check of an endpoint. `fact`: what was measured, or why it failed, in words."""

    code: str
    passed: bool
    fact: str = ""

    @property
    def label(self) -> str:
        return LABELS[self.code]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Answer:
    status: int
    json: dict[str, Any]
    date: str
    milliseconds: float

    @property
    def error(self) -> str:
        return str(self.json.get("error") or "")[:60]


class _UnreachableError(Exception):
    """No answer. The message is the reason, for people."""


def has_passed(steps: Sequence[ProbeStep]) -> bool:
    return bool(steps) and all(step.passed for step in steps)


def probe(url: str, *, audience: str, namespace: str, now: datetime) -> tuple[ProbeStep, ...]:
    """Check the endpoint at `url`, and return what was found, the first failure last.

    Arguments: `audience`, what Azure's tokens will be for; `namespace`, the name that the endpoint has to know; `now`, an aware
    datetime.
    """
    return tuple(_until_failure(_steps(url, audience, namespace, now)))


def _until_failure(steps: Iterator[ProbeStep]) -> Iterator[ProbeStep]:
    for step in steps:
        yield step
        if not step.passed:
            return


def _steps(url: str, audience: str, namespace: str, now: datetime) -> Iterator[ProbeStep]:
    with requests.Session() as session:
        try:
            ready = _ask(session, "GET", url.rpartition("/decide/")[0] + "/ready")
            yield ProbeStep("reachable", ready.status == 200, _ready_fact(ready))
            token = token_for(audience)
            yield ProbeStep("token", True)
            yield _forged(session, f"{url}/probe", token, audience)
            yield _accepted(session, f"{url}/probe", token, audience, namespace)
            if ready.date:
                yield _clock(ready.date, now)
        except _UnreachableError as fault:
            yield ProbeStep("reachable", False, str(fault))
        except NoTokenError as fault:
            yield ProbeStep("token", False, str(fault))


def _ready_fact(answer: _Answer) -> str:
    if answer.status == 200:
        return f"{answer.milliseconds:.0f} ms"
    return f"It answered {answer.status}{f' ({answer.error})' if answer.error else ''}."


def _forged(session: requests.Session, url: str, token: str, audience: str) -> ProbeStep:
    """Send the token with another signature: only a service that checks it refuses."""
    head, _, signature = token.rpartition(".")
    other = signature[::-1] if signature[::-1] != signature else "A" * len(signature)
    answer = _known(session, url, f"{head}.{other}", audience, statuses=(404,))
    return ProbeStep("forged", answer.status == 401, str(answer.status) if answer.status == 401 else _refusal(answer))


def _accepted(session: requests.Session, url: str, token: str, audience: str, namespace: str) -> ProbeStep:
    answer = _known(session, url, token, audience, statuses=(401, 404))
    if answer.status != 200 or answer.json.get("ready") is not True:
        return ProbeStep("accepted", False, _refusal(answer))
    if answer.json.get("namespace") != namespace:
        return ProbeStep("accepted", False, "It decides about another namespace at this address.")
    return ProbeStep("accepted", True, f"{answer.milliseconds:.0f} ms")


def _refusal(answer: _Answer) -> str:
    advice = _ADVICE.get(answer.error, "")
    return f"It answered {answer.status}{f' ({answer.error})' if answer.error else ''}. {advice}".strip()


def _clock(date: str, now: datetime) -> ProbeStep:
    try:
        apart = abs((parsedate_to_datetime(date).astimezone(UTC) - now).total_seconds())
    except (ValueError, TypeError):
        return ProbeStep("clock", False, "It sent no readable date.")
    return ProbeStep("clock", apart <= MOST_APART, f"{apart:.0f} s apart")


def _known(session: requests.Session, url: str, token: str, audience: str, *, statuses: Sequence[int]) -> _Answer:
    """Ask until the answer is another than these: a process learns of a new address, or client ID, within a second."""
    until = time.monotonic() + KNOWN_WITHIN
    while True:
        answer = _ask(session, "POST", url, token=token, audience=audience)
        if answer.status not in statuses or time.monotonic() > until:
            return answer
        time.sleep(PAUSE)


def _ask(session: requests.Session, method: str, url: str, *, token: str = "", audience: str = "") -> _Answer:
    began = time.monotonic()
    try:
        answer = session.request(
            method,
            url,
            json={"audience": audience} if token else None,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            verify=settings.DECISIONS_CA or True,
            allow_redirects=False,
        )
    except requests.exceptions.SSLError as fault:
        raise _UnreachableError(f"Its TLS certificate is not accepted: {_reason(fault)}.") from None
    except requests.exceptions.Timeout:
        raise _UnreachableError("It did not answer in time.") from None
    except (requests.RequestException, OSError) as fault:
        raise _UnreachableError(f"It cannot be reached: {_reason(fault)}.") from None
    try:
        content = answer.json()
    except ValueError:
        content = {}
    found = content if isinstance(content, dict) else {}
    return _Answer(answer.status_code, found, answer.headers.get("Date", ""), (time.monotonic() - began) * 1000)


def _reason(fault: BaseException) -> str:
    """Return the innermost reason, in which there is neither a header nor a body."""
    while fault.__context__ is not None:
        fault = fault.__context__
    return str(fault)[:200].rstrip(".") or type(fault).__name__
