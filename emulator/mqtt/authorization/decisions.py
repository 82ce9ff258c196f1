"""The decision about a certificate and a user name, remembered until something changes that it rests on.

Devices come back with the same certificate, often all at once after a network failure: then the decision is only looked
up. What is remembered is an acceptance alone, and it ends with any change to the namespace's CA certificates, clients or
settings, and with the first certificate that it may rest on.
"""

import contextlib
import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography import x509

from certificates.authentication.engine import Decision, NamespaceState, authenticate
from emulator.mqtt.connections.log_records import evidence_of
from emulator.storage.store import Store

_REMEMBERED = 2_000


class Verdict(NamedTuple):
    """A decision, until when (Unix time) it stays so if nothing changes, and what the log says about it."""

    decision: Decision
    valid_until: float
    evidence: str


class Decider:
    """Decides for one namespace. `forget` may be called from any thread."""

    def __init__(self, store: Store, namespace_id: str) -> None:
        self._store = store
        self._namespace_id = namespace_id
        self._is_stale = False
        self._accepted: dict[tuple[bytes, str | None], Verdict] = {}

    def forget(self) -> None:
        """Something has changed in the store."""
        self._is_stale = True

    def decide(self, chain: tuple[bytes, ...], user_name: str | None) -> Verdict:
        """What the engine says now.

        `chain` is what the client presented, as DER, leaf first.
        """
        if self._is_stale:
            self._is_stale = False
            self._accepted.clear()
        now = datetime.now(UTC)
        key = (_digest(chain), user_name)
        found = self._accepted.get(key)
        if found is not None and found.valid_until > now.timestamp():
            return found
        state = self._store.authentication_state(self._namespace_id)
        leaf = chain[0] if chain else None
        decision = authenticate(presented=leaf, chain=chain[1:], user_name=user_name, state=state, at=now)
        evidence = evidence_of(chain, decision)
        if not decision.accepted:
            return Verdict(decision, float("inf"), evidence)
        if len(self._accepted) >= _REMEMBERED:
            self._accepted.clear()
        verdict = Verdict(decision, _valid_until(decision, chain, state, now), evidence)
        self._accepted[key] = verdict
        return verdict


def _digest(chain: tuple[bytes, ...]) -> bytes:
    digest = hashlib.sha256()
    for der in chain:
        digest.update(len(der).to_bytes(4, "big") + der)
    return digest.digest()


def _valid_until(decision: Decision, chain: tuple[bytes, ...], state: NamespaceState, now: datetime) -> float:
    anchors = [ca.der for ca in state.cas if ca.name == decision.anchor]
    ends = [x509.load_der_x509_certificate(der).not_valid_after_utc for der in (chain[0], *anchors)]
    for der in chain[1:]:
        with contextlib.suppress(ValueError):  # one that nobody can read was not needed
            ends.append(x509.load_der_x509_certificate(der).not_valid_after_utc)
    return min((end.timestamp() for end in ends if end > now), default=float("inf"))
