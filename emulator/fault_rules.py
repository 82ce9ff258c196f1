"""A fault to inject, as the control API and the command line describe it.

This module uses the standard library only: the emulator and its clients share it.

kind             what happens to a matching request
latency          it is delayed by `seconds`, plus or minus up to `jitter`
error            it gets `status`, `code` and `message`, and `Retry-After` if `retry_after` is set
throttle         it gets 429 with ARM's headers and `Retry-After`
token-buckets    ARM's own rate limits are enforced: one bucket each for reads, writes and deletes
reset            its connection is reset
torn             half of the response is sent, then the connection is closed
long-running     a write is accepted and takes effect after `seconds`
failing          a write is accepted and fails after `seconds` with `code` and `message`
stale            for `seconds` after a write, reads return the state before it
broker-down      not a request: for `seconds`, the MQTT endpoints of matching namespaces cut and take no connections
webhook-slow     not a request: the webhook of a matching namespace is asked about a CONNECT `seconds` later
webhook-down     not a request: it cannot be reached
webhook-wrong    not a request: it answers what nobody understands

With `after`, an `error` or `reset` follows once the request has been carried out: the write has happened, but the caller
does not know.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

NO_FAULTS_HEADER = "X-Emulator-No-Faults"  # a request with this header gets no fault
KINDS = (
    "latency",
    "error",
    "throttle",
    "token-buckets",
    "reset",
    "torn",
    "long-running",
    "failing",
    "stale",
    "broker-down",
    "webhook-slow",
    "webhook-down",
    "webhook-wrong",
)
WEBHOOK_KINDS = ("webhook-slow", "webhook-down", "webhook-wrong")
METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
MAX_SECONDS = 3600.0
MAX_LENGTHS = {"path": 500, "code": 100, "message": 2000}  # characters
DEFAULT_SECONDS = {
    "latency": 0.2,
    "long-running": 2.0,
    "failing": 2.0,
    "stale": 2.0,
    "broker-down": 60.0,
    "webhook-slow": 10.0,
}
DEFAULT_CODES = {
    400: "BadRequest",
    403: "AuthorizationFailed",
    404: "ResourceNotFound",
    409: "Conflict",
    412: "PreconditionFailed",
    429: "SubscriptionRequestsThrottled",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}


class FaultError(ValueError):
    """An invalid fault. `field` is the name of the member at fault, "" if it is not one member."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault, and the requests that get it.

    `methods` lists HTTP methods (empty: all). `path` is a pattern with `*`, case-insensitive; one that starts with `*`
    matches ARM's own paths only, so use "/*/oauth2/*" for tokens. `rate` is the share of requests, from 0 to 1. `count` is
    the number of requests after which the fault ends (None: never). `id` and `hits` are set by the emulator.

    Raise `FaultError` for a value outside its range.
    """

    kind: str
    id: str = ""
    methods: tuple[str, ...] = ()
    path: str = "/subscriptions*"
    rate: float = 1.0
    count: int | None = None
    seconds: float | None = None
    jitter: float = 0.0  # seconds
    status: int = 500
    code: str = ""
    message: str = ""
    retry_after: int | None = None  # seconds
    after: bool = False
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FaultError(f"'{str(self.kind)[:50]}' is not a kind of fault. Use one of: {', '.join(KINDS)}.", "kind")
        for method in self.methods:
            if method not in METHODS:
                raise FaultError(f"'{str(method)[:20]}' is not a method. Use any of: {', '.join(METHODS)}.", "methods")
        for name, most in MAX_LENGTHS.items():
            if len(getattr(self, name)) > most:
                raise FaultError(f"'{name}' can have at most {most} characters.", name)
        _check_range("rate", self.rate, 0, 1)
        _check_range("jitter", self.jitter, 0, MAX_SECONDS)
        _check_range("status", self.status, 400, 599)
        for name, low in (("seconds", 0), ("count", 1), ("retry_after", 0)):
            value = getattr(self, name)
            if value is not None:
                _check_range(name, value, low, MAX_SECONDS if name != "count" else 2**31)

    @property
    def duration(self) -> float:
        """`seconds`, or the default for this kind."""
        return DEFAULT_SECONDS.get(self.kind, 0.0) if self.seconds is None else self.seconds

    @property
    def error_code(self) -> str:
        """`code`, or ARM's code for this status."""
        return self.code or DEFAULT_CODES.get(self.status, "BadRequest" if self.status < 500 else "InternalServerError")

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as a JSON object."""
        return {**asdict(self), "methods": list(self.methods)}

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> "Fault":
        """Return the fault that a JSON object describes. Raise `FaultError`."""
        types: dict[str, tuple[type, ...]] = {
            **dict.fromkeys(("kind", "id", "path", "code", "message"), (str,)),
            **dict.fromkeys(("rate", "jitter"), (int, float)),
            **dict.fromkeys(("status", "hits"), (int,)),
            **dict.fromkeys(("count", "retry_after"), (int, type(None))),
            "seconds": (int, float, type(None)),
            "methods": (list, tuple),
            "after": (bool,),
        }
        for name, value in members.items():
            if name not in types:
                raise FaultError(f"A fault has no '{name[:50]}'. It can have: {', '.join(types)}.", name[:50])
            if not isinstance(value, types[name]) or (isinstance(value, bool) and name != "after"):
                raise FaultError(f"'{name}' cannot be {str(value)[:50]!r}.", name)
        if "kind" not in members:
            raise FaultError(f"'kind' is missing. Use one of: {', '.join(KINDS)}.", "kind")
        return cls(**{**members, "methods": tuple(str(method).upper() for method in members.get("methods", ()))})

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Return the fault that one line describes: `error,status=503,rate=0.1,methods=PUT+DELETE`. Raise `FaultError`."""
        kind, *pairs = (part.strip() for part in text.split(","))
        members: dict[str, Any] = {"kind": kind}
        names = {field.name for field in fields(cls)} - {"kind", "id", "hits"}
        for pair in pairs:
            name, separator, value = pair.partition("=")
            if not separator or name not in names:
                raise FaultError(
                    f"'{pair[:50]}' is not valid. Use NAME=VALUE with one of: {', '.join(sorted(names))}.", name[:50]
                )
            members[name] = _read(name, value)
        return cls.from_dict(members)


@dataclass(frozen=True)
class WebhookPlan:
    """The faults of one question to the webhook of a namespace. `delay` is in seconds."""

    delay: float = 0.0
    is_down: bool = False
    is_wrong: bool = False


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise FaultError(f"'{name}' must be from {low:g} to {high:g}.", name)


def _read(name: str, value: str) -> Any:
    try:
        if name in ("count", "status", "retry_after"):
            return int(value)
        if name in ("rate", "seconds", "jitter"):
            return float(value)
    except ValueError as error:
        raise FaultError(f"'{name}' must be a number, not '{value[:30]}'.", name) from error
    if name == "methods":
        return value.split("+")
    if name == "after":
        return value.casefold() in ("1", "true", "yes")
    return value
