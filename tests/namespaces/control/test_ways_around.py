"""Ways around an approval that were found, and are closed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.change_sets.emergency import apply_at_once
from namespaces.actions.change_sets.policy import start_policy
from namespaces.actions.change_sets.requests import keep_draft, rebase
from namespaces.actions.clients import create_client, delete_client
from namespaces.actions.namespaces import disconnect_namespace, give_roles_back
from namespaces.control.gate import NeedsApproval
from namespaces.control.rules.policy import Need
from namespaces.models import Client, ControlPolicy, FormerPolicy, Namespace, Role
from namespaces.rules.errors import RuleError
from portal.models import FormerMembership, Membership, Team, User
from portal.people.accounts import check_join
from portal.people.authority import RefusedError
from portal.people.teams import add_member, remove_member, set_lead
from portal.single_sign_on.configuration import SingleSignOn
from portal.single_sign_on.mapping import Grant
from portal.single_sign_on.rights import follow_groups
from tests.namespaces.control.conftest import Plant, approve_now
from tests.support.database.factories import make_admin, make_client, make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db


def provider(team: Team) -> SingleSignOn:
    groups = {"plant": Grant(teams=(team.name,))}
    return SingleSignOn(issuer="https://login.contoso.example", client_id="portal", groups=groups)


def refused(person: User, plant: Plant) -> str:
    """Return why a person may not approve a request of Dana's that is made now."""
    with pytest.raises(RuleError) as refusal:
        approve_now(person, plant.request())
    return refusal.value.code


# Leaving a team just before a request of it


def by_an_administrator(plant: Plant) -> None:
    remove_member(make_admin(), team=plant.line_a, person=plant.rita)


def by_single_sign_on(plant: Plant) -> None:
    Membership.objects.filter(user=plant.rita).update(by_sso=True)
    with transaction.atomic():
        follow_groups(plant.rita, provider(plant.line_a), frozenset())


@pytest.mark.parametrize("leave", [by_an_administrator, by_single_sign_on])
def test_a_colleague_who_left_lately_is_on_the_side_of_the_team(plant: Plant, leave: Callable[[Plant], None]) -> None:
    leave(plant)
    assert not Membership.objects.filter(user=plant.rita).exists()
    assert refused(plant.rita, plant) == "own"
    FormerMembership.objects.update(left_at=timezone.now() - timedelta(days=15))
    approve_now(plant.rita, plant.request(held=plant.held(name="later")))


def test_a_requester_who_left_lately_is_on_the_side_of_the_team(plant: Plant) -> None:
    plant.namespace.roles.filter(user=plant.dana).update(role=Role.OWNER)
    remove_member(make_admin(), team=plant.line_a, person=plant.dana)
    with pytest.raises(RuleError) as refusal:
        approve_now(plant.rita, plant.request(held=plant.held(team=None)))
    assert refusal.value.code == "own"


# A named team that approves


def test_the_lead_of_a_team_that_approves_adds_no_one_to_it(plant: Plant) -> None:
    guards = make_team("Guards", plant.olga)
    Membership.objects.filter(user=plant.olga, team=guards).update(is_lead=True)
    ControlPolicy.objects.update(by_team=guards)
    friend = make_user("friend")
    with pytest.raises(RefusedError) as refusal:
        add_member(plant.olga, team=guards, person=friend)
    assert refusal.value.code == "needs-approval"
    with pytest.raises(RefusedError):
        check_join([guards], None, by=plant.olga)  # of an invitation
    add_member(make_admin(), team=guards, person=friend)
    ControlPolicy.objects.update(enabled=False)
    add_member(plant.olga, team=guards, person=make_user("other"))


# A lead of a team that has clients in two namespaces


@pytest.fixture
def other(plant: Plant) -> Namespace:
    """Line B has a client in another namespace too, which Nora owns."""
    namespace = make_namespace("yard", owner=make_user("nora"))
    ControlPolicy.objects.create(namespace=namespace, enabled=True)
    make_client(namespace, "crane-1", team=plant.line_b)
    return namespace


def promotion(plant: Plant, admin: User) -> NeedsApproval:
    mia = make_user("mia")
    Membership.objects.create(team=plant.line_b, user=mia)
    with pytest.raises(NeedsApproval) as held:
        set_lead(admin, team=plant.line_b, person=mia, is_lead=True)
    return held.value


def test_a_lead_needs_approval_in_each_namespace_with_clients_of_the_team(plant: Plant, other: Namespace) -> None:
    admin = make_admin()
    both = make_user("both")
    for namespace in (plant.namespace, other):
        namespace.roles.create(user=both, role=Role.OWNER)
    change_set = plant.request(admin, promotion(plant, admin))
    with pytest.raises(RuleError) as refusal:
        approve_now(plant.olga, change_set)  # she owns only one of them
    assert refusal.value.code == "no-right"
    approve_now(both, change_set)
    other.roles.filter(user=both).delete()
    run_change_set(change_set.pk)
    assert not Membership.objects.get(user__username="mia").is_lead
    other.roles.create(user=both, role=Role.OWNER)  # a new right
    with pytest.raises(RuleError) as refusal:
        approve_now(both, change_set)
    assert refusal.value.code == "too-new"
    rebase(admin, change_set=change_set)
    approve_now(both, change_set)
    run_change_set(change_set.pk)
    assert Membership.objects.get(user__username="mia").is_lead


def test_nobody_applies_at_once_what_another_namespace_has_to_approve(plant: Plant, other: Namespace) -> None:
    admin = make_admin()
    draft = keep_draft(admin, promotion(plant, admin))
    ControlPolicy.objects.filter(namespace=other).update(emergency=False)
    with pytest.raises(RuleError) as refusal:
        apply_at_once(admin, change_set=draft, reason="Now", is_proven=True)
    assert refusal.value.code == "emergency-off"


# A client that is deleted and created again


def test_a_deleted_thumbprint_client_is_not_created_for_any_ca(plant: Plant) -> None:
    scheme, name = "ThumbprintMatch", "own-1"
    old = make_client(plant.namespace, name, team=plant.line_a, validation_scheme=scheme, thumbprints=["b" * 64])
    delete_client(plant.dana, client=old)
    Client.objects.filter(pk=old.pk).delete()  # Azure has confirmed it
    again: dict[str, Any] = {"namespace": plant.namespace, "team": plant.line_a, "authentication_name": name.upper()}
    with pytest.raises(NeedsApproval) as held:
        create_client(plant.dana, name="own-2", validation_scheme="SubjectMatchesAuthenticationName", **again)
    assert held.value.needs == (Need.LEAVE_THUMBPRINT,)
    made = create_client(plant.dana, name="own-2", validation_scheme=scheme, thumbprints=["c" * 64], **again)
    assert made.pk


# A namespace that is disconnected and connected again


def test_a_policy_outlives_a_disconnection(plant: Plant) -> None:
    ControlPolicy.objects.update(approvals=2, by_team=make_team("Guards"), by_owners=False, needs=["ca_upload"])
    key = plant.namespace.resource_key
    disconnect_namespace(plant.olga, namespace=plant.namespace)
    assert not ControlPolicy.objects.exists()
    Team.objects.filter(name="Guards").delete()
    again = make_namespace("plant")
    Namespace.objects.filter(pk=again.pk).update(resource_key=key)
    again.refresh_from_db()
    start_policy(again, needs_approval=False)
    rules = ControlPolicy.objects.get(namespace=again).rules
    assert (rules.enabled, rules.approvals, rules.needs) == (True, 2, frozenset({Need.CA_UPLOAD}))
    assert not FormerPolicy.objects.exists()


def test_roles_come_back_only_when_wanted_and_not_to_people_who_left(plant: Plant) -> None:
    gone = make_user("gone")
    for holder, role in (({"user": gone}, Role.CONTRIBUTOR), ({"team": plant.line_b}, Role.CLIENT_MANAGER)):
        plant.namespace.roles.create(role=role, **holder)
    key = plant.namespace.resource_key
    disconnect_namespace(plant.olga, namespace=plant.namespace)
    gone.is_active = False
    gone.save()
    admin = make_user("admin", is_superuser=True)
    again = make_namespace("plant")
    Namespace.objects.filter(pk=again.pk).update(resource_key=key)
    again.refresh_from_db()
    start_policy(again, needs_approval=False)
    again.roles.all().delete()
    given = give_roles_back(admin, namespace=again)
    held = {(role.user or role.team, role.role) for role in again.roles.all()}
    assert held == {(plant.dana, "contributor"), (plant.lee, "reader"), (plant.line_b, "client_manager")}
    assert (given.count, len(given.left)) == (3, 3)
    assert give_roles_back(admin, namespace=again).count == 0


# Rights by single sign-on


def test_groups_of_the_identity_provider_are_the_approval_and_count_for_later_requests(plant: Plant) -> None:
    """The mapping of groups is the deployment's, and who is in a group is the provider's to say."""
    owners = make_team("Owners")
    plant.namespace.roles.create(team=owners, role=Role.OWNER)
    sam, made = make_user("sam"), plant.request()
    with transaction.atomic():
        follow_groups(sam, provider(owners), frozenset({"plant"}))
    with pytest.raises(RuleError) as refusal:
        approve_now(sam, made)
    assert refusal.value.code == "too-new"
    approve_now(sam, plant.request(held=plant.held(name="later")))
