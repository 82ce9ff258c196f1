"""Authenticate a client by its certificate and user name, and remember acceptances.

Devices reconnect with the same certificate, often all at once after a network failure: the decision is then only looked
up. Only acceptances are remembered, until the namespace's CA certificates, clients or settings change, or the first
certificate expires that the decision may depend on.
"""

import contextlib
import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

from certificates.authentication.engine import Decision, NamespaceState, authenticate
from certificates.x509.certificate import DecodingError, load_certificate
from emulator.mqtt.recording.records import evidence_of
from emulator.storage.store import Store

_REMEMBERED = 2_000


class Verdict(NamedTuple):
    """The engine's decision, the Unix time until which it holds if nothing changes, and its evidence for the log.

    That time is one on the clock by which certificates are judged: `Authenticator.judged_at`.
    """

    decision: Decision
    valid_until: float
    evidence: str


class Authenticator:
    """Authenticates the clients of one namespace. `forget` may be called from any thread."""

    def __init__(self, store: Store, namespace_id: str) -> None:
        self._store = store
        self._namespace_id = namespace_id
        self._is_stale = False
        self._ahead = store.judged_ahead(namespace_id)
        self._accepted: dict[tuple[bytes, str | None], Verdict] = {}

    def judged_at(self) -> datetime:
        """Return the moment at which certificates are judged now. Everything in this namespace that judges one asks here."""
        self._freshen()
        return datetime.now(UTC) + self._ahead

    def forget(self) -> None:
        """Forget every acceptance: the store has changed."""
        self._is_stale = True

    def authenticate(self, chain: tuple[bytes, ...], user_name: str | None) -> Verdict:
        """Return the engine's decision for now. `chain` is what the client presented, as DER, leaf first."""
        now = self.judged_at()
        key = (_digest(chain), user_name)
        found = self._accepted.get(key)
        if found is not None and found.valid_until > now.timestamp():
            return found
        state = self._store.authentication_state(self._namespace_id)
        leaf = chain[0] if chain else None
        decision = authenticate(presented=leaf, chain=chain[1:], user_name=user_name, state=state, at=now)
        evidence = evidence_of(chain, decision, user_name, ahead=self._ahead)
        if not decision.accepted:
            return Verdict(decision, float("inf"), evidence)
        if len(self._accepted) >= _REMEMBERED:
            self._accepted.clear()
        verdict = Verdict(decision, _valid_until(decision, chain, state, now), evidence)
        self._accepted[key] = verdict
        return verdict

    def _freshen(self) -> None:
        if self._is_stale:
            self._is_stale = False
            self._accepted.clear()
            self._ahead = self._store.judged_ahead(self._namespace_id)


def _digest(chain: tuple[bytes, ...]) -> bytes:
    digest = hashlib.sha256()
    for der in chain:
        digest.update(len(der).to_bytes(4, "big") + der)
    return digest.digest()


def _valid_until(decision: Decision, chain: tuple[bytes, ...], state: NamespaceState, now: datetime) -> float:
    anchors = [ca.der for ca in state.cas if ca.name == decision.anchor]
    ends = [load_certificate(der).not_after for der in (chain[0], *anchors)]
    for der in chain[1:]:
        with contextlib.suppress(DecodingError):  # an unreadable one was not needed
            ends.append(load_certificate(der).not_after)
    return min((end.timestamp() for end in ends if end > now), default=float("inf"))
