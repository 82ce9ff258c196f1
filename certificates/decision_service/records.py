"""The record of a decision, in the terms of the broker's connection log ("Monitor data reference", MQTT resource logs)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from certificates.authentication.types import Decision
from certificates.decision_service.messages import content_of
from certificates.decisions.requests import ConnectRequest
from certificates.x509.certificate import Certificate, DecodingError, load_certificate
from certificates.x509.key_masking import masked
from certificates.x509.private_keys import holds_a_private_key, private_key_kind
from certificates.x509.reading import to_pem
from namespaces.connections.decided.taking import DecisionRecord

CONNECT = "Microsoft.EventGrid/topicspaces/connect"
WEBHOOK = "CustomWebhook"
MOST_CERTIFICATES = 11  # the client's own, and as many as the engine follows
LARGEST_CERTIFICATE = 20_000  # bytes; larger ones are none, and only fill the log
LONGEST_TEXT = 256
REMEMBERED = 2_000  # certificates: devices reconnect with the same ones


@dataclass(frozen=True)
class Recorded:
    """What is recorded of a decision. `at`: when, by the clock; `ahead`: how far certificates are judged ahead of it.

    `decision`: the Decision as `message_of` returns it. Thousands may wait, each with a trace of fifty objects: as bytes they are
    one, and the garbage collector, which stops the process that decides, has nothing to visit.
    """

    namespace_pk: int
    resource_id: str
    request: ConnectRequest
    decision: bytes
    at: datetime
    ahead: timedelta
    request_id: str  # of the request, as the broker sent it, or ""
    first_contact: str = ""  # what came of it, "" where it was none


def decision_record(recorded: Recorded) -> DecisionRecord:
    """Return the record with its certificates, and without private keys, in whatever they may be.

    It has neither password nor authentication data: they were dropped when the request was read. Everything else in it comes from
    the certificates and from the two names that the client sent; only these are searched.
    """
    request = recorded.request
    ders = [] if request.presented is None else [request.presented, *request.chain]
    ders = [der if len(der) <= LARGEST_CERTIFICATE else b"" for der in ders[:MOST_CERTIFICATES]]
    record = _record_of(recorded, ders)
    names = "\n".join((request.client_id, request.user_name or ""))
    if holds_a_private_key(names) or any(map(_has_key, ders)):
        return DecisionRecord(masked(record))
    if not _is_storable(names):
        record = _storable(record)
    leaf = _certificate(ders[0]) if ders else None
    others = tuple(filter(None, map(_certificate, ders[1:])))
    return DecisionRecord(record, (leaf, *others) if leaf is not None else ())


@lru_cache(maxsize=REMEMBERED)
def _read(decision: bytes) -> tuple[Decision, dict[str, Any]]:
    """Return a decision, and the same as JSON. Nothing changes either: those of devices that reconnect are the same ones."""
    read: Decision = content_of(decision)
    return read, read.as_dict()


@lru_cache(maxsize=REMEMBERED)
def _has_key(der: bytes) -> bool:
    return bool(private_key_kind(der))


@lru_cache(maxsize=REMEMBERED)
def _certificate(der: bytes) -> Certificate | None:
    try:
        return load_certificate(der)
    except DecodingError:
        return None


def _record_of(recorded: Recorded, ders: Sequence[bytes]) -> dict[str, Any]:
    request, request_id = recorded.request, recorded.request_id
    decision, as_json = _read(recorded.decision)
    record: dict[str, Any] = {
        "time": recorded.at.isoformat(),
        "resourceId": recorded.resource_id,
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
        "presentedChain": [_pem(der) for der in ders],
        "decision": as_json,
        "webhook": {"requestId": request_id},
    }
    if recorded.first_contact:
        record["firstContact"] = str(recorded.first_contact)
    if recorded.ahead:
        record["judgedAheadSeconds"] = int(recorded.ahead.total_seconds())
    return record


@lru_cache(maxsize=REMEMBERED)
def _pem(der: bytes) -> str:
    return to_pem(der)


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
