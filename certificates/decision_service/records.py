"""The record of a decision, in the terms of the broker's connection log ("Monitor data reference", MQTT resource logs)."""

from typing import Any

from certificates.decision_service.service import Decided
from certificates.x509.reading import to_pem

CONNECT = "Microsoft.EventGrid/topicspaces/connect"
WEBHOOK = "CustomWebhook"
MOST_CERTIFICATES = 11  # the client's own, and as many as the engine follows
LARGEST_CERTIFICATE = 20_000  # bytes; larger ones are none, and only fill the log
LONGEST_TEXT = 256


def record_of(decided: Decided, request_id: str) -> dict[str, Any]:
    """Return the record as JSON. It has neither password nor authentication data: they were dropped when the request was read.

    `request_id`: of the request, as the broker sent it, or "".
    """
    parts, request, decision = decided.namespace.parts, decided.request, decided.decision
    ders = [] if request.presented is None else [request.presented, *request.chain]
    record: dict[str, Any] = {
        "time": decided.at.isoformat(),
        "resourceId": parts.resource_id,
        "operationName": CONNECT,
        "category": "SuccessfulMqttConnections" if decision.accepted else "FailedMqttConnections",
        "resultType": "Succeeded" if decision.accepted else "Failed",
        "resultSignature": "" if decision.accepted else "AuthenticationError",
        "resultDescription": decision.reason,
        "code": "" if decision.accepted else decision.code,
        "callerIpAddress": "",
        "identity": {
            "authenticationType": WEBHOOK,
            "clientIdentitySource": decision.authentication_name_source,
            "authenticationAuthority": "External",
        },
        "properties": {"sessionName": request.client_id[:LONGEST_TEXT], "protocol": "", "traceId": request_id},
        "userName": request.user_name[:LONGEST_TEXT] if request.user_name is not None else None,
        "clientName": decision.client.name if decision.client is not None else "",
        "caName": decision.anchor,
        "presentedChain": [to_pem(der) for der in ders[:MOST_CERTIFICATES] if len(der) <= LARGEST_CERTIFICATE],
        "decision": decision.as_dict(),
        "webhook": {"requestId": request_id},
    }
    if parts.ahead:
        record["judgedAheadSeconds"] = int(parts.ahead.total_seconds())
    if not all(map(_is_storable, (request.client_id, request.user_name or "", request.method))):
        record = _storable(record)
    return record


def _is_storable(text: str) -> bool:
    """Return whether text is Unicode: JSON can escape half of a surrogate pair, which no database stores."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _storable(inner) for name, inner in value.items()}
    return [_storable(each) for each in value] if isinstance(value, list | tuple) else value
