"""What the connection log says about a connection, in Azure's words ("Monitor data reference", MQTT resource logs)."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from certificates.authentication.engine import Decision
from certificates.x509.reading import to_pem
from emulator.mqtt.limits import MAX_SESSION_NAME_BYTES
from emulator.storage.connection_records import NO_EVIDENCE, ConnectionRecord

CONNECT = "Microsoft.EventGrid/topicspaces/connect"
DISCONNECT = "Microsoft.EventGrid/topicspaces/disconnect"
PUBLISH = "Microsoft.EventGrid/topicspaces/publish"
SUBSCRIBE = "Microsoft.EventGrid/topicspaces/subscribe"

_CATEGORIES = {
    (CONNECT, True): "SuccessfulMqttConnections",
    (CONNECT, False): "FailedMqttConnections",
    (DISCONNECT, True): "MqttDisconnections",
    (PUBLISH, False): "FailedMqttPublishedMessages",
    (SUBSCRIBE, False): "FailedMqttSubscriptionOperations",
}


class Wire(Protocol):
    """What carries a connection's bytes: TLS alone, or a WebSocket on it."""

    peer: str
    peer_chain: tuple[bytes, ...]  # DER, leaf first
    protocol_suffix: str  # "-WS" over WebSocket

    @property
    def is_congested(self) -> bool: ...
    def write(self, data: bytes) -> None: ...
    def await_end(self) -> None:
        """The client has said goodbye: hear nothing more, and close once it does, or after a while."""

    def close(self) -> None: ...


def protocol_of(version: int, wire: Wire | None) -> str:
    """What a client speaks, in Azure's words: MQTT3, MQTT3-WS, MQTT5, MQTT5-WS; "" while that is unknown."""
    suffix = wire.protocol_suffix if wire is not None else ""
    return {5: "MQTT5" + suffix, 4: "MQTT3" + suffix}.get(version, "")


def evidence_of(chain: Sequence[bytes], decision: Decision | None) -> str:
    """What an attempt to connect rests on, as JSON members: the chain that was presented, and the decision."""
    told = {
        "presentedChain": [to_pem(der) for der in chain],
        "decision": decision.as_dict() if decision is not None else None,
    }
    return json.dumps(told)[1:-1]


def record_of(
    operation: str,
    *,
    namespace_id: str,
    succeeded: bool,
    signature: str = "",
    description: str = "",
    wire: Wire | None = None,
    peer: str = "",
    version: int = 0,
    session_name: str = "",
    user_name: str | None = None,
    decision: Decision | None = None,
    evidence: str = NO_EVIDENCE,
    trace_id: str = "",
) -> ConnectionRecord:
    """One record. What a stranger sent is bounded; `evidence` belongs to attempts to connect alone."""
    client = decision.client if decision is not None else None
    by_thumbprint = client is not None and client.validation_scheme == "ThumbprintMatch"
    return ConnectionRecord(
        namespace_id=namespace_id,
        time=datetime.now(UTC),
        operation_name=operation,
        category=_CATEGORIES[operation, succeeded],
        result_type="Succeeded" if succeeded else "Failed",
        result_signature=signature,
        result_description=description[:4096],
        caller_ip_address=wire.peer if wire is not None else peer,
        authentication_type="CertificateThumbprintMatch" if by_thumbprint else "CACertificate",
        client_identity_source=decision.authentication_name_source if decision is not None else "",
        session_name=session_name[: 2 * MAX_SESSION_NAME_BYTES],
        protocol=protocol_of(version, wire),
        trace_id=trace_id,
        user_name=user_name[:256] if user_name is not None else None,
        evidence=evidence,
        client_name=client.name if client is not None else "",
        ca_name=decision.anchor if decision is not None else "",
    )
