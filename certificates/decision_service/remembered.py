"""What a process need not compute again: acceptances of devices that reconnect, and tokens that were checked.

Devices reconnect with the same certificate, often all at once after a network failure, and a namespace sends the same token for hours.
Only what was accepted is remembered, and only while nothing that it depends on changes.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from certificates.authentication.types import Decision, NamespaceState
from certificates.decisions.requests import ConnectRequest
from certificates.decisions.tokens import LEEWAY, CheckedToken, ExpectedCaller

MOST_ACCEPTANCES = 4_000  # of one namespace; each takes about 3 kB
MOST_TOKENS = 1_000
LONGEST = timedelta(hours=1)  # the trace of an acceptance names the time of its test


@dataclass(frozen=True)
class Acceptance:
    """A decision that accepts, without its trace; the whole one, as it is recorded; the end of its session without the namespace's
    longest one; and until when it holds."""

    decision: Decision
    recorded: bytes
    session_ends: datetime | None
    holds_until: datetime


class Acceptances:
    """The acceptances of one state of one namespace. A change of the state makes a new one."""

    def __init__(self) -> None:
        self._found: dict[tuple[bytes, str | None], Acceptance] = {}

    def of(self, key: tuple[bytes, str | None], at: datetime) -> Acceptance | None:
        found = self._found.get(key)
        return found if found is not None and at < found.holds_until else None

    def keep(
        self,
        key: tuple[bytes, str | None],
        decision: Decision,
        recorded: bytes,
        session_ends: datetime | None,
        state: NamespaceState,
        at: datetime,
    ) -> None:
        """Remember an acceptance until something that it depends on ends: a certificate, the policy, a revocation list."""
        lists = [each.next_update for each in state.rules.lists if each.next_update is not None]
        ends = [at + LONGEST, *filter(None, [session_ends]), *(end for end in lists if end > at)]
        if len(self._found) >= MOST_ACCEPTANCES:
            self._found.clear()
        self._found[key] = Acceptance(decision._replace(steps=()), recorded, session_ends, min(ends))


def key_of(request: ConnectRequest) -> tuple[bytes, str | None]:
    """Return what a decision about a request depends on, besides state and time."""
    return _digest([request.presented or b"", *request.chain]), request.user_name


def _digest(ders: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for der in ders:
        digest.update(len(der).to_bytes(4, "big") + der)
    return digest.digest()


@dataclass(frozen=True)
class _Checked:
    keys: Mapping[str, RSAPublicKey]  # the keys of its check: others are read each hour
    expected: ExpectedCaller
    token: CheckedToken


class CheckedTokens:
    """Tokens whose check succeeded, by their hash."""

    def __init__(self) -> None:
        self._found: dict[bytes, list[_Checked]] = {}

    def of(
        self, token: str, keys: Mapping[str, RSAPublicKey], expected: ExpectedCaller, at: datetime
    ) -> CheckedToken | None:
        """Return what a token says that was checked with the same keys for the same caller, and has not expired since."""
        for each in self._found.get(_hash(token), ()):
            if each.keys is keys and each.expected == expected:
                return each.token if at.timestamp() < each.token.expires_at + LEEWAY.total_seconds() else None
        return None

    def keep(
        self, token: str, keys: Mapping[str, RSAPublicKey], expected: ExpectedCaller, checked: CheckedToken
    ) -> None:
        if len(self._found) >= MOST_TOKENS:
            self._found.clear()
        others: Sequence[_Checked] = [each for each in self._found.get(_hash(token), ()) if each.keys is keys]
        self._found[_hash(token)] = [*others[-10:], _Checked(keys, expected, checked)]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
