"""Decide one CONNECT: the IP firewall, authentication by the engine, then Event Grid's rules, the session name and the will.

Nothing is changed or sent here: `emulator.mqtt.connections.connection` acts on the outcome, and
`emulator.mqtt.recording` records it.
"""

from typing import NamedTuple, Protocol

from certificates.authentication.engine import authentication_name_key
from emulator.mqtt.authorization.topics import Authorization
from emulator.mqtt.connect_decision.authentication import Authenticator, Verdict
from emulator.mqtt.connect_decision.authentication_methods import method_refusal
from emulator.mqtt.connect_decision.connack import Refusal
from emulator.mqtt.connect_decision.connect_rate import ConnectRate
from emulator.mqtt.connect_decision.ip_rules import IpRules
from emulator.mqtt.connect_decision.rules import connack_refusal, session_refusal, unsupported_feature, will_refusal
from emulator.mqtt.connect_decision.terms import Terms, terms_of
from emulator.mqtt.recording.recorder import Peer
from emulator.mqtt.sessions.broker import Broker
from emulator.mqtt.wire.packets import Connect, Reason
from emulator.profile import AzureProfile


class Outcome(NamedTuple):
    """The decision about a CONNECT: refused, or accepted on `terms`. `verdict` is None if it was refused before its
    certificate was checked.
    """

    verdict: Verdict | None
    refusal: Refusal | None
    terms: Terms


class NamespaceSettings(Protocol):
    """What a CONNECT is decided from."""

    azure: AzureProfile
    authenticator: Authenticator
    authorization: Authorization
    broker: Broker
    connect_rate: ConnectRate
    ip_rules: IpRules
    sessions_per_name: int
    maximum_session_expiry_seconds: int


def decide_connect(connect: Connect, client: Peer, namespace: NamespaceSettings, *, now: float) -> Outcome:
    """Decide whether a client may connect, and on what terms. `now`: seconds on the broker's clock."""
    terms = terms_of(connect, maximum_expiry=namespace.maximum_session_expiry_seconds)
    early = namespace.ip_rules.refusal(client.peer) or method_refusal(connect)
    if early is not None:
        return Outcome(None, early, terms)
    verdict = namespace.authenticator.authenticate(client.peer_chain, connect.user_name)
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
        or namespace.connect_rate.refusal(connect.client_id, now)
        or will_refusal(connect, namespace.authorization, owner)
        or connack_refusal(connect, terms, namespace.azure)
    )
    return Outcome(verdict, refusal, terms)
