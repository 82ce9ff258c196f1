"""What administrators do with accounts, and what ends when one is disabled."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from certificates.actions.calendar_feeds import create_calendar_feed
from certificates.models import ExpiryFeed
from namespaces.models import NamespaceRole
from portal.models import AccessLink, Activity, User
from portal.people import accounts, invitations, teams
from portal.people.authority import RefusedError
from portal.sign_in import known_devices
from tests.portal.people.arranging import GOOD_PASSWORD, browser_of, code_of, invited, lead_of, link_in, opened, post
from tests.support.database.factories import PASSWORD, make_admin, make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db


def test_a_created_account_works_with_the_password_that_is_shown_once() -> None:
    admin, team = make_admin(), make_team("Line A")
    page = post(admin, "person_create", username="jonas", first_name="Jonas", email="J@x.example", teams=[team.pk])
    password = re.search(r"data-password>([^<]+)<", page.content.decode())
    assert password
    assert "no-store" in page.headers["Cache-Control"]
    assert Browser().login(username="jonas", password=password[1])
    jonas = User.objects.get(username="jonas")
    assert jonas.email == "j@x.example"
    assert list(jonas.teams.all()) == [team]
    entry = Activity.objects.get(verb="Create person")
    assert entry.after["teams"] == ["Line A"]
    assert password[1] not in str(list(Activity.objects.values()))


@pytest.mark.parametrize(("name", "code"), [("ADMIN", "taken"), ("two words", "invalid"), ("", "required")])
def test_a_user_name_that_is_taken_or_invalid_is_refused(name: str, code: str) -> None:
    page = post(make_admin(), "person_create", username=name)
    assert (page.status_code, code_of(page)) == (422, code)
    assert User.objects.count() == 1


def test_name_and_address_are_edited_with_before_and_after() -> None:
    admin, ada = make_admin(), make_user("ada", email="old@x.example")
    EmailAddress.objects.create(user=ada, email="old@x.example", primary=True, verified=True)
    post(admin, "person_update", ada.pk, first_name="Ada", last_name="King", email="new@x.example")
    ada.refresh_from_db()
    assert (ada.display_name, ada.email) == ("Ada King", "new@x.example")
    assert list(EmailAddress.objects.values_list("email", "verified")) == [("new@x.example", False)]
    entry = Activity.objects.get(verb="Update person")
    assert entry.before == {"first_name": "", "last_name": "", "email": "old@x.example"}
    assert entry.after == {"first_name": "Ada", "last_name": "King", "email": "new@x.example"}


def test_disabling_ends_everything_that_acts_in_the_name() -> None:
    admin, namespace = make_admin(), make_namespace()
    other = make_admin("second")
    browser = Browser()
    browser.post(reverse("portal:sign_in"), {"username": "second", "password": PASSWORD})
    create_calendar_feed(other, namespace=namespace)
    invitation = invited(other)
    password_link = link_in(post(admin, "person_password_link", other.pk))
    NamespaceRole.objects.create(namespace=namespace, user=other, role="owner")
    known = {key: morsel.value for key, morsel in browser.cookies.items()}
    assert browser.get(reverse("portal:account")).status_code == 200

    post(admin, "person_disable", other.pk)

    assert browser.get(reverse("portal:account")).status_code == 302
    assert not ExpiryFeed.objects.exists()
    assert not AccessLink.objects.filter(revoked_at=None).exists()
    assert not Browser().login(username="second", password=PASSWORD)
    entry = Activity.objects.get(verb="Disable person")
    assert entry.before == {"active": True}
    ended = {"links": 2, "calendar_addresses": 1, "browser_devices": 0, "shared_attempts": 0}
    assert entry.after == {"active": False, "ended": ended}

    post(admin, "person_enable", other.pk)

    assert opened(invitation)[1].status_code == opened(password_link)[1].status_code == 410
    assert NamespaceRole.objects.filter(user=other).exists()
    assert Browser().login(username="second", password=PASSWORD)
    request = Browser(headers={}).get(reverse("portal:sign_in")).wsgi_request
    request.COOKIES = known
    assert known_devices.device_of(request, "second") == ""


def test_a_device_is_known_again_after_the_next_sign_in() -> None:
    admin, ada = make_admin(), make_user("ada")
    accounts.disable_person(admin, person=ada)
    accounts.enable_person(admin, person=ada)
    User.objects.filter(pk=ada.pk).update(disabled_at="2026-01-01T00:00:00Z")
    browser = Browser()
    browser.post(reverse("portal:sign_in"), {"username": "ada", "password": PASSWORD})
    request = browser.get(reverse("portal:account")).wsgi_request
    assert known_devices.device_of(request, "ada")


def test_the_last_active_administrator_and_oneself_are_kept() -> None:
    admin = make_admin()
    make_user("disabled", is_superuser=True, is_active=False)
    for page in ("person_disable", "person_demote"):
        answer = post(admin, page, admin.pk)
        assert (answer.status_code, code_of(answer, "your")) == (422, "yourself")
    admin.refresh_from_db()
    assert admin.is_active
    assert admin.is_superuser


def test_administrators_are_made_and_unmade() -> None:
    admin, ada = make_admin(), make_user("ada")
    post(admin, "person_promote", ada.pk)
    ada.refresh_from_db()
    assert ada.is_superuser
    post(admin, "person_demote", ada.pk)
    ada.refresh_from_db()
    assert not ada.is_superuser
    entry = Activity.objects.get(verb="Remove administrator")
    assert (entry.before, entry.after) == ({"administrator": True}, {"administrator": False})


def test_a_password_link_is_chosen_once_and_ends_the_sessions() -> None:
    admin, ada = make_admin(), make_user("ada")
    session = browser_of(ada)
    former = link_in(post(admin, "person_password_link", ada.pk))
    path = link_in(post(admin, "person_password_link", ada.pk))
    assert opened(former)[1].status_code == 410
    assert session.get(reverse("portal:account")).status_code == 200
    browser, _ = opened(path)
    form = {"password1": GOOD_PASSWORD, "password2": GOOD_PASSWORD}
    assert browser.post(reverse("portal:link_open"), form).headers["Location"] == reverse("portal:sign_in")
    assert session.get(reverse("portal:account")).status_code == 302
    assert Browser().login(username="ada", password=GOOD_PASSWORD)
    assert opened(path)[1].status_code == 410
    assert "_auth_user_id" not in browser.session


def test_a_password_like_the_user_name_is_refused() -> None:
    admin, ada = make_admin(), make_user("ada-of-line-seven")
    browser, _ = opened(link_in(post(admin, "person_password_link", ada.pk)))
    page = browser.post(
        reverse("portal:link_open"), {"password1": "ada-of-line-seven", "password2": "ada-of-line-seven"}
    )
    assert (page.status_code, code_of(page)) == (422, "password_too_similar")
    assert Browser().login(username="ada-of-line-seven", password=PASSWORD)


def test_the_second_step_is_reset() -> None:
    admin, ada = make_admin(), make_user("ada")
    Authenticator.objects.create(user=ada, type=Authenticator.Type.TOTP, data={"secret": "x"})
    post(admin, "person_reset_second_step", ada.pk)
    assert not Authenticator.objects.exists()
    assert Activity.objects.get(verb="Reset two-step sign-in").before == {"two_step": True}


def test_a_role_is_given_from_the_page_of_a_person() -> None:
    admin, ada, namespace = make_admin(), make_user("ada"), make_namespace()
    post(admin, "person_give_role", ada.pk, role=f"{namespace.pk}-certificate_uploader")
    assert NamespaceRole.objects.get(user=ada).role == "certificate_uploader"
    page = post(admin, "person_give_role", ada.pk, role="1-emperor")
    assert (page.status_code, code_of(page)) == (422, "invalid_choice")


def test_every_action_reads_its_actor_again() -> None:
    """Disabling takes effect at the commit: who read the page before is refused inside the transaction."""
    make_admin("other")
    actor, ada, team = make_admin(), make_user("ada"), make_team("Line A")
    lead = lead_of(team)
    link, _ = invitations.invite(actor, email="new@integrator.example", teams=[team])
    User.objects.filter(pk__in=[actor.pk, lead.pk]).update(is_active=False)  # not known to the objects of the actors
    before = Activity.objects.count()
    for act in (
        lambda: accounts.create_person(actor, username="new"),
        lambda: accounts.update_person(actor, person=ada, first_name="A", last_name="", email=""),
        lambda: accounts.set_administrator(actor, person=ada, is_administrator=True),
        lambda: accounts.disable_person(actor, person=ada),
        lambda: accounts.enable_person(actor, person=ada),
        lambda: accounts.sign_out_person(actor, person=ada),
        lambda: accounts.reset_second_step(actor, person=ada),
        lambda: accounts.make_password_link(actor, person=ada),
        lambda: accounts.give_role(actor, person=ada, key="1-reader"),
        lambda: invitations.invite(actor, email="second@integrator.example"),
        lambda: invitations.invite(lead, email="third@integrator.example", teams=[team]),
        lambda: invitations.renew_invitation(actor, link=link),
        lambda: invitations.revoke_invitation(lead, link=link),
        lambda: teams.create_team(actor, name="New"),
        lambda: teams.rename_team(actor, team=team, name="New"),
        lambda: teams.delete_team(actor, team=team),
        lambda: teams.add_member(lead, team=team, person=ada),
        lambda: teams.remove_member(lead, team=team, person=lead),
        lambda: teams.set_lead(actor, team=team, person=lead, is_lead=False),
    ):
        with pytest.raises(RefusedError) as refusal:
            act()
        assert refusal.value.code == "no-longer-allowed"
    assert Activity.objects.count() == before


def test_the_list_is_searched_filtered_and_exported(settings: Any) -> None:
    settings.SIGN_IN_FAILURES_PER_ACCOUNT = 2
    admin, team = make_admin(), make_team("Line A")
    dana = make_user("dana", first_name="Dana", last_name="Line", email="dana@contoso.example")
    team.members.add(dana)
    make_user("sam", first_name="Sam")
    make_user("tom", first_name="Tom", is_active=False)
    for _ in range(2):
        Browser().post(reverse("portal:sign_in"), {"username": "sam", "password": "wrong"})
    invited(admin)
    browser, url = browser_of(admin), reverse("portal:person_list")

    def names(**query: str) -> set[str]:
        return set(re.findall(r'class="name"[^>]*>([^<]+)<', browser.get(url, query).content.decode()))

    everybody = {"admin", "Dana Line", "Sam", "Tom", "new@integrator.example"}
    assert names() == everybody
    assert names(q="line dana") == {"Dana Line"}
    assert names(q="INTEGRATOR") == {"new@integrator.example"}
    assert names(team="Line A") == {"Dana Line"}
    assert names(role="administrator") == {"admin"}
    assert names(role="nonsense") == set()
    assert names(state="active") == {"admin", "Dana Line"}
    assert names(state="locked") == {"Sam"}
    assert names(state="disabled") == {"Tom"}
    assert names(state="invited") == {"new@integrator.example"}
    for sort in ("name", "-name", "signed_in", "-signed_in", "nonsense"):
        assert names(sort=sort) == everybody
    csv = b"".join(browser.get(reverse("portal:person_csv"), {"state": "locked"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert '"Sam","sam"' in csv
    assert "Dana" not in csv


def test_the_list_is_filtered_by_role() -> None:
    admin, namespace, team = make_admin(), make_namespace(), make_team("Line A")
    NamespaceRole.objects.create(namespace=namespace, user=make_user("direct"), role="reader")
    NamespaceRole.objects.create(namespace=namespace, team=team, role="reader")
    team.members.add(make_user("by-team"))
    NamespaceRole.objects.create(namespace=namespace, user=make_user("strong"), role="owner")
    invited(admin, role=f"{namespace.pk}-reader")
    invited(admin, email="chief@integrator.example", makes_administrator="on")
    url = reverse("portal:person_csv")

    def listed(role: str) -> set[str]:
        answer: Any = browser_of(admin).get(url, {"role": role})
        lines = b"".join(answer.streaming_content).decode().splitlines()[1:]
        return {line.split(",")[0].strip('"') for line in lines}

    assert listed("reader") == {"direct", "by-team", "new@integrator.example"}
    assert listed("owner") == {"strong"}
    assert listed("administrator") == {"admin", "chief@integrator.example"}


def test_the_list_asks_the_database_as_often_for_many_people() -> None:
    admin, team, namespace = make_admin(), make_team("Line A"), make_namespace()
    NamespaceRole.objects.create(namespace=namespace, team=team, role="reader")

    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            browser.get(reverse("portal:person_list"))
        return len(queries)

    browser = browser_of(admin)
    team.members.add(make_user("first"))
    few = asked()
    team.members.add(*[make_user(f"person-{number}") for number in range(20)])
    assert asked() == few
