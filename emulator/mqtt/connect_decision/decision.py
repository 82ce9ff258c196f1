"""Decide one CONNECT: authentication by the engine, then Event Grid's rules, the session name and the will.

Nothing is changed or sent here: `emulator.mqtt.connections.connection` acts on the outcome, and
`emulator.mqtt.recording` records it.
"""

from typing import NamedTuple, Protocol

from certificates.authentication.engine import authentication_name_key
from emulator.mqtt.authorization.topics import Authorization
from emulator.mqtt.connect_decision.authentication import Authenticator, Verdict
from emulator.mqtt.connect_decision.connack import Refusal
from emulator.mqtt.connect_decision.rules import connack_refusal, session_refusal, unsupported_feature, will_refusal
from emulator.mqtt.connect_decision.terms import Terms, terms_of
from emulator.mqtt.sessions.broker import Broker
from emulator.mqtt.wire.packets import Connect, Reason
from emulator.profile import AzureProfile


class Outcome(NamedTuple):
    """The decision about a CONNECT: refused, or accepted on `terms`."""

    verdict: Verdict
    refusal: Refusal | None
    terms: Terms


class NamespaceSettings(Protocol):
    """What a CONNECT is decided from."""

    azure: AzureProfile
    authenticator: Authenticator
    authorization: Authorization
    broker: Broker
    sessions_per_name: int
    maximum_session_expiry_seconds: int


def decide_connect(
    connect: Connect, peer_chain: tuple[bytes, ...], namespace: NamespaceSettings, *, now: float
) -> Outcome:
    """Decide whether a client may connect, and on what terms.

    Arguments: `peer_chain`, the certificates that the client presented in TLS, as DER, leaf first; `now`, seconds on the
    broker's clock.
    """
    verdict = namespace.authenticator.authenticate(peer_chain, connect.user_name)
    terms = terms_of(connect, maximum_expiry=namespace.maximum_session_expiry_seconds)
    decision = verdict.decision
    if not decision.accepted:
        sentence = f"{decision.reason} {decision.fix}".strip()
        return Outcome(verdict, Refusal(Reason.NOT_AUTHORIZED, sentence, "AuthenticationError", decision.code), terms)
    owner = authentication_name_key(decision.authentication_name)
    refusal = (
        unsupported_feature(connect, namespace.azure)
        or session_refusal(
            connect,
            namespace.broker,
            owner=owner,
            client_name=decision.client.name if decision.client is not None else "",
            sessions_allowed=namespace.sessions_per_name,
            now=now,
        )
        or will_refusal(connect, namespace.authorization, owner)
        or connack_refusal(connect, terms, namespace.azure)
    )
    return Outcome(verdict, refusal, terms)
