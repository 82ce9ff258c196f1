"""Ways past the approval that were tried: each must stay closed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from certificates.actions.ca_certificates import delete_ca_certificate
from certificates.models import CACertificate
from namespaces.actions.change_sets import emergency, inverses, requests
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.change_sets.policy import set_policy
from namespaces.actions.clients import delete_client
from namespaces.actions.roles import grant_role
from namespaces.control.cases import approval_state
from namespaces.models import ChangeSet, Client, ControlPolicy, NamespaceRole, Role
from portal.models import AccessLink, Membership, User
from portal.people.authority import RefusedError
from portal.people.invitations import accept_invitation, invite
from portal.people.teams import add_member, set_lead
from tests.namespaces.control.conftest import Plant, approve_now, confirm_in_azure, held, refused, state_of
from tests.support.database.factories import make_ca_certificate, make_client, make_team, make_user

pytestmark = pytest.mark.django_db
State = ChangeSet.State


@pytest.fixture
def replacing(plant: Plant) -> tuple[ChangeSet, CACertificate]:
    """An approved and written change set that uploads a CA certificate and deletes its predecessor."""
    old = make_ca_certificate(plant.namespace, "old-ca", team=plant.line_a)
    change_set = plant.request()
    draft = requests.keep_draft(plant.dana, held(delete_ca_certificate, plant.dana, certificate=old))
    requests.add_to(plant.dana, draft=draft, change_set=change_set)
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    return change_set, old


@pytest.mark.parametrize("is_confirmed_first", [False, True])
def test_nothing_is_deleted_where_the_successor_is_gone(
    replacing: tuple[ChangeSet, CACertificate], is_confirmed_first: bool
) -> None:
    change_set, old = replacing
    if is_confirmed_first:
        change_set.changes.filter(operation="create").update(confirmed_at=timezone.now())
    CACertificate.objects.filter(name="line-a-ca").delete()  # discarded, or deleted again
    run_change_set(change_set.pk)
    old.refresh_from_db()
    assert old.deleted_at is None
    assert state_of(change_set) == State.PARKED


def test_nothing_is_deleted_where_the_successor_is_being_deleted(replacing: tuple[ChangeSet, CACertificate]) -> None:
    change_set, old = replacing
    new = CACertificate.objects.get(name="line-a-ca")
    CACertificate.objects.filter(pk=new.pk).update(
        synced_generation=new.generation, generation=new.generation + 1, deleted_at=timezone.now()
    )
    run_change_set(change_set.pk)
    old.refresh_from_db()
    assert old.deleted_at is None
    assert state_of(change_set) == State.PARKED


def test_deletions_wait_for_a_later_edit_of_the_successor(replacing: tuple[ChangeSet, CACertificate]) -> None:
    change_set, old = replacing
    new = CACertificate.objects.get(name="line-a-ca")
    change_set.changes.filter(operation="create").update(confirmed_at=timezone.now())
    CACertificate.objects.filter(pk=new.pk).update(generation=new.generation + 1, edited_generation=new.generation + 1)
    run_change_set(change_set.pk)
    old.refresh_from_db()
    assert old.deleted_at is None
    confirm_in_azure(CACertificate)
    run_change_set(change_set.pk)
    old.refresh_from_db()
    assert old.deleted_at is not None


def test_an_approval_that_was_void_when_it_was_applied_stays_void(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    other = make_client(plant.namespace, "press-9", team=make_team("Line C"))
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.OPEN
    Client.objects.filter(pk=other.pk).delete()
    assert not approval_state(change_set).is_enough
    assert approve_now(plant.olga, change_set).state == State.APPROVED


# Emergency


def in_emergency(plant: Plant) -> ChangeSet:
    draft = requests.keep_draft(plant.olga, plant.held(plant.olga, team=None))
    return emergency.apply_at_once(plant.olga, change_set=draft, reason="The line stands still.", is_proven=True)


def force(actor: User, change_set: ChangeSet) -> ChangeSet:
    change_set.refresh_from_db()
    shown = approval_state(change_set).shown
    return emergency.apply_at_once(actor, change_set=change_set, reason="It stands.", is_proven=True, shown=shown)


def test_a_request_that_was_edited_after_it_was_shown_is_not_forced(plant: Plant) -> None:
    made = plant.request()
    shown = approval_state(made).shown
    draft = requests.keep_draft(plant.dana, plant.held(name="other-ca"))
    requests.add_to(plant.dana, draft=draft, change_set=made)
    values = {"change_set": made, "reason": "It stands.", "is_proven": True}
    assert refused(emergency.apply_at_once, plant.olga, shown=shown, **values).code == "changed-meanwhile"
    assert force(plant.olga, made).state == State.APPROVED


def test_an_emergency_that_no_longer_applied_is_an_ordinary_request_when_it_is_rebased(plant: Plant) -> None:
    made = in_emergency(plant)
    blocker = make_ca_certificate(plant.namespace, "line-a-ca", team=plant.line_b)
    run_change_set(made.pk)
    assert state_of(made) == State.STALE
    CACertificate.objects.filter(pk=blocker.pk).delete()
    requests.rebase(plant.olga, change_set=made)
    approve_now(plant.lee, made)
    Membership.objects.filter(user=plant.lee).update(is_lead=False)  # the right is lost before it is applied
    run_change_set(made.pk)
    assert state_of(made) == State.OPEN
    assert not CACertificate.objects.exists()
    assert not ChangeSet.objects.unconfirmed_emergencies().exists()


def test_an_emergency_that_was_never_written_needs_no_confirmation(plant: Plant) -> None:
    made = in_emergency(plant)
    make_ca_certificate(plant.namespace, "line-a-ca", team=plant.line_b)
    run_change_set(made.pk)
    requests.withdraw(plant.olga, change_set=made)
    assert state_of(made) == State.WITHDRAWN
    assert not ChangeSet.objects.unconfirmed_emergencies().exists()


def test_a_former_colleague_of_the_requester_never_confirms_an_emergency(plant: Plant) -> None:
    made = plant.request()
    Membership.objects.filter(user=plant.rita).delete()
    force(plant.olga, made)
    assert refused(emergency.confirm, plant.rita, change_set=made).code == "own"


def test_a_new_colleague_of_the_owner_who_forced_it_never_confirms_it(plant: Plant) -> None:
    made = plant.request()
    force(plant.olga, made)
    other = make_user("otto")
    plant.namespace.roles.create(user=other, role=Role.OWNER)
    make_team("Line C", plant.olga, other)
    assert refused(emergency.confirm, other, change_set=made).code == "own"


# Owner and lead by other ways


@pytest.fixture
def admin() -> User:
    return make_user("admin", is_superuser=True)


def accept(secret_hash: str) -> User:
    return accept_invitation(
        secret_hash,
        username="new",
        password="a long enough pass phrase",
        first_name="New",
        last_name="Person",
        now=timezone.now(),
    )


def test_an_invitation_makes_no_lead_that_needs_approval(plant: Plant, admin: User) -> None:
    with pytest.raises(RefusedError) as refusal:
        invite(admin, email="new@example.com", teams=[plant.line_b], leads=True)
    assert refusal.value.code == "needs-approval"
    ControlPolicy.objects.update(enabled=False)
    link, _ = invite(admin, email="new@example.com", teams=[plant.line_b], leads=True)
    ControlPolicy.objects.update(enabled=True)
    person = accept(AccessLink.objects.get(pk=link.pk).secret_hash)
    assert not Membership.objects.get(user=person, team=plant.line_b).is_lead


def test_an_invitation_makes_a_lead_where_none_needs_approval(plant: Plant, admin: User) -> None:
    link, _ = invite(admin, email="new@example.com", teams=[make_team("Office")], leads=True)
    person = accept(AccessLink.objects.get(pk=link.pk).secret_hash)
    assert Membership.objects.get(user=person).is_lead


def test_joining_a_team_that_owns_the_namespace_needs_the_role_first(plant: Plant) -> None:
    NamespaceRole.objects.create(namespace=plant.namespace, team=plant.line_b, role=Role.OWNER)
    friend = make_user("friend")
    with pytest.raises(RefusedError) as refusal:
        add_member(plant.lee, team=plant.line_b, person=friend)
    assert refusal.value.code == "needs-approval"
    NamespaceRole.objects.create(namespace=plant.namespace, user=friend, role=Role.OWNER)
    assert add_member(plant.lee, team=plant.line_b, person=friend).pk


def test_an_invitation_into_a_team_that_owns_the_namespace_gives_no_membership(plant: Plant) -> None:
    link, _ = invite(plant.lee, email="new@example.com", teams=[plant.line_b])
    NamespaceRole.objects.create(namespace=plant.namespace, team=plant.line_b, role=Role.OWNER)
    person = accept(AccessLink.objects.get(pk=link.pk).secret_hash)
    assert not Membership.objects.filter(user=person).exists()


def test_a_lead_who_was_none_for_a_while_has_a_new_right(plant: Plant, admin: User) -> None:
    change_set = plant.request()
    set_lead(admin, team=plant.line_b, person=plant.lee, is_lead=False)
    ControlPolicy.objects.update(needs=["ca_upload"])
    set_lead(admin, team=plant.line_b, person=plant.lee, is_lead=True)
    assert refused(approve_now, plant.lee, change_set).code == "too-new"


@pytest.mark.parametrize("through_team", [False, True])
def test_nobody_approves_a_role_of_their_own(plant: Plant, through_team: bool) -> None:
    ControlPolicy.objects.update(by_team=plant.line_b)
    holder = {"team": plant.line_b} if through_team else {"user": plant.lee}
    change_set = plant.request(
        plant.olga, held(grant_role, plant.olga, namespace=plant.namespace, role=Role.OWNER, **holder)
    )
    assert refused(approve_now, plant.lee, change_set).code == "own"
    assert approve_now(plant.rita, change_set).state == State.APPROVED


def test_a_long_name_hides_no_user_name(plant: Plant) -> None:
    User.objects.filter(pk=plant.dana.pk).update(first_name="Maria (maria)".ljust(140), last_name="x" * 20)
    plant.dana.refresh_from_db()
    found = held(grant_role, plant.olga, namespace=plant.namespace, role=Role.OWNER, user=plant.dana)
    assert found.drafts[0].name == "dana: Owner"


# Unreadable certificates, undo


def test_deleting_a_certificate_that_cannot_be_read_needs_approval(plant: Plant) -> None:
    row = make_ca_certificate(plant.namespace, "odd-ca", team=plant.line_a)
    CACertificate.objects.filter(pk=row.pk).update(der=b"", thumbprint="")
    row.refresh_from_db()
    assert held(delete_ca_certificate, plant.dana, certificate=row).needs == ("ca_delete",)


def test_undoing_a_role_gives_the_former_one_back(plant: Plant) -> None:
    found = held(grant_role, plant.olga, namespace=plant.namespace, role=Role.OWNER, user=plant.dana)
    change_set = plant.request(plant.olga, found)
    approve_now(plant.rita, change_set)
    run_change_set(change_set.pk)
    undo = inverses.build_inverse(plant.olga, change_set=change_set)
    requests.request_approval(plant.olga, change_set=undo, title="Undo", reason="A mistake")
    run_change_set(undo.pk)
    assert [each.role for each in NamespaceRole.objects.filter(user=plant.dana)] == [Role.CONTRIBUTOR]


def test_an_owner_undoes_the_deletion_of_another_teams_client(plant: Plant) -> None:
    ControlPolicy.objects.update(needs=[*plant.policy.needs, "client_delete"])
    client = Client.objects.get(name="press-1")
    change_set = plant.request(plant.olga, held(delete_client, plant.olga, client=client))
    approve_now(plant.lee, change_set)
    run_change_set(change_set.pk)
    confirm_in_azure(Client)
    undo: Any = inverses.build_inverse(plant.olga, change_set=change_set)
    requests.request_approval(plant.olga, change_set=undo, title="Undo", reason="A mistake")
    run_change_set(undo.pk)
    assert Client.objects.get(name="press-1").team == plant.line_b


def test_drafts_that_are_never_requested_do_not_pile_up(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST_DRAFTS", 3)
    drafts = [requests.keep_draft(plant.dana, plant.held(name=f"ca-{number}")) for number in range(5)]
    kept = ChangeSet.objects.filter(state=State.DRAFT).values_list("pk", flat=True)
    assert set(kept) == {each.pk for each in drafts[2:]}


def test_a_large_request_is_tried_once_an_hour(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "LARGE", 0)
    change_set = plant.request()
    make_ca_certificate(plant.namespace, "line-a-ca", team=plant.line_b)
    start = timezone.now()
    minutes = [start + timedelta(minutes=minute) for minute in range(60)]
    assert [requests.note_those_that_no_longer_apply(at) for at in minutes].count(1) == 1
    assert state_of(change_set) == State.STALE
    assert requests.note_those_that_no_longer_apply(start) == 0


def test_a_large_request_that_applies_is_tried_again_in_the_next_hour(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "LARGE", 0)
    change_set = plant.request()
    start = timezone.now()
    for minute in range(60):
        requests.note_those_that_no_longer_apply(start + timedelta(minutes=minute))
    make_ca_certificate(plant.namespace, "line-a-ca", team=plant.line_b)
    for minute in range(60, 120):
        requests.note_those_that_no_longer_apply(start + timedelta(minutes=minute))
    assert state_of(change_set) == State.STALE


def test_a_policy_that_no_one_could_loosen_again_is_refused(plant: Plant) -> None:
    policy = replace(plant.policy.rules, by_owners=False)
    assert refused(set_policy, plant.olga, namespace=plant.namespace, policy=policy).code == "leads-only"
    assert set_policy(plant.olga, namespace=plant.namespace, policy=replace(policy, by_owners=True)).pk
