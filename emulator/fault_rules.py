"""A fault on demand, as the control API takes and answers it. Standard library only: server and clients share it.

kind             what happens to a request that the rule takes hold of
latency          it waits `seconds`, give or take up to `jitter`
error            it is answered with `status`, `code` and `message`, and `Retry-After` where `retry_after` is given
throttle         it is answered with 429, ARM's headers and `Retry-After`
token-buckets    ARM's own limits are in force: a bucket of reads, one of writes and one of deletes
reset            its connection is reset
torn             half of the answer is sent, then the connection is closed
long-running     a write is accepted, and done after `seconds`
failing          a write is accepted, and fails after `seconds` with `code` and `message`
stale            for `seconds` after a write, reads answer what was there before it

With `after`, an `error` or `reset` strikes when the request has been carried out: what was asked is done, and the caller
does not know.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

SPARED = "X-Emulator-No-Faults"  # a request with this header is struck by none
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
)
METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
LONGEST = 3600.0  # seconds
LENGTHS = {"path": 500, "code": 100, "message": 2000}
TIMED = {"latency": 0.2, "long-running": 2.0, "failing": 2.0, "stale": 2.0}  # kind: seconds where none are given
CODES = {
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
    """A fault that cannot be; one sentence says why."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A rule.

    `path` is a pattern with `*`, in any casing; one that begins with `*` is for ARM's own paths, and "/*/oauth2/*" is for
    tokens. `rate` is the share of requests from 0 to 1; `count` how many requests it takes hold of before it ends (None:
    it stays). `id` and `hits` come from the emulator.
    """

    kind: str
    id: str = ""
    methods: tuple[str, ...] = ()
    path: str = "/subscriptions*"
    rate: float = 1.0
    count: int | None = None
    seconds: float | None = None
    jitter: float = 0.0
    status: int = 500
    code: str = ""
    message: str = ""
    retry_after: int | None = None
    after: bool = False
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FaultError(f"'{str(self.kind)[:50]}' is not a kind of fault. Use one of: {', '.join(KINDS)}.")
        for method in self.methods:
            if method not in METHODS:
                raise FaultError(f"'{str(method)[:20]}' is not a method. Use some of: {', '.join(METHODS)}.")
        for name, most in LENGTHS.items():
            if len(getattr(self, name)) > most:
                raise FaultError(f"'{name}' may have at most {most} characters.")
        _between("rate", self.rate, 0, 1)
        _between("jitter", self.jitter, 0, LONGEST)
        _between("status", self.status, 400, 599)
        for name, low in (("seconds", 0), ("count", 1), ("retry_after", 0)):
            value = getattr(self, name)
            if value is not None:
                _between(name, value, low, LONGEST if name != "count" else 2**31)

    @property
    def lasts(self) -> float:
        """`seconds`, or what is usual for this kind."""
        return TIMED.get(self.kind, 0.0) if self.seconds is None else self.seconds

    @property
    def error_code(self) -> str:
        """`code`, or ARM's for this status."""
        return self.code or CODES.get(self.status, "BadRequest" if self.status < 500 else "InternalServerError")

    def as_dict(self) -> dict[str, Any]:
        """The rule as JSON holds it."""
        return {**asdict(self), "methods": list(self.methods)}

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> "Fault":
        """The rule that a JSON object says. Raises `FaultError`."""
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
                raise FaultError(f"A fault has no '{name[:50]}'. It may have: {', '.join(types)}.")
            if not isinstance(value, types[name]) or (isinstance(value, bool) and name != "after"):
                raise FaultError(f"'{name}' cannot be {str(value)[:50]!r}.")
        if "kind" not in members:
            raise FaultError(f"'kind' is missing. Use one of: {', '.join(KINDS)}.")
        return cls(**{**members, "methods": tuple(str(method).upper() for method in members.get("methods", ()))})

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """A rule on one line: `error,status=503,rate=0.1,methods=PUT+DELETE`. Raises `FaultError`."""
        kind, *pairs = (part.strip() for part in text.split(","))
        members: dict[str, Any] = {"kind": kind}
        names = {field.name for field in fields(cls)} - {"kind", "id", "hits"}
        for pair in pairs:
            name, separator, value = pair.partition("=")
            if not separator or name not in names:
                raise FaultError(f"'{pair[:50]}' is not understood. Use NAME=VALUE with: {', '.join(sorted(names))}.")
            members[name] = _read(name, value)
        return cls.from_dict(members)


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise FaultError(f"'{name}' must be from {low:g} to {high:g}.")


def _read(name: str, value: str) -> Any:
    try:
        if name in ("count", "status", "retry_after"):
            return int(value)
        if name in ("rate", "seconds", "jitter"):
            return float(value)
    except ValueError as error:
        raise FaultError(f"'{name}' must be a number, not '{value[:30]}'.") from error
    if name == "methods":
        return value.split("+")
    if name == "after":
        return value.casefold() in ("1", "true", "yes")
    return value
