"""When a client's old thumbprint may go: a client has two places, so a new certificate is added before the old one is removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

NONE, UNKNOWN, UNSEEN, OLD_IN_USE, SAFE = "none", "unknown", "unseen", "old-in-use", "safe"


@dataclass(frozen=True)
class Renewal:
    """How far the renewal of a client's certificate is.

    `code`: "none" (no renewal is under way), "unknown" (the target reports no connections), "unseen" (no connection has used
    the new one), "old-in-use" (the last connection used the old one), or "safe". `last` is the thumbprint that the last connection
    used, "" where that is not known.
    """

    code: str
    old: str = ""
    new: str = ""
    began_at: datetime | None = None
    last: str = ""

    @property
    def is_safe(self) -> bool:
        return self.code == SAFE


def renewal_of(
    thumbprints: Sequence[str],
    *,
    renewed_to: str,
    began_at: datetime | None,
    uses: Mapping[str, datetime],
    has_log: bool,
) -> Renewal:
    """Return how far a renewal is. What is not known is never safe.

    Arguments: `thumbprints`, those of the client; `renewed_to`, the new one of them, added at `began_at`; `uses`, when an accepted
    connection of this client last used each; `has_log`, whether the target reports connections. Times are aware.
    """
    known = [thumbprint for thumbprint in thumbprints if thumbprint in uses]
    last = max(known, key=lambda thumbprint: uses[thumbprint], default="") if has_log else ""
    if len(thumbprints) < 2 or renewed_to not in thumbprints or began_at is None:
        return Renewal(NONE, last=last)
    old = next(thumbprint for thumbprint in thumbprints if thumbprint != renewed_to)
    code = _code(uses.get(old), uses.get(renewed_to), began_at) if has_log else UNKNOWN
    return Renewal(code, old, renewed_to, began_at, last)


def _code(old_used: datetime | None, new_used: datetime | None, began_at: datetime) -> str:
    if new_used is None or new_used < began_at:
        return UNSEEN
    return OLD_IN_USE if old_used is not None and old_used >= new_used else SAFE
