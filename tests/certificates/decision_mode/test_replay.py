"""Last attempts are kept beside the capped log, and decided again with the rules of the namespace."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from certificates.pages.decision_mode.replay import CERTIFICATES, LOG, replay
from certificates.x509.certificate import load_certificate
from certificates.x509.reading import to_azure_pem
from namespaces.connections.client_certificates import Showing, remember
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import ConnectionAttempt, LastAttempt, Namespace
from tests.support.certificates.chains import Identity, authority
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_configuration,
    make_namespace,
    make_revoked_certificate,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def line(now: datetime) -> Identity:
    return authority("Line 1 CA", at=now)


@pytest.fixture
def factory(line: Identity) -> Namespace:
    namespace = make_namespace()
    make_configuration(namespace)
    make_ca_certificate(namespace, der=line.der)
    return namespace


def connects(namespace: Namespace, *devices: Identity, at: datetime, accepted: bool = True, **changed: Any) -> None:
    """Import the records of these devices."""
    cursor = Namespace.objects.get(pk=namespace.pk).connection_cursor
    records = [
        {
            "cursor": cursor + number,
            "time": at.isoformat(),
            "resultType": "Succeeded" if accepted else "Failed",
            "decision": {"accepted": accepted},
            "clientName": device.name,
            "userName": device.name,
            "presentedChain": [to_azure_pem(device.der)],
            **changed,
        }
        for number, device in enumerate(devices, 1)
    ]
    ConnectionIntake().take(namespace.pk, records, cursor + len(records))


def test_what_a_rule_would_refuse_is_counted_and_named(factory: Namespace, line: Identity, now: datetime) -> None:
    devices = [line.issue(f"press-{number}") for number in (1, 2, 3)]
    for device in devices:
        make_client(factory, device.name)
    make_client(factory, "never-there")
    make_client(factory, "switched-off", state="Disabled")
    connects(factory, *devices, at=now)
    found = replay(factory, at=now)
    assert (found.source, found.pairs, found.refused, found.unlike, found.never_seen) == (LOG, 3, 0, 0, 1)
    make_revoked_certificate(factory, "press-2", devices[1].der)
    found = replay(factory, at=now)
    assert (found.refused, found.unlike) == (1, 0)
    (changed,) = found.listed
    assert (changed.client, changed.code) == ("press-2", "not-revoked")


def test_what_is_refused_without_rules_too_is_told_apart(factory: Namespace, line: Identity, now: datetime) -> None:
    known, deleted = line.issue("press-1"), line.issue("press-2")
    make_client(factory, known.name)
    connects(factory, known, deleted, at=now)
    connects(factory, line.issue("stranger"), at=now, accepted=False, clientName="")
    found = replay(factory, at=now)
    assert (found.pairs, found.refused, found.unlike) == (3, 0, 1)
    assert found.listed_unlike[0].code == "client-found"


def test_without_a_log_certificates_of_clients_are_tried(factory: Namespace, line: Identity, now: datetime) -> None:
    device = line.issue("press-1")
    make_client(factory, device.name)
    remember(factory.pk, [Showing(device.name, (load_certificate(device.der),), now, False)])
    make_revoked_certificate(factory, device.name, device.der)
    found = replay(factory, at=now)
    assert (found.source, found.pairs, found.refused, found.never_seen) == (CERTIFICATES, 1, 1, 0)


def test_the_newest_attempt_of_each_pair_is_kept_beyond_the_log(
    factory: Namespace, line: Identity, now: datetime, settings: Any
) -> None:
    settings.CONNECTION_LOG_KEEP = 1
    device, other = line.issue("press-1"), line.issue("press-2")
    connects(factory, device, other, at=now - timedelta(days=2))
    connects(factory, device, at=now, accepted=False)
    assert ConnectionAttempt.objects.count() == 1
    kept = {row.client_name: row for row in LastAttempt.objects.all()}
    assert (kept["press-1"].at, kept["press-1"].accepted, kept["press-2"].accepted) == (now, False, True)
    assert bytes(kept["press-1"].der) == device.der
    connects(factory, device, at=now - timedelta(days=1))  # imported late
    connects(factory, device, at=now, userName="as-another")
    assert LastAttempt.objects.get(thumbprint=kept["press-1"].thumbprint, user_name="press-1").at == now
    assert LastAttempt.objects.count() == 3
    connects(factory, line.issue("press-3"), at=now - timedelta(days=32))
    assert not LastAttempt.objects.filter(client_name="press-3").exists()


def test_strangers_do_not_push_out_devices_that_were_let_in(
    factory: Namespace, line: Identity, now: datetime, settings: Any
) -> None:
    settings.LAST_ATTEMPTS_KEEP = 3
    connects(factory, line.issue("press-1"), at=now - timedelta(days=9))
    for number in range(4):
        connects(factory, line.issue(f"stranger-{number}"), at=now, accepted=False, clientName="")
    assert LastAttempt.objects.count() == 3
    assert LastAttempt.objects.filter(client_name="press-1").exists()


def test_a_device_that_does_the_same_again_costs_no_write(factory: Namespace, line: Identity, now: datetime) -> None:
    device = line.issue("press-1")
    connects(factory, device, at=now - timedelta(minutes=9))
    connects(factory, device, at=now)
    assert LastAttempt.objects.get().at == now - timedelta(minutes=9)
    connects(factory, device, at=now + timedelta(hours=2))
    assert LastAttempt.objects.get().at == now + timedelta(hours=2)
