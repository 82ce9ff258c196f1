"""Who is refused from which day on if nothing is done: the counts agree with the engine, by few queries."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from certificates.authentication.engine import authenticate
from certificates.pages.authentication_trace import namespace_state
from certificates.pages.impact import DAYS, WEEKS, impact_on, weekly_chart
from certificates.x509.certificate import public_key_hash
from certificates.x509.reading import load_certificate
from namespaces.connections.client_certificates import Showing, remember
from namespaces.models import Client, Namespace
from tests.support.browser.browsing import signed_in
from tests.support.certificates.chains import Identity, authority, self_signed
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_namespace,
    make_team,
    make_user,
    owner_of,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LOOKED_AT = (0, 29, 31, 99, 101, 199, 201, 299, 301, DAYS)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def plant(now: datetime) -> tuple[Namespace, dict[str, Identity]]:
    """Two CA certificates, valid for 100 and 300 days, and clients of each with certificates of their own lengths."""
    namespace = make_namespace()
    span = {"not_before": now - 400 * DAY}
    short = authority("Short CA", not_after=now + 100 * DAY, **span)
    long = authority("Long CA", not_after=now + 300 * DAY, **span)
    for name, ca in (("short-ca", short), ("long-ca", long)):
        make_ca_certificate(namespace, name, der=ca.der)
    lines = [make_team("Line 1"), make_team("Line 2")]
    devices: dict[str, Identity] = {}
    for number, (ca, days) in enumerate(
        [(short, 30), (short, 200), (long, -1), (long, 30), (long, 200), (long, 900), (short, 900)]
    ):
        name = f"sensor-{number}"
        devices[name] = ca.issue(name, not_after=now + days * DAY, **span)
        add(namespace, name, devices[name], ca=ca, team=lines[number % 2])
    for name, days in (("fixed-1", 200), ("fixed-2", 900)):
        devices[name] = self_signed(name, not_after=now + days * DAY, **span)
        add(namespace, name, devices[name], team=None, validation_scheme="ThumbprintMatch")
    return namespace, devices


def add(namespace: Namespace, name: str, device: Identity, *, ca: Identity | None = None, **fields: Any) -> None:
    held = [device.thumbprint] if fields.get("validation_scheme") == "ThumbprintMatch" else []
    client = make_client(namespace, name, thumbprints=held, **fields)
    shown = Showing(name, (load_certificate(device.der),), timezone.now(), has_connected=True)
    remember(namespace.pk, [shown])
    if ca is not None:
        key = public_key_hash(ca.der)
        Client.objects.filter(pk=client.pk).update(issuer_key=key, anchor_key=key)


def refused_by_engine(namespace: Namespace, devices: dict[str, Identity], at: datetime) -> int:
    state = namespace_state(namespace)
    decisions = [
        authenticate(presented=device.der, user_name=name, state=state, at=at) for name, device in devices.items()
    ]
    return sum(not decision.accepted for decision in decisions)


@pytest.mark.parametrize("has_connected", [True, False], ids=["by key", "by name"])
def test_the_counts_are_those_of_the_engine(
    plant: tuple[Namespace, dict[str, Identity]], now: datetime, has_connected: bool
) -> None:
    namespace, devices = plant
    if not has_connected:
        Client.objects.update(anchor_key="", issuer_key="")
    for day in LOOKED_AT:
        found = impact_on(namespace, day=day, at=now)
        assert found.refused == refused_by_engine(namespace, devices, now + day * DAY), day
        assert (found.clients, found.today) == (len(devices), 1)
        by_week = [bar.column.total for bar in weekly_chart(namespace, day=day, at=now).bars]
        assert by_week[min(day // 7, WEEKS - 1)] >= found.refused


def test_an_intermediate_that_clients_send_counts_where_they_need_it(now: datetime) -> None:
    namespace = make_namespace()
    span = {"not_before": now - 400 * DAY}
    root = authority("Sent Root CA", not_after=now + 900 * DAY, **span)
    line = root.issue("Sent line CA", ca=True, not_after=now + 60 * DAY, **span)
    long = {"not_after": now + 900 * DAY, **span}
    make_ca_certificate(namespace, "root", der=root.der)
    for name in ("robot-1", "robot-2", "robot-3"):
        client = make_client(namespace, name)
        chain = tuple(load_certificate(each.der) for each in (line.issue(name, **long), line, root))
        remember(namespace.pk, [Showing(name, chain, now, has_connected=True)])
        keys = {"issuer_key": public_key_hash(line.der), "anchor_key": public_key_hash(root.der)}
        Client.objects.filter(pk=client.pk).update(**keys)
    Client.objects.filter(name="robot-2").update(anchor_key=public_key_hash(line.der))  # the line CA is uploaded too
    Client.objects.filter(name="robot-3").update(validation_scheme="ThumbprintMatch")
    make_ca_certificate(namespace, "line-ca", der=line.der)
    namespace.ca_certificates.filter(name="line-ca").update(not_after=now + 500 * DAY)  # as if renewed
    assert [impact_on(namespace, day=day, at=now).refused for day in (59, 61, 499, 501)] == [0, 1, 1, 2]
    weeks = [bar.column.total for bar in weekly_chart(namespace, day=0, at=now).bars]
    assert (weeks[7], weeks[9]) == (0, 1)


def test_each_team_has_its_own_counts_and_reasons(plant: tuple[Namespace, dict[str, Identity]], now: datetime) -> None:
    namespace, _ = plant
    teams = {team.name: team for team in impact_on(namespace, day=150, at=now).teams}
    line_1, line_2, none = teams["Line 1"], teams["Line 2"], teams["No team"]
    assert (line_1.clients, line_1.by_own, line_1.by_ca) == (4, 2, 1)
    assert (line_2.clients, line_2.by_own, line_2.by_ca) == (3, 1, 1)
    assert (none.clients, none.refused) == (2, 0)
    assert {ca.name for ca in impact_on(namespace, day=150, at=now).cas} == {"short-ca"}


def test_a_client_never_seen_is_unknown_until_no_ca_is_left(
    plant: tuple[Namespace, dict[str, Identity]], now: datetime
) -> None:
    namespace, _ = plant
    make_client(namespace, "new-1", team=make_team("Line 3"))
    early, late = (impact_on(namespace, day=day, at=now) for day in (200, 301))
    counts = [(team.unknown, team.by_ca) for found in (early, late) for team in found.teams if team.name == "Line 3"]
    assert counts == [(1, 0), (0, 1)]
    assert (early.has_ca, late.has_ca) == (True, False)


def test_disabled_clients_and_those_being_deleted_do_not_count(
    plant: tuple[Namespace, dict[str, Identity]], now: datetime
) -> None:
    namespace, devices = plant
    Client.objects.filter(name="sensor-2").update(state="Disabled")
    Client.objects.filter(name="sensor-3").update(deleted_at=now)
    found = impact_on(namespace, day=0, at=now)
    assert (found.clients, found.refused) == (len(devices) - 2, 0)


def test_the_queries_are_as_few_for_many(plant: tuple[Namespace, dict[str, Identity]], now: datetime) -> None:
    namespace, _ = plant

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            impact_on(namespace, day=100, at=now)
            weekly_chart(namespace, day=100, at=now)
        return len(captured)

    few = queries()
    for number in range(30):
        make_client(namespace, f"more-{number}", team=make_team(f"Team {number}"))
    assert queries() == few
    assert few <= 6


@pytest.fixture
def owner(plant: tuple[Namespace, dict[str, Identity]]) -> Browser:
    return signed_in(owner_of(plant[0]))


def test_the_page_works_with_and_without_javascript(
    owner: Browser, plant: tuple[Namespace, dict[str, Identity]]
) -> None:
    url = reverse("certificates:expiry_impact", args=[plant[0].pk])
    page = owner.get(url, {"day": "150"}).content.decode()
    assert 'data-impact="5"' in page
    assert re.search(r'<input type="range"[^>]*value="150"', page)
    part = owner.get(url, {"day": "150"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'data-impact="5"' in part
    assert part.count('hx-swap-oob="innerHTML"') == 1  # the sentence, in a live region of its own


@pytest.mark.parametrize("day", ["", "-1", "abc", "99999", "9" * 400, "1.5", "\x00"])
def test_any_day_that_is_asked_for_shows_a_page(
    owner: Browser, plant: tuple[Namespace, dict[str, Identity]], day: str
) -> None:
    url = reverse("certificates:expiry_impact", args=[plant[0].pk])
    assert owner.get(url, {"day": day}).status_code == 200


def test_hidden_teams_are_not_counted_and_hidden_cas_not_named(
    plant: tuple[Namespace, dict[str, Identity]],
) -> None:
    namespace, _ = plant
    ada = make_user("ada")
    namespace.roles.create(user=ada, role="contributor")
    Namespace.objects.update(hides_other_teams=True)
    namespace.ca_certificates.update(team=make_team("Line 9"))
    url = reverse("certificates:expiry_impact", args=[namespace.pk])
    page = signed_in(ada).get(url, {"day": "365"}).content.decode()
    assert "Line 1" not in page
    assert "short-ca" not in page
    assert 'data-team="No team"' in page
