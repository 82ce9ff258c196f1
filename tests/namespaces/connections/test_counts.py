"""Connection attempts are counted once, by hour and reason, and bounded whatever the endpoint reports."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Sum
from django.utils import timezone

from certificates.x509.reading import load_certificate
from namespaces.connections import counts
from namespaces.connections.client_certificates import Showing, remember
from namespaces.connections.counts import KEPT, MOST_REASONS, OTHER, count_attempts, hour_of
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import Client, ClientCertificate, ConnectionAttempt, ConnectionCount, Namespace, RefusedName
from tests.namespaces.connections.test_log_import import record
from tests.support.certificates.chains import self_signed
from tests.support.database.factories import make_client, make_namespace

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)


def attempt(namespace: Namespace, code: str = "", *, at: datetime = NOW, **fields: Any) -> ConnectionAttempt:
    return ConnectionAttempt(namespace=namespace, at=at, accepted=not code, code=code or "accepted", **fields)


def counted(namespace: Namespace) -> dict[tuple[int, str], int]:
    rows = ConnectionCount.objects.filter(namespace=namespace)
    return {(hour.hour, code): count for hour, code, count in rows.values_list("hour", "code", "count")}


def test_attempts_are_counted_by_hour_and_reason() -> None:
    namespace, other = make_namespace(), make_namespace("other")
    earlier = NOW - timedelta(hours=1)
    first = [attempt(namespace), attempt(namespace), attempt(namespace, "issuer-found"), attempt(namespace, at=earlier)]
    count_attempts(namespace.pk, first, at=NOW)
    count_attempts(namespace.pk, [attempt(namespace), attempt(namespace, "client-found")], at=NOW)
    count_attempts(other.pk, [attempt(other)], at=NOW)
    assert counted(namespace) == {(12, ""): 3, (12, "issuer-found"): 1, (12, "client-found"): 1, (11, ""): 1}
    assert counted(other) == {(12, ""): 1}


def test_a_page_that_comes_twice_is_counted_once_and_a_log_that_begins_anew_again() -> None:
    namespace, now = make_namespace(), timezone.now()
    intake = ConnectionIntake()

    def total() -> int:
        return ConnectionCount.objects.filter(namespace=namespace).aggregate(total=Sum("count"))["total"] or 0

    for _ in range(2):
        intake.take(namespace.pk, [record(7, at=now), record(8, at=now)], 8)
    assert total() == 2
    intake.take(namespace.pk, [record(8, at=now), record(9, at=now)], 9)
    assert total() == 3
    intake.take(namespace.pk, [record(1, at=now)], 1)  # a new endpoint counts its records from 1
    assert total() == 4


def test_moments_that_cannot_be_are_not_counted() -> None:
    namespace = make_namespace()
    moments = [NOW - KEPT, NOW + timedelta(hours=1, seconds=1), NOW - KEPT + timedelta(seconds=1), NOW]
    count_attempts(namespace.pk, [attempt(namespace, at=at) for at in moments], at=NOW)
    found = ConnectionCount.objects.order_by("hour").values_list("hour", "count")
    assert list(found) == [(hour_of(NOW - KEPT), 1), (hour_of(NOW), 1)]


def test_invented_reasons_are_counted_together() -> None:
    namespace = make_namespace()
    invented = [attempt(namespace, f"reason-{number}") for number in range(MOST_REASONS + 5)]
    count_attempts(namespace.pk, invented, at=NOW)
    count_attempts(namespace.pk, [attempt(namespace), attempt(namespace, "reason-0")], at=NOW)
    found = counted(namespace)
    assert len(found) == MOST_REASONS + 2  # those, the accepted and the other ones
    assert (found[12, OTHER], found[12, ""], found[12, "reason-0"]) == (5, 1, 2)


def test_who_was_refused_is_remembered_once_for_each_reason_with_the_newest_time() -> None:
    namespace = make_namespace()
    older = NOW - timedelta(minutes=20)
    known: dict[str, Any] = {"client_name": "press-1", "user_name": "sent"}
    count_attempts(namespace.pk, [attempt(namespace, "client-enabled", **known)] * 3, at=NOW)
    count_attempts(namespace.pk, [attempt(namespace, "client-enabled", at=older, **known)], at=NOW)
    count_attempts(namespace.pk, [attempt(namespace, "client-found", user_name="nobody")], at=NOW)
    rows = RefusedName.objects.filter(namespace=namespace).order_by("code")
    found = [(row.code, row.name, row.is_client, row.last_at) for row in rows]
    assert found == [("client-enabled", "press-1", True, NOW), ("client-found", "nobody", False, NOW)]


def test_old_counts_and_names_go_and_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST_NAMES", 3)
    namespace = make_namespace()
    long_ago = NOW - KEPT + timedelta(minutes=1)
    count_attempts(namespace.pk, [attempt(namespace, "client-found", at=long_ago, user_name="old")], at=NOW)
    later = NOW + timedelta(hours=2)
    names = [attempt(namespace, "client-found", at=later - timedelta(seconds=n), user_name=f"n{n}") for n in range(5)]
    count_attempts(namespace.pk, names, at=later)
    assert list(ConnectionCount.objects.values_list("hour", flat=True)) == [hour_of(later)]
    kept = RefusedName.objects.filter(namespace=namespace).order_by("name").values_list("name", flat=True)
    assert list(kept) == ["n0", "n1", "n2"]


def test_the_number_of_connected_clients_is_kept_with_the_log() -> None:
    namespace = make_namespace()
    ConnectionIntake().take(namespace.pk, [], 0, 741)
    namespace.refresh_from_db()
    assert namespace.clients_connected == 741
    ConnectionIntake().take(namespace.pk, [], 0)  # a log that does not say
    namespace.refresh_from_db()
    assert namespace.clients_connected is None


def test_the_migration_reads_the_log_and_the_certificates_that_are_stored() -> None:
    migration = import_module("namespaces.migrations.0013_connection_counts")
    namespace, now = make_namespace(), timezone.now()
    client = make_client(namespace, "press-1")
    leaf, ca = self_signed("press-1", at=now), self_signed("Line A", at=now)
    sent = tuple(load_certificate(each.der) for each in (leaf, ca))
    remember(namespace.pk, [Showing("press-1", sent, now, has_connected=True)])
    refused = record(2, accepted=False, at=now, clientName="", userName="nobody", resultSignature="QuotaExceeded")
    ConnectionIntake().take(namespace.pk, [record(1, at=now), refused], 2)
    client.refresh_from_db()
    kept = (counted(namespace), RefusedName.objects.get().name, client.certificate_path, client.certificate_expires_at)
    assert kept[2]
    for model in (ConnectionCount, RefusedName):
        model.objects.all().delete()
    Client.objects.update(certificate_path="", certificate_expires_at=None)
    ClientCertificate.objects.update(path="")
    migration.count_the_log(apps, None)
    migration.note_latest_certificates(apps, None)
    client.refresh_from_db()
    again = (counted(namespace), RefusedName.objects.get().name, client.certificate_path, client.certificate_expires_at)
    assert again == kept
