"""Decide one CONNECT: the IP firewall, authentication by the engine or a webhook, then Event Grid's rules, the session name and the
will.

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
from emulator.mqtt.webhook.answers import Answer
from emulator.mqtt.webhook.namespace_webhook import NamespaceWebhook
from emulator.mqtt.wire.packets import Connect
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
    webhook: NamespaceWebhook | None


def decide_connect(connect: Connect, client: Peer, namespace: NamespaceSettings, *, now: float) -> Outcome | None:
    """Decide whether a client may connect, and on what terms; None: ask the namespace's webhook, then `decide_answered`.

    `now`: seconds on the broker's clock.
    """
    terms = terms_of(connect, maximum_expiry=namespace.maximum_session_expiry_seconds)
    refusal = namespace.ip_rules.refusal(client.peer)
    if refusal is not None:
        return Outcome(None, refusal, terms)
    refusal, webhook = method_refusal(connect), namespace.webhook
    if webhook is not None and (webhook.decides_alone or refusal is not None):
        return None
    if refusal is not None:
        return Outcome(None, refusal, terms)
    verdict = namespace.authenticator.authenticate(client.peer_chain, connect.user_name)
    refusal = verdict.refusal()
    if refusal is not None:
        return None if webhook is not None else Outcome(verdict, refusal, terms)
    return _by_rules(connect, verdict, terms, namespace, now)


def decide_answered(
    connect: Connect, client: Peer, namespace: NamespaceSettings, answer: Answer, request_id: str, *, now: float
) -> Outcome:
    """Decide by the answer of the webhook. `request_id` is that of the request, `now` in seconds on the broker's clock."""
    terms = terms_of(connect, maximum_expiry=namespace.maximum_session_expiry_seconds)
    verdict = namespace.authenticator.answered(client.peer_chain, answer, request_id)
    refusal = verdict.refusal()
    return (
        Outcome(verdict, refusal, terms) if refusal is not None else _by_rules(connect, verdict, terms, namespace, now)
    )


def _by_rules(connect: Connect, verdict: Verdict, terms: Terms, namespace: NamespaceSettings, now: float) -> Outcome:
    """Decide about a client that is authenticated."""
    owner = authentication_name_key(verdict.name)
    client = verdict.decision.client if verdict.decision is not None else None
    refusal = (
        unsupported_feature(connect, namespace.azure)
        or session_refusal(
            connect,
            namespace.broker,
            owner=owner,
            client_name=client.name if client is not None else verdict.name,
            sessions_allowed=namespace.sessions_per_name,
            now=now,
        )
        or namespace.connect_rate.refusal(connect.client_id, now)
    )
    if refusal is None:
        namespace.authorization.identify(owner, verdict.answer)
        refusal = will_refusal(connect, namespace.authorization, owner) or connack_refusal(
            connect, terms, namespace.azure
        )
        if refusal is not None and not namespace.broker.session_names_of(owner):
            namespace.authorization.forget_identity(owner)
    return Outcome(verdict, refusal, terms)
