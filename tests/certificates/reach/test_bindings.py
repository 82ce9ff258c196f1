"""Clients for whom a bound CA certificate does not vouch are out of its reach, once this portal is known to decide."""

from typing import Any

import pytest
from django.utils import timezone

from certificates.models import IssuerBinding, PinnedKey
from certificates.reach.conditions import in_reach_of
from certificates.reach.counting import clients_by_team, reach_of
from certificates.x509.certificate import load_certificate
from namespaces.access import get_namespace
from namespaces.connections.issuers import note_issuers
from namespaces.control.reach import other_teams_reached
from namespaces.models import Client, ConnectionAttempt, DecisionPoint, IssuerAlarm, NamespaceConfiguration
from tests.support.certificates.chains import authority
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_configuration,
    make_namespace,
    make_team,
    owner_of,
)

pytestmark = pytest.mark.django_db
BASE = "https://decide.example.com"


def test_only_a_confirmed_portal_narrows_the_reach(settings: Any) -> None:
    settings.DECISIONS_URL = BASE
    ours, theirs = make_team("Line 1"), make_team("Line 2")
    namespace = make_namespace()
    owner = owner_of(namespace)
    make_configuration(namespace)
    line = authority("Line 1 CA")
    ca = make_ca_certificate(namespace, "line-ca", der=line.der, team=ours)
    make_client(namespace, "press-1", team=ours)
    for name in ("pump-1", "pump-2"):
        make_client(namespace, name, team=theirs)
    make_client(namespace, "by-print", team=theirs, validation_scheme="ThumbprintMatch", thumbprints=["a" * 64])
    IssuerBinding.objects.create(ca=ca, changed_at=timezone.now()).teams.set([ours])

    def reached() -> tuple[int, int, set[str]]:
        found = reach_of(load_certificate(line.der), namespace)
        listed = in_reach_of(get_namespace(owner, namespace.pk), "line-ca")
        assert listed is not None
        assert sum(clients_by_team(namespace, line.der).values()) == found.clients
        return found.clients, found.out_of_reach, set(Client.objects.filter(listed).values_list("name", flat=True))

    everyone = (3, 1, {"press-1", "pump-1", "pump-2"})
    assert reached() == everyone
    point = DecisionPoint.objects.create(namespace=namespace)
    NamespaceConfiguration.objects.update(webhook_url=f"{BASE}/decide/{point.key}")
    assert reached() == everyone  # not confirmed
    DecisionPoint.objects.update(confirmed_at=timezone.now())
    assert reached() == (1, 3, {"press-1"})
    assert not other_teams_reached(namespace, line.der, ours.pk)
    other = authority("Another CA")
    assert reach_of(load_certificate(other.der), namespace).clients == 3
    NamespaceConfiguration.objects.update(webhook_url="https://elsewhere.example.com/decide/k")
    assert reached() == everyone


def test_a_pinned_issuer_needs_no_alarm_where_the_portal_decides(settings: Any) -> None:
    settings.DECISIONS_URL = BASE
    namespace = make_namespace()
    make_configuration(namespace)
    former, pinned, other = "a" * 64, "b" * 64, "c" * 64
    client = make_client(namespace, "press-1", issuer_key=former, anchor_key=former, expected_key=former)
    facts = {"ca_name": "line-ca", "pinned_at": timezone.now()}
    PinnedKey.objects.create(client=client, spki_sha256=pinned, **facts)

    def connects(cursor: int, key: str) -> int:
        decision = {"issuerKey": key, "anchorKey": key}
        attempt = ConnectionAttempt(
            namespace=namespace,
            cursor=cursor,
            at=timezone.now(),
            accepted=True,
            client_name=client.name,
            record={"decision": decision},
        )
        note_issuers(namespace.pk, [attempt])
        return IssuerAlarm.objects.count()

    assert connects(1, pinned) == 1  # Azure decides, and knows no pins
    IssuerAlarm.objects.all().delete()
    Client.objects.update(issuer_key=former, anchor_key=former, expected_key=former)
    point = DecisionPoint.objects.create(namespace=namespace, confirmed_at=timezone.now())
    NamespaceConfiguration.objects.update(webhook_url=f"{BASE}/decide/{point.key}")
    assert connects(2, pinned) == 0
    assert connects(3, other) == 1
