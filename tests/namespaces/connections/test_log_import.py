"""Connection records become rows, capped, with last-seen marks; whatever strangers sent."""

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from django.core import serializers
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.authentication.engine import NamespaceState, authenticate
from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.key_masking import mask_of
from certificates.x509.reading import to_pem
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import ConnectionAttempt
from tests.certificates.x509.key_notations import NOTATIONS
from tests.certificates.x509.written_keys import Written, keys
from tests.support.certificates.chains import self_signed
from tests.support.database.factories import PASSWORD, make_ca_certificate, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def record(cursor: int, *, accepted: bool = True, at: datetime = NOON, **fields: Any) -> dict[str, Any]:
    return {
        "cursor": cursor,
        "time": at.isoformat().replace("+00:00", "Z"),
        "category": "SuccessfulMqttConnections" if accepted else "FailedMqttConnections",
        "resultType": "Succeeded" if accepted else "Failed",
        "properties": {"sessionName": "s1", "protocol": "MQTT5", "traceId": "t"},
        "userName": "sensor-1",
        "presentedChain": [],
        "decision": None,
        "clientName": "sensor-1",
        "caName": "line-ca",
        **fields,
    }


def test_a_refused_attempt_keeps_its_certificate_and_the_reason_in_words() -> None:
    namespace = make_namespace()
    leaf = make_sample_chain([ClientName("sensor-1")], at=NOON).clients[0].certificate_der
    decision = authenticate(presented=leaf, user_name="sensor-1", state=NamespaceState((), {}), at=NOON)
    told = record(
        1,
        accepted=False,
        clientName="",
        caName="",
        presentedChain=[to_pem(leaf)],
        decision=decision.as_dict(),
    )
    ConnectionIntake().take(namespace.pk, [told], 1)
    attempt = ConnectionAttempt.objects.get()
    assert (attempt.accepted, attempt.code, attempt.reason) == (False, decision.code, decision.reason)
    assert "sensor-1" in attempt.subject
    assert len(attempt.thumbprint) == 64
    assert attempt.protocol == "MQTT5"


def test_an_accepted_attempt_marks_client_and_certificate_as_seen_and_never_back_in_time() -> None:
    namespace = make_namespace()
    client, ca = make_client(namespace), make_ca_certificate(namespace)
    intake = ConnectionIntake()
    intake.take(namespace.pk, [record(1), record(2, at=NOON - timedelta(hours=1))], 2)
    intake.take(namespace.pk, [record(3, at=NOON - timedelta(days=1))], 3)
    client.refresh_from_db()
    ca.refresh_from_db()
    assert client.last_seen_at == ca.last_used_at == NOON


def test_a_refused_attempt_marks_nothing_as_seen() -> None:
    namespace = make_namespace()
    client = make_client(namespace)
    ConnectionIntake().take(namespace.pk, [record(1, accepted=False)], 1)
    client.refresh_from_db()
    assert client.last_seen_at is None


def test_the_same_page_twice_is_stored_once_and_the_cursor_goes_on() -> None:
    namespace = make_namespace()
    for _ in range(2):
        ConnectionIntake().take(namespace.pk, [record(7), record(8)], 8)
    namespace.refresh_from_db()
    assert (namespace.connection_cursor, ConnectionAttempt.objects.count()) == (8, 2)


def test_only_the_newest_are_kept(settings: Any) -> None:
    settings.CONNECTION_LOG_KEEP = 3
    namespace, other = make_namespace("one"), make_namespace("two")
    ConnectionIntake().take(other.pk, [record(1)], 1)
    ConnectionIntake().take(namespace.pk, [record(n) for n in range(1, 8)], 7)
    kept = ConnectionAttempt.objects.filter(namespace=namespace).values_list("cursor", flat=True)
    assert list(kept) == [7, 6, 5]
    assert ConnectionAttempt.objects.filter(namespace=other).count() == 1


def test_what_strangers_sent_is_bounded_and_storable() -> None:
    hostile = record(
        1, accepted=False, userName="x\x00" * 5000, presentedChain=["not a certificate"], clientName="y" * 999
    )
    ConnectionIntake().take(make_namespace().pk, [hostile], 1)
    attempt = ConnectionAttempt.objects.get()
    assert len(attempt.user_name) == 256
    assert "\x00" not in str(attempt.record) + attempt.user_name
    assert attempt.subject == ""


def test_an_end_of_a_connection_is_no_attempt() -> None:
    ConnectionIntake().take(make_namespace().pk, [record(1, category="MqttDisconnections")], 1)
    assert not ConnectionAttempt.objects.exists()


def test_a_namespace_that_was_disconnected_meanwhile_takes_nothing() -> None:
    ConnectionIntake().take(4711, [record(1)], 1)
    assert not ConnectionAttempt.objects.exists()


def test_a_namespace_that_does_not_answer_is_not_read() -> None:
    namespace = make_namespace()
    assert [source.pk for source in ConnectionIntake().sources()] == [namespace.pk]
    namespace.unreachable_since = NOON
    namespace.save()
    assert list(ConnectionIntake().sources()) == []


def test_a_client_that_proved_itself_may_still_be_refused() -> None:
    namespace = make_namespace()
    refused = record(1, accepted=True) | {
        "resultType": "Failed",
        "resultSignature": "QuotaExceeded",
        "resultDescription": "sensor-1 has 1 session already.",
    }
    ConnectionIntake().take(namespace.pk, [refused], 1)
    attempt = namespace.connection_attempts.get()
    assert (attempt.accepted, attempt.code) == (False, "QuotaExceeded")
    assert attempt.reason == "sensor-1 has 1 session already."
    assert not namespace.client_certificates.exists()


def test_a_denied_publish_is_no_attempt_to_connect() -> None:
    namespace = make_namespace()
    denied = record(1) | {"operationName": "Microsoft.EventGrid/topicspaces/publish", "resultType": "Failed"}
    ConnectionIntake().take(namespace.pk, [denied], 1)
    assert not namespace.connection_attempts.exists()


@pytest.mark.parametrize(
    "name", ["PEM", "JSON string", "hex", "C array", "base64 twice", "url-encoded", "JSON Web Key"]
)
@pytest.mark.parametrize("key", keys(), ids=lambda key: str(key.kind))
def test_a_key_in_any_part_of_a_record_is_masked(client: Browser, key: Written, name: str) -> None:
    namespace = make_namespace(reader=make_user("rita"))
    text = NOTATIONS[name](key)
    reason = f"No client has the authentication name “{text}”."
    parts: dict[str, Any] = {
        "userName": text,
        "clientName": text,
        "caName": text,
        "callerIpAddress": text,
        "resultDescription": reason,
        "properties": {"sessionName": text, "protocol": "MQTT5", "topic": text},
        "decision": {"accepted": False, "code": "unknown-client", "reason": reason, "steps": [{"text": text}]},
        "presentedChain": [text, subject_of(text)],
        "other": {"deep": [text]},
    }
    ConnectionIntake().take(namespace.pk, [record(1, accepted=False, at=timezone.now(), **parts)], 1)
    attempt = ConnectionAttempt.objects.get()
    assert attempt.user_name == mask_of(text)
    stored = serializers.serialize("json", [attempt])
    client.login(username="rita", password=PASSWORD)
    pages = [
        client.get(reverse(f"namespaces:{page}", args=[namespace.pk])).content.decode()
        for page in ("connection_list", "connection_newer")
    ]
    listed = client.get(reverse("namespaces:connection_csv", args=[namespace.pk]))
    pages.append(b"".join(listed.streaming_content).decode())  # type: ignore[attr-defined]
    assert mask_of(text) in pages[1]
    assert mask_of(text) in pages[2]
    trace = reverse("namespaces:connection_detail", args=[namespace.pk, attempt.cursor])
    pages.append(client.get(trace).content.decode())
    for place in (stored, *map(unescape, pages)):
        assert not any(secret in place for secret in key.secrets)
        assert text[:200] not in place


def subject_of(text: str) -> str:
    """A certificate with the text in its subject."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text, _validate=False)])
    return self_signed("x", subject=name).pem.decode()
