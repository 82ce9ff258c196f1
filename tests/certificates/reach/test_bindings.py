"""Clients for whom a bound CA certificate does not vouch are out of its reach, once this portal is known to decide."""

from typing import Any

import pytest
from django.utils import timezone

from certificates.models import IssuerBinding
from certificates.reach.conditions import in_reach_of
from certificates.reach.counting import clients_by_team, reach_of
from certificates.x509.certificate import load_certificate
from namespaces.access import get_namespace
from namespaces.control.reach import other_teams_reached
from namespaces.models import Client, DecisionPoint, NamespaceConfiguration
from tests.support.chains import authority
from tests.support.factories import (
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
