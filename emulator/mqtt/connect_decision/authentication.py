"""Authenticate a client by its certificate and user name, and remember acceptances.

Devices reconnect with the same certificate, often all at once after a network failure: the decision is then only looked
up. Only acceptances are remembered, until the namespace's CA certificates, clients or settings change, or the first
certificate expires that the decision may depend on.
"""

import contextlib
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from certificates.authentication.engine import Decision, NamespaceState, authenticate, authentication_name_key
from certificates.x509.certificate import DecodingError, load_certificate
from emulator.mqtt.connect_decision.connack import Refusal
from emulator.mqtt.recording.records import evidence_of, webhook_evidence
from emulator.mqtt.webhook.answers import ALLOWED, DENIED, Answer
from emulator.mqtt.wire.packets import Reason
from emulator.storage.store import Store

_REMEMBERED = 2_000


class Verdict(NamedTuple):
    """The engine's decision, the Unix time until which it holds if nothing changes, and its evidence for the log.

    That time is one on the clock by which certificates are judged: `Authenticator.judged_at`. Where a webhook decided, `answer` is
    its answer, `name` the authentication name that it gave, and there is no decision of the engine.
    """

    decision: Decision | None
    valid_until: float
    evidence: str
    answer: Answer | None = None

    @property
    def name(self) -> str:
        """The authentication name."""
        if self.decision is not None:
            return self.decision.authentication_name
        return self.answer.name if self.answer is not None else ""

    def refusal(self, *, signature: str = "AuthenticationError", with_fix: bool = True) -> Refusal | None:
        """Return why the client is refused, None if it is not. `with_fix`: with the engine's advice, for the client."""
        decision, answer = self.decision, self.answer
        if answer is not None:
            return _refusal_of(answer, signature)
        assert decision is not None
        if decision.accepted:
            return None
        sentence = f"{decision.reason} {decision.fix}".strip() if with_fix else decision.reason
        return Refusal(Reason.NOT_AUTHORIZED, sentence, signature, decision.code)


def _refusal_of(answer: Answer, signature: str) -> Refusal | None:
    if answer.outcome == ALLOWED:
        return None
    if answer.outcome == DENIED:
        return Refusal(Reason.NOT_AUTHORIZED, answer.sentence, signature, answer.code)
    return Refusal(Reason.SERVER_UNAVAILABLE, answer.sentence, "ServerUnavailable", answer.code)


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

    def answered(self, chain: tuple[bytes, ...], answer: Answer, request_id: str) -> Verdict:
        """Return the verdict of a webhook. An end that has passed already is a refusal."""
        now = self.judged_at().timestamp()
        if answer.expiration is not None and answer.expiration <= now:
            sentence = "The webhook allowed this client until a time that has passed."
            answer = replace(answer, outcome=DENIED, code="webhook-expired", sentence=sentence)
        evidence = f"{evidence_of(chain, None, ahead=self._ahead)}, {webhook_evidence(answer, request_id)}"
        end = float("inf") if answer.expiration is None else float(answer.expiration)
        return Verdict(None, end, evidence, answer)

    def client_named(self, name: str) -> str:
        """Return the name of the client resource with this authentication name, "" without one."""
        clients = self._store.authentication_state(self._namespace_id).clients
        found = clients.get(authentication_name_key(name))
        return found.name if found is not None else ""

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
