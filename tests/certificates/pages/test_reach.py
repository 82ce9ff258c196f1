"""The blast radius on the page of a CA certificate and before an upload, as each person may see it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.models import CACertificate
from namespaces.models import Namespace, NamespaceRole, Role
from portal.models import Team, User
from tests.certificates.reach.test_name_constraints import DNS, constraints
from tests.support.certificates.chains import authority
from tests.support.database.factories import make_ca_certificate, make_client, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def plant(namespace: Namespace, ada: Browser) -> Namespace:
    """A namespace in which Line B is another team's; Ada is a contributor by team Line A."""
    line_a, line_b = make_team("Line A", User.objects.get(username="ada")), make_team("Line B")
    for number in range(3):
        make_client(namespace, f"a-{number}", team=line_a)
    for number in range(5):
        make_client(namespace, f"b-{number}", team=line_b)
    make_client(namespace, "b-fixed", team=line_b, validation_scheme="ThumbprintMatch", thumbprints=["ab" * 32])
    make_client(namespace, "free")
    return namespace


def figures(page: str) -> dict[str, int]:
    """Return the figures of the blast radius that a page shows."""
    return {name: int(value) for name, value in re.findall(r'data-(reach[a-z-]*)="(\d+)"', page)}


def checked(browser: Browser, namespace: Namespace, *, live: bool = True, **sent: Any) -> str:
    url = reverse("certificates:ca_certificate_check_file", args=[namespace.pk])
    answer = browser.post(url, sent, headers={"HX-Request": "true"} if live else {})
    assert answer.status_code == 200
    assert not CACertificate.objects.exists()
    return answer.content.decode()


def detail(browser: Browser, row: CACertificate) -> str:
    return browser.get(
        reverse("certificates:ca_certificate_detail", args=[row.namespace_id, row.name])
    ).content.decode()


def new_ca(**options: Any) -> str:
    return authority("New CA", at=timezone.now(), **options).pem.decode()


@pytest.mark.parametrize("live", [True, False], ids=["with JavaScript", "without"])
def test_before_the_upload_it_says_whose_clients_are_in_reach(ada: Browser, plant: Namespace, live: bool) -> None:
    page = checked(ada, plant, pem=new_ca(), live=live)
    assert figures(page) == {"reach": 9, "reach-teams": 2, "reach-others": 5, "reach-thumbprint": 1}
    assert f'href="{reverse("namespaces:client_list", args=[plant.pk])}?reach=%21any"' in page
    assert "<title>Line B: 5</title>" in page


def test_others_are_not_of_the_team_that_is_chosen(ada: Browser, plant: Namespace) -> None:
    NamespaceRole.objects.filter(namespace=plant).update(role=Role.OWNER)
    User.objects.get(username="ada").teams.add(Team.objects.get(name="Line B"))
    assert figures(checked(ada, plant, pem=new_ca()))["reach-others"] == 0
    chosen = Team.objects.get(name="Line B").pk
    assert figures(checked(ada, plant, pem=new_ca(), team=chosen))["reach-others"] == 3
    for wrong in ("x", "\x00", "-1", "9" * 30, str(make_team("Stranger").pk)):
        assert figures(checked(ada, plant, pem=new_ca(), team=wrong))["reach-others"] == 0


def test_a_file_that_cannot_be_uploaded_has_no_reach(ada: Browser, plant: Namespace) -> None:
    leaf = authority("New CA", at=timezone.now()).issue("sensor-1").pem.decode()
    assert not figures(checked(ada, plant, pem=leaf))


def test_an_upload_that_is_refused_shows_it_again(ada: Browser, plant: Namespace) -> None:
    url = reverse("certificates:ca_certificate_upload", args=[plant.pk])
    answer = ada.post(url, {"pem": new_ca(), "name": "!"})
    assert answer.status_code == 422
    assert figures(answer.content.decode())["reach"] == 9


def test_limits_of_names_are_said_and_no_wrong_list_is_linked(ada: Browser, plant: Namespace) -> None:
    make_client(plant, "b.office.example", validation_scheme=DNS)
    page = checked(ada, plant, pem=new_ca(name_constraints=constraints(DNS, ["plant.example"], [])))
    assert figures(page) | {"reach": 9, "reach-outside": 1} == figures(page)
    assert "?reach=" not in page


def test_the_page_of_a_ca_shows_reach_team_by_team(ada: Browser, plant: Namespace) -> None:
    row = make_ca_certificate(plant, "line-b", team=Team.objects.get(name="Line B"))
    page = detail(ada, row)
    assert figures(page) == {"reach": 9, "reach-teams": 2, "reach-others": 3, "reach-thumbprint": 1}
    kinds = re.findall(r'<tr data-reach-kind="([^"]+)">', page)
    assert kinds == ["own", "other", "no-team"]
    links = re.findall(r'href="([^"]+\?reach=line-b[^"]*)"', page)
    assert len(links) == 4
    shown = ada.get(links[0].replace("&amp;", "&")).content.decode()
    assert shown.count('data-row="') == 9 or shown.count("<tr id=") == 9


def test_a_ca_for_servers_only_reaches_no_one(ada: Browser, plant: Namespace) -> None:
    der = authority("Servers CA", at=timezone.now(), purposes=["serverAuth"]).der
    page = detail(ada, make_ca_certificate(plant, "servers", der=der))
    assert 'data-reach-unable="not-for-clients"' in page
    assert figures(page)["reach"] == 0


def test_the_doctor_reports_on_the_page_of_a_ca_too(ada: Browser, plant: Namespace) -> None:
    der = authority("Bare CA", at=timezone.now(), key_usage=None).der
    assert 'data-problem="no-key-usage"' in detail(ada, make_ca_certificate(plant, "bare", der=der))


def test_an_unreadable_ca_has_no_reach(ada: Browser, plant: Namespace) -> None:
    row = make_ca_certificate(plant, "broken")
    row.forget_certificate()
    row.save()
    assert "data-reach" not in detail(ada, row)


def test_hidden_teams_are_counted_without_their_names(plant: Namespace) -> None:
    Namespace.objects.update(hides_other_teams=True)
    anna = make_user("anna")
    Team.objects.get(name="Line A").members.add(anna)
    NamespaceRole.objects.create(namespace=plant, user=anna, role=Role.CONTRIBUTOR)
    browser = Browser()
    browser.force_login(anna)
    make_client(plant, "c-0", team=make_team("Line C"))
    page = detail(browser, make_ca_certificate(plant, "line-a", team=Team.objects.get(name="Line A")))
    assert figures(page) == {"reach": 10, "reach-teams": 3, "reach-others": 6, "reach-thumbprint": 1}
    assert "Line B" not in page
    assert "Line C" not in page
    assert re.findall(r'<tr data-reach-kind="([^"]+)">', page) == ["own", "no-team", "hidden"]


def test_an_expired_ca_has_the_same_reach(ada: Browser, plant: Namespace) -> None:
    now = timezone.now()
    der = authority("Old CA", at=now, not_after=now - timedelta(days=1)).der
    assert figures(detail(ada, make_ca_certificate(plant, "old", der=der)))["reach"] == 9
