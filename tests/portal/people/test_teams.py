"""Teams: administrators make them, leads manage the members of their own and nothing else."""

from typing import Any

import pytest
from django.urls import reverse

from namespaces.models import NamespaceRole
from portal.models import Activity, Membership, Team
from portal.single_sign_on.configuration import SingleSignOn
from tests.portal.people.arranging import browser_of, code_of, lead_of, post
from tests.support.database.factories import make_admin, make_client, make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db


def test_a_team_is_created_renamed_and_deleted() -> None:
    admin = make_admin()
    post(admin, "team_create", name="  Line   A ")
    team = Team.objects.get()
    assert team.name == "Line A"
    post(admin, "team_rename", team.pk, name="Line B")
    entry = Activity.objects.get(verb="Rename team")
    assert (entry.before, entry.after) == ({"name": "Line A"}, {"name": "Line B"})
    post(admin, "team_delete", team.pk)
    assert not Team.objects.exists()


@pytest.mark.parametrize(
    ("name", "code"), [("line a", "taken"), ("   ", "required"), ("", "required"), ("x" * 81, "max_length")]
)
def test_a_bad_name_is_refused(name: str, code: str) -> None:
    admin = make_admin()
    make_team("Line A")
    page = post(admin, "team_create", name=name)
    assert (page.status_code, code_of(page)) == (422, code)
    assert Team.objects.count() == 1


def test_a_team_that_owns_something_or_has_a_role_is_kept() -> None:
    admin, team, namespace = make_admin(), make_team("Line A"), make_namespace()
    client = make_client(namespace, team=team)
    page = post(admin, "team_delete", team.pk)
    assert (page.status_code, code_of(page)) == (422, "in-use")
    client.delete()
    role = NamespaceRole.objects.create(namespace=namespace, team=team, role="reader")
    assert code_of(post(admin, "team_delete", team.pk)) == "in-use"
    assert code_of(browser_of(admin).get(reverse("portal:team_delete", args=[team.pk]))) == "in-use"
    role.delete()
    post(admin, "team_delete", team.pk)
    assert not Team.objects.exists()


def test_a_lead_adds_and_removes_members_of_the_own_team() -> None:
    team, other = make_team("Line A"), make_team("Line B")
    lead, ada = lead_of(team), make_user("ada", first_name="Ada")
    post(lead, "team_member_add", team.pk, who="ada")
    assert Membership.objects.filter(team=team, user=ada, is_lead=False).exists()
    entry = Activity.objects.get(verb="Add team member")
    assert (entry.before, entry.after, entry.object_name) == ({"member": False}, {"member": True}, "ada in Line A")
    post(lead, "team_member_remove", team.pk, ada.pk)
    assert not Membership.objects.filter(user=ada).exists()
    assert post(lead, "team_member_add", other.pk, who="ada").status_code == 403
    assert post(lead, "team_member_lead", team.pk, lead.pk, lead="0").status_code == 403
    assert post(lead, "team_rename", team.pk, name="Mine").status_code == 403
    assert post(lead, "team_delete", team.pk).status_code == 403


def test_a_lead_reaches_the_team_from_the_menu() -> None:
    team = make_team("Line A")
    make_team("Line B")
    lead = lead_of(team)
    home = browser_of(lead).get(reverse("namespaces:namespace_list")).content.decode()
    assert reverse("portal:team_list") in home
    assert reverse("portal:person_list") not in home
    page = browser_of(lead).get(reverse("portal:team_list")).content.decode()
    assert f'data-team="{team.pk}"' in page
    assert "Line B" not in page
    stranger = browser_of(make_user("stranger")).get(reverse("namespaces:namespace_list")).content.decode()
    assert reverse("portal:team_list") not in stranger


def test_only_administrators_remove_a_lead() -> None:
    admin, team = make_admin(), make_team("Line A")
    lead, second = lead_of(team), lead_of(team, "second")
    page = post(lead, "team_member_remove", team.pk, second.pk)
    assert (page.status_code, code_of(page)) == (422, "lead")
    post(admin, "team_member_lead", team.pk, second.pk, lead="0")
    post(lead, "team_member_remove", team.pk, second.pk)
    assert not Membership.objects.filter(user=second).exists()


def test_a_membership_by_single_sign_on_is_not_edited_here(settings: Any) -> None:
    settings.SINGLE_SIGN_ON = SingleSignOn(issuer="https://login.contoso.example", client_id="portal")
    admin, team, ada = make_admin(), make_team("Line A"), make_user("ada")
    Membership.objects.create(team=team, user=ada, by_sso=True)
    assert code_of(post(admin, "team_member_remove", team.pk, ada.pk)) == "by-sso"
    post(admin, "team_member_lead", team.pk, ada.pk, lead="1")
    held = Membership.objects.get()
    assert not held.is_lead
    url = reverse("portal:team_detail", args=[team.pk])
    page, remove = (
        browser_of(admin).get(url).content.decode(),
        reverse("portal:team_member_remove", args=[team.pk, ada.pk]),
    )
    assert "SSO" in page
    assert remove not in page
    settings.SINGLE_SIGN_ON = None  # no provider manages it any more
    assert remove in browser_of(admin).get(url).content.decode()
    post(admin, "team_member_remove", team.pk, ada.pk)
    assert not Membership.objects.exists()


@pytest.mark.parametrize(
    ("who", "code"),
    [("", "ambiguous"), ("nobody", "unknown"), ("tom", "unknown"), ("lead", "unknown"), ("a", "ambiguous")],
)
def test_a_member_must_be_one_active_person_outside_the_team(who: str, code: str) -> None:
    team = make_team("Line A")
    lead = lead_of(team)
    make_user("tom", is_active=False)
    make_user("ada")
    make_user("anna")
    page = post(lead, "team_member_add", team.pk, who=who)
    assert (page.status_code, code_of(page)) == (422, code)
    assert Membership.objects.count() == 1


def test_a_choice_that_does_not_belong_to_the_name_is_refused() -> None:
    team = make_team("Line A")
    lead, ada = lead_of(team), make_user("ada")
    make_user("bert")
    page = post(lead, "team_member_add", team.pk, who="bert", person=str(ada.pk))
    assert (page.status_code, code_of(page)) == (422, "ambiguous")
