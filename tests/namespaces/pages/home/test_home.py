"""Home: what needs a person over all namespaces, with no more questions than for one, and only what the person sees."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from certificates.models import CACertificate
from certificates.x509.certificate import name_mark
from namespaces.connections.counts import hour_of
from namespaces.models import Client, ConnectionCount, Namespace, NamespaceRole
from portal.models import User
from sync.models import Finding
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_configuration,
    make_namespace,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, 30, tzinfo=timezone.get_default_timezone())


@pytest.fixture(autouse=True)
def _with_a_log_and_a_clock_that_stands(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    monkeypatch.setattr(timezone, "now", lambda: NOON)


def page(user: User, **query: str) -> Any:
    return signed_in(user).get(reverse("home:home"), query)


def needs(user: User, **query: str) -> list[tuple[str, str]]:
    return [(each.need.code, each.namespace.name) for each in page(user, **query).context["needs"].shown]


def troubled(name: str, user: User, **fields: Any) -> Namespace:
    """A namespace with a need of each kind: refusals now, clients without an issuer, an expiring CA, a rejection, a difference."""
    namespace = make_namespace(name, contributor=user)
    make_configuration(namespace)
    ca = make_ca_certificate(namespace, "line-a", **fields)
    expires_at = NOON + timedelta(days=19, hours=1)
    CACertificate.objects.filter(pk=ca.pk).update(not_after=expires_at, subject="CN=line-a")
    known = {"certificate_issuer": "CN=line-a", "certificate_path": name_mark("CN=line-a"), **fields}
    make_client(namespace, "press-1", last_seen_at=NOON, **known)
    make_client(namespace, "press-2", certificate_issuer="CN=x", certificate_path=name_mark("CN=x"), **fields)
    soon = NOON + timedelta(days=2)
    parked = make_client(namespace, "press-3", synced_generation=0, parked_code="InvalidInput", **known)
    Client.objects.filter(pk=parked.pk).update(certificate_expires_at=soon)
    of_client = {"kind": "namespaces.client", "scope": namespace.pk, "object_pk": parked.pk, "drift": "changed"}
    Finding.objects.create(name="press-3", is_loud=True, found_at=NOON, seen_at=NOON, **of_client)
    for hours_ago, code, count in (
        (0, "issuer-found", 3),
        (0, "", 20),
        (2, "client-found", 7),
        (30, "client-found", 9),
    ):
        hour = hour_of(NOON) - timedelta(hours=hours_ago)
        ConnectionCount.objects.create(namespace=namespace, hour=hour, code=code, count=count)
    Namespace.objects.filter(pk=namespace.pk).update(clients_connected=2)
    return namespace


def test_the_most_urgent_needs_of_all_namespaces_come_first(ada: User) -> None:
    troubled("plant", ada)
    make_namespace("quiet", contributor=ada)
    assert needs(ada) == [
        ("refused-now", "plant"),
        ("rejected", "plant"),
        ("no-trusted-issuer", "plant"),
        ("ca-expires", "plant"),
        ("loud-difference", "plant"),
        ("no-certificate", "quiet"),
    ]


def test_the_tiles_add_up_what_the_namespaces_have(ada: User) -> None:
    troubled("plant", ada)
    troubled("harbour", ada)
    tiles = page(ada).context["tiles"]
    assert (tiles.connected, tiles.clients) == (4, 6)
    assert (tiles.refused, tiles.busiest.refused, tiles.busiest.at) == (20, 14, hour_of(NOON) - timedelta(hours=2))
    assert (tiles.expiring_cas, tiles.expiring_clients) == (2, 2)
    assert (tiles.rejected, tiles.rejected_in) == (2, 2)


def test_each_namespace_has_its_figures(ada: User) -> None:
    troubled("plant", ada)
    make_namespace("quiet", contributor=ada)
    plant, quiet = page(ada).context["rows"]
    assert (plant.hours.accepted, plant.hours.refused, plant.connected) == (20, 10, 2)
    assert plant.next_ca is not None
    assert (plant.next_ca.name, plant.expires_soon) == ("line-a", True)
    assert (quiet.hours.accepted, quiet.connected, quiet.expires_soon) == (0, None, False)


def test_many_namespaces_cost_no_more_questions_than_one(ada: User) -> None:
    troubled("plant-0", ada)
    browser = signed_in(ada)
    browser.get(reverse("home:home"))

    def count(**query: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            browser.get(reverse("home:home"), query)
        return len(asked)

    for query in ({}, {"whose": "team"}, {"whose": "mine"}):
        Namespace.objects.exclude(name="plant-0").delete()
        before = count(**query)
        for number in range(1, 6):
            troubled(f"plant-{number}", ada)
        assert count(**query) == before
        assert before <= 60


def test_without_a_connection_log_nothing_is_said_to_be_well(ada: User, settings: Any) -> None:
    settings.CONNECTION_LOG_GATEWAY = ""
    namespace = make_namespace("plant", contributor=ada)
    make_configuration(namespace)
    make_client(namespace, "press-1", last_seen_at=NOON)
    make_ca_certificate(namespace, "line-a")
    answer = page(ada)
    assert answer.context["tiles"].connected is None
    assert b'data-empty="needs"' not in answer.content or b"not known" in answer.content


def test_my_team_and_mine_leave_out_what_others_own(ada: User) -> None:
    line_1, line_2 = make_team("Line 1", ada), make_team("Line 2", make_user("bob"))
    troubled("ours", ada, team=line_1)
    troubled("theirs", ada, team=line_2)
    troubled("created", ada, team=line_1, created_by=ada)
    named = {name: {place for _, place in needs(ada, whose=name)} for name in ("mine", "team", "all")}
    assert named["all"] == {"ours", "theirs", "created"}
    assert ("ca-expires", "theirs") not in needs(ada, whose="team")
    assert ("ca-expires", "ours") in needs(ada, whose="team")
    assert ("ca-expires", "ours") not in needs(ada, whose="mine")
    assert {code for code, place in needs(ada, whose="mine") if place == "created"} >= {"ca-expires", "rejected"}


def test_an_unknown_choice_is_all(ada: User) -> None:
    assert page(ada, whose="everybody").context["whose"].code == "all"


def test_htmx_gets_the_needs_alone(ada: User) -> None:
    troubled("plant", ada)
    answer = signed_in(ada).get(reverse("home:home"), {"whose": "team"}, headers={"HX-Request": "true"})
    assert b'id="needs"' in answer.content
    assert b"<html" not in answer.content


def test_hidden_rows_of_other_teams_are_not_counted(ada: User) -> None:
    troubled("plant", ada, team=make_team("Line 2", make_user("bob")))
    Namespace.objects.update(hides_other_teams=True)
    answer = page(ada)
    assert [(each.need.code) for each in answer.context["needs"].shown] == ["no-certificate"]
    tiles = answer.context["tiles"]
    assert (tiles.connected, tiles.clients, tiles.refused, tiles.expiring, tiles.rejected) == (None, 0, 0, 0, 0)
    assert b"line-a" not in answer.content


def test_a_reader_is_led_to_the_page_and_not_to_a_form(ada: User) -> None:
    namespace = troubled("plant", ada)
    reader = make_user("rita")
    NamespaceRole.objects.create(namespace=namespace, user=reader, role="reader")
    may = {each.need.code: each.may_act for each in page(reader).context["needs"].shown}
    assert may["no-trusted-issuer"] is False
    assert may["refused-now"] is True


def test_someone_without_a_namespace_is_told_what_to_do(ada: User) -> None:
    answer = page(ada)
    assert answer.status_code == 200
    assert reverse("namespaces:access_ask_by_name").encode() in answer.content


def test_signing_in_leads_home(ada: User) -> None:
    assert signed_in(ada).get("/")["Location"] == reverse("home:home")
