"""For whom a CA certificate vouches, and the keys that are pinned for a client: through the pages, down to what is kept."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.actions.decision_rules.bindings import is_wider
from certificates.models import IssuerBinding, PinnedKey
from certificates.pages.decision_rules.vouching import vouching_with
from certificates.x509.certificate import public_key_hash
from namespaces.models import DecisionChange, Namespace
from portal.models import Activity, Team, User
from tests.support.certificates.chains import authority
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_client_group,
    make_namespace,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db

LINE = authority("Plant Root CA").issue("Line 1 CA", ca=True)
KEY = public_key_hash(LINE.der)


@dataclass
class Place:
    namespace: Namespace
    people: dict[str, User]
    teams: dict[str, Team]

    def as_(self, who: str) -> Browser:
        browser = Browser()
        browser.force_login(self.people[who])
        return browser

    def url(self, page: str, *args: Any) -> str:
        return reverse(f"certificates:{page}", args=[self.namespace.pk, *args])

    def bind(self, who: str, **fields: Any) -> Any:
        return self.as_(who).post(self.url("ca_certificate_binding", "line-ca"), fields)

    @property
    def binding(self) -> IssuerBinding | None:
        return IssuerBinding.objects.filter(ca__name="line-ca").first()


@pytest.fixture
def place() -> Place:
    people = {name: make_user(name) for name in ("owner", "uploader", "manager", "reader")}
    teams = {"Line 1": make_team("Line 1", people["uploader"], people["manager"]), "Line 2": make_team("Line 2")}
    roles: dict[str, Any] = {"certificate_uploader": people["uploader"], "client_manager": people["manager"]}
    roles |= {name: people[name] for name in ("owner", "reader")}
    namespace = make_namespace("factory", **roles)
    make_ca_certificate(namespace, "line-ca", der=LINE.der, team=teams["Line 1"])
    namespace.roles.create(team=teams["Line 2"], role="reader")
    make_client(namespace, "press-1", team=teams["Line 1"], issuer_key=KEY)
    make_client(namespace, "pump-1", team=teams["Line 2"], issuer_key=KEY)
    make_client(namespace, "pump.2", team=teams["Line 2"], anchor_key=KEY, attributes={"type": "press"})
    make_client(namespace, "gate-1", team=None)
    make_client(namespace, "by-print", team=teams["Line 2"], validation_scheme="ThumbprintMatch", issuer_key=KEY)
    return Place(namespace, people, teams)


def test_a_team_narrows_its_ca_and_only_an_owner_widens_it(place: Place) -> None:
    line_1, line_2 = place.teams["Line 1"].pk, place.teams["Line 2"].pk
    assert place.bind("uploader", teams=[line_1, line_2], patterns="gate-*\n", edition="0").status_code == 302
    binding = place.binding
    assert binding is not None
    assert ({team.name for team in binding.teams.all()}, binding.patterns) == ({"Line 1", "Line 2"}, ["gate-*"])
    assert DecisionChange.objects.filter(namespace_pk=place.namespace.pk, client_pk=None).count() == 1
    assert place.bind("uploader", teams=[line_1], edition="1").status_code == 302
    answer = place.bind("uploader", teams=[line_1], patterns="pump-*", edition="2")
    assert (answer.status_code, "pump-*" in answer.content.decode()) == (422, True)  # what was typed stays
    unbind = place.url("ca_certificate_unbind", "line-ca")
    place.as_("uploader").post(unbind, {"edition": "2"})
    assert place.binding is not None
    assert place.bind("owner", teams=[line_1], patterns="pump-*", edition="2").status_code == 302
    place.as_("owner").post(unbind, {"edition": "2"})  # changed meanwhile
    assert place.binding is not None
    place.as_("owner").post(unbind, {"edition": "3"})
    assert place.binding is None
    verbs = Activity.objects.order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["Bind issuer"] * 3 + ["Unbind issuer"]
    assert DecisionChange.objects.filter(client_pk=None).count() == 4


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "nobody"),
        ({"patterns": "  \n"}, "nobody"),
        ({"patterns": "*"}, "every-name"),
        ({"patterns": "a" * 129}, "too-long"),
        ({"patterns": "a\u202eb"}, "invisible"),
        ({"patterns": "\n".join(f"press-{at}" for at in range(51))}, "too-many"),
        ({"teams": "99999"}, "invalid_choice"),
        ({"groups": "99999"}, "invalid_choice"),
        ({"teams": "9" * 20}, "invalid_pk_value"),  # more than a database stores
        ({"groups": "9" * 20}, "invalid_pk_value"),
        ({"patterns": "press-*", "edition": "7"}, "changed-meanwhile"),
    ],
)
def test_a_refused_binding_changes_nothing(place: Place, fields: dict[str, str], code: str) -> None:
    answer = place.bind("owner", **fields)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert f'data-code="{code}"' in page or code == "changed-meanwhile"  # that is of no field
    assert place.binding is None
    assert not DecisionChange.objects.exists()


@pytest.mark.parametrize(
    ("teams", "groups", "patterns", "vouched", "cut_off"),
    [
        (["Line 1"], [], [], 1, ["pump-1", "pump.2"]),
        (["Line 1", "Line 2"], [], [], 3, []),
        ([], [], ["PUMP*"], 2, ["press-1"]),
        ([], [], ["pump.2"], 1, ["press-1", "pump-1"]),  # the dot is a dot
        ([], [], ["*-1", "nothing*else"], 3, ["pump.2"]),
        ([], ["presses"], [], 1, ["press-1", "pump-1"]),
        (["Line 1"], ["presses"], ["gate-1"], 3, ["pump-1"]),
    ],
)
def test_the_clients_are_counted_before_it_is_saved(
    place: Place, teams: list[str], groups: list[str], patterns: list[str], vouched: int, cut_off: list[str]
) -> None:
    group = make_client_group(place.namespace, "presses")
    row = place.namespace.ca_certificates.get()
    row.namespace = place.namespace
    found = vouching_with(row, [place.teams[name] for name in teams], [group] if groups else [], patterns)
    assert (found.vouched, found.of, list(found.names), found.cut_off) == (vouched, 4, cut_off, len(cut_off))
    chosen = {"teams": [place.teams[name].pk for name in teams], "groups": [group.pk] if groups else []}
    page = place.bind("owner", **chosen, patterns="\n".join(patterns), count="1").content.decode()
    assert f'data-vouched="{vouched}" data-cut-off="{len(cut_off)}"' in page
    assert place.binding is None


def test_a_deleted_team_never_widens_a_binding(place: Place) -> None:
    place.bind("owner", teams=[place.teams["Line 2"].pk])
    place.namespace.clients.filter(team=place.teams["Line 2"]).update(team=None)
    place.teams["Line 2"].delete()
    binding = place.binding
    assert binding is not None
    assert not binding.teams.exists()
    page = place.as_("owner").get(place.url("rules")).content.decode()
    assert 'data-binding="line-ca"' in page
    assert "no client" in page


def test_a_person_who_does_not_see_a_team_keeps_it(place: Place) -> None:
    place.bind("owner", teams=[place.teams["Line 1"].pk, place.teams["Line 2"].pk])
    Namespace.objects.update(hides_other_teams=True)
    page = place.as_("uploader").get(place.url("ca_certificate_binding", "line-ca")).content.decode()
    assert "Line 2" not in page
    assert 'data-kept="1"' in page
    assert place.bind("uploader", teams=[], edition="1").status_code == 302
    binding = place.binding
    assert binding is not None
    assert [team.name for team in binding.teams.all()] == ["Line 2"]


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        (None, {"teams": ["a"]}, False),
        ({"teams": ["a"]}, None, True),
        ({"teams": ["a", "b"]}, {"teams": ["a"]}, False),
        ({"teams": ["a"]}, {"teams": ["a", "b"]}, True),
        ({"teams": ["a"], "name_patterns": []}, {"teams": [], "name_patterns": ["x"]}, True),
    ],
)
def test_what_is_wider(before: Any, after: Any, wider: bool) -> None:
    assert is_wider(before, after) is wider


def test_a_client_is_pinned_to_a_key_and_released(place: Place) -> None:
    pin = place.url("client_pin", "press-1")
    ca = place.namespace.ca_certificates.get()
    assert place.as_("manager").post(pin, {"ca": ca.pk}).status_code == 302
    row = PinnedKey.objects.get()
    assert (row.spki_sha256, row.ca_name, row.client.name) == (KEY, "line-ca", "press-1")
    answer = place.as_("manager").post(pin, {"ca": ca.pk})
    assert (answer.status_code, 'data-code="pinned-already"' in answer.content.decode()) == (422, True)
    assert place.as_("uploader").post(pin, {"ca": ca.pk}).status_code == 403
    assert place.as_("manager").post(place.url("client_pin", "pump-1"), {"ca": ca.pk}).status_code == 403
    by_print = place.as_("owner").post(place.url("client_pin", "by-print"), {"ca": ca.pk})
    assert 'data-code="by-thumbprint"' in by_print.content.decode()
    page = place.as_("reader").get(place.url("client_certificates", "press-1")).content.decode()
    assert f'data-pin="{KEY}"' in page
    assert 'data-pinned-count="1"' in place.as_("reader").get(place.url("rules")).content.decode()
    for _ in range(2):  # the second finds it removed
        place.as_("manager").post(place.url("client_unpin", "press-1", row.pk))
    assert not PinnedKey.objects.exists()
    made = Activity.objects.exclude(verb="Denied").order_by("pk")
    assert list(made.values_list("verb", flat=True)) == ["Pin issuer", "Unpin issuer"]
    assert DecisionChange.objects.filter(client_pk=None).count() == 2


def test_pinning_to_another_key_than_that_of_the_last_connection_warns(place: Place) -> None:
    ca = place.namespace.ca_certificates.get()
    make_client(place.namespace, "elsewhere-1", anchor_key="0" * 64)
    for name, warned in (("pump.2", False), ("elsewhere-1", True)):
        page = place.as_("owner").post(place.url("client_pin", name), {"ca": ca.pk}, follow=True).content.decode()
        assert ('data-code="pinned-elsewhere"' in page) is warned
