"""Records of the connection log, in Azure's terms ("Monitor data reference", MQTT resource logs)."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from certificates.authentication.engine import Decision
from certificates.x509.key_masking import masked, masked_text
from certificates.x509.private_keys import holds_a_private_key, private_key_kind
from certificates.x509.reading import to_pem
from emulator.mqtt.limits import MAX_SESSION_NAME_BYTES
from emulator.mqtt.webhook.answers import ALLOWED, Answer
from emulator.storage.connection_records import NO_EVIDENCE, ConnectionRecord

CONNECT = "Microsoft.EventGrid/topicspaces/connect"
DISCONNECT = "Microsoft.EventGrid/topicspaces/disconnect"
PUBLISH = "Microsoft.EventGrid/topicspaces/publish"
SUBSCRIBE = "Microsoft.EventGrid/topicspaces/subscribe"
WEBHOOK_AUTHENTICATION = "CustomWebhook"  # authentication type of a client about which a webhook decided
AUTHENTICATION_METHOD = "authentication-method"  # code of a client that asks to authenticate by something else

_CATEGORIES = {
    (CONNECT, True): "SuccessfulMqttConnections",
    (CONNECT, False): "FailedMqttConnections",
    (DISCONNECT, True): "MqttDisconnections",
    (PUBLISH, False): "FailedMqttPublishedMessages",
    (SUBSCRIBE, False): "FailedMqttSubscriptionOperations",
}


def protocol_name(version: int, suffix: str) -> str:
    """Return Azure's name of a client's protocol: MQTT3, MQTT3-WS, MQTT5 or MQTT5-WS; "" while it is unknown.

    `suffix` is "-WS" over WebSocket.
    """
    return {5: "MQTT5" + suffix, 4: "MQTT3" + suffix}.get(version, "")


def evidence_of(
    chain: Sequence[bytes],
    decision: Decision | None,
    user_name: str | None = None,
    *,
    ahead: timedelta = timedelta(),
) -> str:
    """Return the evidence of an attempt to connect as JSON members: the presented chain and the decision.

    `ahead` is how far the moment of the decision was ahead of the clock, which is left out where it was not. A certificate or sentence with a private key in it is masked.
    """
    members: dict[str, object] = {
        "presentedChain": [to_pem(der) for der in chain],
        "decision": decision.as_dict() if decision is not None else None,
    }
    if ahead:
        members["judgedAheadSeconds"] = int(ahead.total_seconds())
    has_a_key = holds_a_private_key(user_name or "") or any(map(private_key_kind, chain))
    return json.dumps(masked(members) if has_a_key else members)[1:-1]


def webhook_evidence(answer: Answer | None, request_id: str) -> str:
    """Return the webhook's part of the evidence as a JSON member. `request_id` is in the header of the request.

    `answer` is None where the client was gone before it came.
    """
    members: dict[str, object] = {"requestId": request_id}
    if answer is not None:
        members |= {"outcome": answer.outcome, "code": answer.code, "status": answer.status}
        if answer.outcome == ALLOWED:
            members |= {"authenticationName": masked_text(answer.name), "expiration": answer.expiration}
    return f'"webhook": {json.dumps(members)}'


def record_of(
    operation: str,
    *,
    namespace_id: str,
    succeeded: bool,
    signature: str = "",
    description: str = "",
    code: str = "",
    peer: str,
    protocol: str = "",
    session_name: str = "",
    user_name: str | None = None,
    decision: Decision | None = None,
    evidence: str = NO_EVIDENCE,
    trace_id: str = "",
    authentication_type: str = "",
    client_name: str = "",
    authentication_name: str = "",
) -> ConnectionRecord:
    """Return one record. Text from the client is cut to a bound, and masked where it is a private key.

    Only attempts to connect have `evidence`, which is masked already. `authentication_type`: "" for certificates. `client_name` and
    `authentication_name` are of a client that a webhook allowed.
    """
    client = decision.client if decision is not None else None
    by_thumbprint = client is not None and client.validation_scheme == "ThumbprintMatch"
    by_token = decision is None and code == AUTHENTICATION_METHOD
    return ConnectionRecord(
        namespace_id=namespace_id,
        time=datetime.now(UTC),
        operation_name=operation,
        category=_CATEGORIES[operation, succeeded],
        result_type="Succeeded" if succeeded else "Failed",
        result_signature=signature,
        result_description=masked_text(description)[:4096],
        code=code,
        caller_ip_address=peer,
        authentication_type=authentication_type
        or ("AccessToken" if by_token else "CertificateThumbprintMatch" if by_thumbprint else "CACertificate"),
        client_identity_source=decision.authentication_name_source if decision is not None else "",
        session_name=masked_text(session_name)[: 2 * MAX_SESSION_NAME_BYTES],
        protocol=protocol,
        trace_id=trace_id,
        user_name=masked_text(user_name)[:256] if user_name is not None else None,
        evidence=evidence,
        client_name=client.name if client is not None else client_name,
        authentication_name=client.authentication_name if client is not None else masked_text(authentication_name),
        ca_name=decision.anchor if decision is not None else "",
    )
