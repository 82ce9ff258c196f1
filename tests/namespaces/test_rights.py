"""Roles by team: what each role may change of what its teams, other teams and no team own."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.actions import bulk
from namespaces.actions import clients as client_actions
from namespaces.actions.roles import grant_role, revoke_role
from namespaces.models import Client, Namespace, NamespaceRole, Role
from namespaces.rights import MANAGED, STRONGEST_FIRST, rights_in
from namespaces.rules.errors import RuleError
from portal.activity import DENIED
from portal.models import Activity, Team, User
from sync.drift import resolutions
from sync.drift.resolutions import CannotResolve
from sync.models import Finding
from sync.push.comparison import field_differences
from tests.support.browser.browsing import signed_in
from tests.support.browser.editions import editions_of
from tests.support.database.factories import (
    make_ca_certificate,
    make_ca_der,
    make_client,
    make_client_group,
    make_namespace,
    make_team,
    make_user,
    owner_of,
)

pytestmark = pytest.mark.django_db

OURS, THEIRS, NOBODYS = "ours", "theirs", "nobodys"
CA, CLIENT, GROUP = "ca", "client", "group"
TYPES = {CA: "certificates:ca_certificate", CLIENT: "namespaces:client", GROUP: "namespaces:client_group"}
# What each role changes: the types, and whose.
CHANGES: dict[Role, set[tuple[str, str]]] = {
    Role.OWNER: {(kind, whose) for kind in TYPES for whose in (OURS, THEIRS, NOBODYS)},
    Role.CONTRIBUTOR: {(kind, whose) for kind in TYPES for whose in (OURS, NOBODYS)},
    Role.CERTIFICATE_UPLOADER: {(CA, OURS)},
    Role.CLIENT_MANAGER: {(CLIENT, OURS)},
    Role.READER: set(),
}


@dataclass
class Place:
    """A namespace with a CA certificate, a client and a client group of our team, of another and of none."""

    namespace: Namespace
    ada: User
    ours: Team
    theirs: Team

    def give(self, role: Role, *, through_team: bool) -> Browser:
        holder: Any = {"team": self.ours} if through_team else {"user": self.ada}
        NamespaceRole.objects.create(namespace=self.namespace, role=role, **holder)
        return signed_in(self.ada)

    def url(self, kind: str, action: str, *args: Any) -> str:
        return reverse(f"{TYPES[kind]}_{action}", args=[self.namespace.pk, *args])


@pytest.fixture(scope="module")
def ders() -> list[bytes]:
    return [make_ca_der() for _ in range(3)]


@pytest.fixture
def place(ders: list[bytes]) -> Place:
    ada = make_user("ada")
    ours, theirs = make_team("Line 1", ada), make_team("Line 2", make_user("bob"))
    namespace = make_namespace()
    for (whose, team), der in zip(((OURS, ours), (THEIRS, theirs), (NOBODYS, None)), ders, strict=True):
        make_ca_certificate(namespace, whose, der=der, team=team)
        make_client(namespace, whose, team=team)
        make_client_group(namespace, whose, team=team)
    return Place(namespace, ada, ours, theirs)


def test_the_table_has_every_role() -> None:
    assert set(CHANGES) == set(Role) == set(STRONGEST_FIRST)
    assert set(MANAGED) < set(Role)


@pytest.mark.parametrize("through_team", [False, True], ids=["own", "of a team"])
@pytest.mark.parametrize("role", Role)
def test_what_a_role_changes(place: Place, role: Role, through_team: bool) -> None:
    browser = place.give(role, through_team=through_team)
    for kind in TYPES:
        listed = browser.get(place.url(kind, "list")).content.decode()
        for whose in (OURS, THEIRS, NOBODYS):
            may = (kind, whose) in CHANGES[role]
            answer = browser.get(place.url(kind, "detail", whose))
            assert answer.status_code == 200
            detail = answer.content.decode()
            for action in ("update", "delete"):
                address = place.url(kind, action, whose)
                assert browser.get(address).status_code == (200 if may else 403), (kind, whose, action)
                assert (f'href="{address}"' in detail) is may, (kind, whose, action)
            assert (f'href="{place.url(kind, "delete", whose)}"' in listed) is may, (kind, whose)
            if not may:
                assert browser.post(place.url(kind, "delete", whose)).status_code == 403, (kind, whose)
        creates = any(each == kind for each, _ in CHANGES[role])
        action = "upload" if kind == CA else "create"
        assert browser.get(place.url(kind, action)).status_code == (200 if creates else 403), kind
        assert (f'href="{place.url(kind, action)}"' in listed) is creates, kind
    assert not Activity.objects.exclude(kind__in=["portal.user", DENIED]).exists()


def test_another_teams_page_names_the_team(place: Place) -> None:
    browser = place.give(Role.CONTRIBUTOR, through_team=True)
    refused = browser.post(place.url(CA, "delete", THEIRS))
    assert refused.status_code == 403
    assert "Line 2" in refused.content.decode()
    assert 'data-owned-by="Line 2"' in browser.get(place.url(CA, "detail", THEIRS)).content.decode()


@pytest.mark.parametrize("role", [Role.CLIENT_MANAGER, Role.CONTRIBUTOR])
def test_a_role_of_a_team_counts_for_that_team_only(place: Place, role: Role) -> None:
    place.theirs.members.add(place.ada)  # a member of both teams, while only one has a role here
    browser = place.give(role, through_team=True)
    assert browser.get(place.url(CLIENT, "update", OURS)).status_code == 200
    assert browser.get(place.url(CLIENT, "update", THEIRS)).status_code == 403
    form = browser.post(place.url(CLIENT, "create"), client_fields("new", team=place.theirs.pk))
    assert form.status_code == 422
    assert list(form.context["form"].errors) == ["team"]


def client_fields(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "authentication_name": name,
        "validation_scheme": "SubjectMatchesAuthenticationName",
        "state": "Enabled",
        "attributes-TOTAL_FORMS": "0",
        "attributes-INITIAL_FORMS": "0",
        **more,
    }


def test_a_manager_chooses_one_of_their_teams(place: Place) -> None:
    browser = place.give(Role.CLIENT_MANAGER, through_team=True)
    answer = browser.post(place.url(CLIENT, "create"), client_fields("new", team=""))
    assert answer.status_code == 422
    assert answer.context["form"].errors.as_data()["team"][0].code == "required"
    assert browser.post(place.url(CLIENT, "create"), client_fields("new", team=place.ours.pk)).status_code == 302
    assert Client.objects.get(name="new").team == place.ours


def test_an_action_refuses_a_manager_without_a_team(place: Place) -> None:
    place.give(Role.CLIENT_MANAGER, through_team=False)
    with pytest.raises(RuleError) as refusal:
        new_client(place, None)
    assert (refusal.value.field, refusal.value.code) == ("team", "needs-a-team")
    assert new_client(place, place.ours).team == place.ours


def new_client(place: Place, team: Team | None) -> Client:
    return client_actions.create_client(
        place.ada,
        namespace=place.namespace,
        team=team,
        name="new",
        authentication_name="new",
        validation_scheme="SubjectMatchesAuthenticationName",
    )


@pytest.mark.parametrize("how", ["disabled", "role taken", "team left"])
def test_an_action_reads_account_and_rights_again(place: Place, how: str) -> None:
    place.give(Role.CLIENT_MANAGER, through_team=True)
    client = Client.objects.get(name=OURS)
    if how == "disabled":
        User.objects.filter(pk=place.ada.pk).update(is_active=False)
    elif how == "role taken":
        NamespaceRole.objects.all().delete()
    else:
        place.ours.members.clear()
    for refused in (
        lambda: client_actions.delete_client(place.ada, client=client),
        lambda: new_client(place, place.ours),
    ):
        with pytest.raises(RuleError):
            refused()
    assert (
        bulk.change_clients(place.ada, namespace=place.namespace, change=bulk.CHANGES["delete"], pks=[client.pk]).done
        == 0
    )
    assert not Activity.objects.exists()


def test_every_client_that_matches_means_ones_own(place: Place) -> None:
    browser = place.give(Role.CLIENT_MANAGER, through_team=True)
    asked = {"change": "disable", "which": "all"}
    question = browser.get(reverse("namespaces:clients_change", args=[place.namespace.pk]), asked)
    assert (len(question.context["chosen"].pks), question.context["chosen"].others) == (1, 2)
    answer = browser.post(
        reverse("namespaces:clients_change", args=[place.namespace.pk]),
        asked | editions_of(Client.objects.filter(name=OURS)),
    )
    assert answer.status_code == 302
    assert list(Client.objects.filter(state="Disabled").values_list("name", flat=True)) == [OURS]


def test_ticked_clients_of_others_stay(place: Place) -> None:
    browser = place.give(Role.CONTRIBUTOR, through_team=True)
    ticked = [str(pk) for pk in Client.objects.values_list("pk", flat=True)]
    asked = {"change": "delete", "client": ticked, **editions_of(Client.objects.exclude(name=THEIRS))}
    assert browser.post(reverse("namespaces:clients_change", args=[place.namespace.pk]), asked).status_code == 302
    assert set(Client.objects.filter(deleted_at=None).values_list("name", flat=True)) == {THEIRS}


def test_a_bulk_stops_where_the_rights_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 1)
    place.give(Role.CONTRIBUTOR, through_team=True)
    change, done = bulk.CHANGES["disable"], []

    def apply(actor: User, row: Client) -> None:
        change.apply(actor, row)
        done.append(row.name)
        NamespaceRole.objects.all().delete()

    taken_away = bulk.BulkChange(change.code, change.label, change.meaning, change.concerned, apply)
    pks = list(Client.objects.order_by("pk").values_list("pk", flat=True))
    assert bulk.change_clients(place.ada, namespace=place.namespace, change=taken_away, pks=pks).done == 1
    assert done == [OURS]


@pytest.mark.parametrize("whose", [OURS, THEIRS, NOBODYS])
def test_retry_and_discard_keep_to_ones_own(place: Place, whose: str) -> None:
    browser = place.give(Role.CLIENT_MANAGER, through_team=True)
    client = Client.objects.get(name=whose)
    Client.objects.filter(pk=client.pk).update(generation=2, parked_code="InvalidRequest", parked_message="No.")
    chosen = {"kind": client.kind, "row": client.pk}
    assert browser.post(reverse("sync:sync_retry", args=[place.namespace.pk]), chosen).status_code == 302
    client.refresh_from_db()
    assert (client.parked_code == "") is (whose == OURS)
    listed = browser.get(reverse("sync:sync_refused", args=[place.namespace.pk]))
    assert [row.may_change for row in listed.context["rows"]] == ([] if whose == OURS else [False])


@pytest.mark.parametrize("whose", [OURS, THEIRS, NOBODYS])
@pytest.mark.parametrize("decide", [resolutions.keep_ours, resolutions.take_azures, resolutions.ignore])
def test_drift_decisions_keep_to_ones_own(place: Place, whose: str, decide: Any) -> None:
    place.give(Role.CLIENT_MANAGER, through_team=True)
    client, now = Client.objects.get(name=whose), timezone.now()
    finding = Finding.objects.create(
        kind=client.kind,
        scope=place.namespace.pk,
        name=client.name,
        object_pk=client.pk,
        drift="deleted",
        found_at=now,
        seen_at=now,
        fields=field_differences(Client, base=None, ours=client, azure=None),
    )
    if whose == OURS:
        decide(place.ada, finding=finding)
        return
    with pytest.raises(CannotResolve) as refusal:
        decide(place.ada, finding=finding)
    assert refusal.value.code == "not-yours"
    finding.refresh_from_db()
    assert finding.state == Finding.State.OPEN


def test_what_appeared_in_azure_is_adopted_by_contributors(place: Place) -> None:
    browser, now = place.give(Role.CLIENT_MANAGER, through_team=True), timezone.now()
    finding = Finding.objects.create(
        kind="namespaces.client",
        scope=place.namespace.pk,
        name="unknown",
        drift="appeared",
        resource={"name": "unknown", "properties": {"authenticationName": "unknown"}},
        found_at=now,
        seen_at=now,
    )
    page = browser.get(reverse("sync:drift_detail", args=[place.namespace.pk, finding.pk]))
    assert page.context["finding"].may_decide is False
    decision = {"finding": finding.pk, "decision": "adopt"}
    browser.post(reverse("sync:drift_resolve", args=[place.namespace.pk]), decision)
    assert not Client.objects.filter(name="unknown").exists()


# Deleting what is in use


@pytest.mark.parametrize(("typed", "deleted"), [(None, 0), ("", 0), ("Factory", 0), ("factory", 21), (" factory ", 21)])
def test_more_than_20_clients_are_deleted_by_typing_the_namespace(
    place: Place, typed: str | None, deleted: int
) -> None:
    browser = signed_in(owner_of(place.namespace))
    for number in range(18):
        make_client(place.namespace, f"more-{number}")
    address = reverse("namespaces:clients_change", args=[place.namespace.pk])
    asked = {"change": "delete", "which": "all", **editions_of(Client.objects.all())}
    assert browser.get(address, asked).context["question"].wanted == "factory"
    answer = browser.post(address, asked if typed is None else asked | {"typed_name": typed})
    assert answer.status_code == (302 if deleted else 422)
    assert ('data-code="not-the-name"' in answer.content.decode()) is not bool(deleted)
    assert Client.objects.exclude(deleted_at=None).count() == deleted


def test_20_clients_are_deleted_without_typing(place: Place) -> None:
    for number in range(17):
        make_client(place.namespace, f"more-{number}")
    address = reverse("namespaces:clients_change", args=[place.namespace.pk])
    asked = {"change": "delete", "which": "all", **editions_of(Client.objects.all())}
    assert signed_in(owner_of(place.namespace)).post(address, asked).status_code == 302


# Granting


def roles_of(user: User, namespace: Namespace) -> set[Role]:
    return set(rights_in(user, namespace.pk).roles)


def test_the_two_managing_roles_are_held_side_by_side(place: Place) -> None:
    owner = owner_of(place.namespace)
    for role in (Role.READER, Role.CERTIFICATE_UPLOADER, Role.CLIENT_MANAGER):
        grant_role(owner, namespace=place.namespace, role=role, user=place.ada)
    assert roles_of(place.ada, place.namespace) == {Role.CERTIFICATE_UPLOADER, Role.CLIENT_MANAGER}
    grant_role(owner, namespace=place.namespace, role=Role.CONTRIBUTOR, user=place.ada)
    assert roles_of(place.ada, place.namespace) == {Role.CONTRIBUTOR}
    assert NamespaceRole.objects.filter(user=place.ada).count() == 1


def test_an_owner_that_lost_the_role_grants_and_revokes_nothing(place: Place) -> None:
    owner = owner_of(place.namespace)
    other = grant_role(owner, namespace=place.namespace, role=Role.OWNER, user=place.ada)
    NamespaceRole.objects.filter(user=owner).delete()
    with pytest.raises(RuleError):
        grant_role(owner, namespace=place.namespace, role=Role.READER, team=place.ours)
    with pytest.raises(RuleError):
        revoke_role(owner, role=other)
