"""Importing where a namespace hides other teams' clients: their names are taken, and nothing shows whose they are."""

import json

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.samples.chain import SampleChain
from namespaces.actions import client_imports as actions
from namespaces.models import Client, Namespace, NamespaceRole, Role
from portal.models import User
from tests.namespaces.client_imports.importing import Verdict, certificates, review, start, url
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_ca_certificate, make_client, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def hidden(place: Namespace, chain: SampleChain, ada: User) -> Namespace:
    """The place, where another team has a client, a name and the CA certificate that signed the devices, all hidden from Ada."""
    zulu = make_team("Zulu")
    Namespace.objects.update(hides_other_teams=True)
    make_client(place, "press-1", team=zulu, description="secret")
    make_client(place, "zulu-holder", authentication_name="press-2", team=zulu)
    make_ca_certificate(place, "zulu-ca", der=chain.intermediate.certificate_der, team=zulu)
    make_team("Line A", ada)
    return place


def test_names_of_other_teams_are_taken_and_not_shown(browser: Browser, hidden: Namespace, chain: SampleChain) -> None:
    run = review(browser, hidden, *certificates(chain))
    assert list(run.rows.values_list("verdict", "fix", "fix_value")) == [
        (Verdict.NAME_TAKEN, "rename", "press-1-b"),
        (Verdict.NAME_TAKEN, "", ""),
        (Verdict.NEW, "", ""),
    ]
    shown = browser.get(url(hidden, "", run)).content.decode().lower()
    assert "zulu" not in shown
    assert "secret" not in shown
    assert "zulu" not in json.dumps(list(run.rows.values()), default=str).lower()


def test_names_that_other_teams_took_since_the_review_are_not_shown(browser: Browser, hidden: Namespace) -> None:
    run = review(browser, hidden, ("a.csv", b"name,authentication name\na,a\nb,b\n"))
    start(browser, hidden, run)
    zulu = Client.objects.get(name="press-1").team
    make_client(hidden, "A", authentication_name="zulu-a", team=zulu)
    make_client(hidden, "zulu-b", authentication_name="B", team=zulu)
    actions.run_import(run.pk)
    assert [row.outcome for row in run.rows.all()] == ["left", "left"]
    assert "zulu" not in browser.get(url(hidden, "", run)).content.decode().lower()
    assert "zulu" not in b"".join(browser.get(url(hidden, "_left", run))).decode().lower()


def test_the_entry_of_an_import_is_hidden_where_its_clients_are(browser: Browser, hidden: Namespace, ada: User) -> None:
    lee = make_user("lee")
    NamespaceRole.objects.create(namespace=hidden, user=lee, role=Role.READER)
    run = review(browser, hidden, ("a.csv", b"name\na\n"), team=ada.teams.get().pk)
    start(browser, hidden, run)
    actions.run_import(run.pk)
    log = reverse("namespaces:namespace_activity", args=[hidden.pk])
    assert "Import clients" in browser.get(log).content.decode()
    assert "Import clients" not in signed_in(lee).get(log).content.decode()
