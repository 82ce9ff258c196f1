"""Invitations: what accepting one gives, and how each that must not work ends."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.models import NamespaceRole
from portal.models import AccessLink, Activity, Membership, User
from tests.portal.people.arranging import (
    GOOD_PASSWORD,
    accept,
    browser_of,
    code_of,
    invited,
    lead_of,
    link_in,
    only_link,
    opened,
    post,
)
from tests.support.database.factories import make_admin, make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db


def test_accepting_creates_the_account_with_its_teams_and_roles() -> None:
    admin, team, namespace = make_admin(), make_team("Retrofit"), make_namespace()
    path = invited(admin, first_name="Mika", last_name="Saari", teams=[team.pk], role=f"{namespace.pk}-reader")
    assert not User.objects.filter(email="new@integrator.example").exists()
    browser, answer = accept(path, username="mika", first_name="Mika", last_name="Saari")
    assert answer.status_code == 302
    mika = User.objects.get(username="mika")
    assert (mika.get_full_name(), mika.email, mika.is_superuser) == ("Mika Saari", "new@integrator.example", False)
    assert mika.check_password(GOOD_PASSWORD)
    assert Membership.objects.filter(user=mika, team=team, is_lead=False).exists()
    assert NamespaceRole.objects.filter(user=mika, namespace=namespace, role="reader").exists()
    assert browser.session["_auth_user_id"] == str(mika.pk)
    verbs = list(Activity.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == ["Invite person", "Grant role", "Accept invitation", "Sign in"]


def test_the_secret_is_long_and_only_its_hash_is_stored() -> None:
    secret = invited(make_admin()).split("/")[-2]
    assert len(secret) == 43  # 256 bits
    assert only_link().secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(list(Activity.objects.values()))


def test_the_page_with_the_secret_is_kept_nowhere() -> None:
    made = post(make_admin(), "invite", email="new@integrator.example")
    assert "no-store" in made.headers["Cache-Control"]
    opening = Browser().get(link_in(made))
    assert opening.headers["Location"] == reverse("portal:link_open")
    assert "no-store" in opening.headers["Cache-Control"]
    assert opening.headers["Referrer-Policy"] == "no-referrer"


def refused(browser: Browser, page: Any, code: str, status: int = 410) -> None:
    assert (page.status_code, code_of(page, "link-")) == (status, f"link-{code}")
    entry = Activity.objects.filter(verb="Refuse link").latest("pk")
    assert entry.after["reason"] == code
    assert entry.after["address"] == "127.0.0.1"


def test_a_used_link_does_not_work_again() -> None:
    path = invited(make_admin())
    accept(path)
    browser, page = opened(path)
    refused(browser, page, "used")
    assert User.objects.filter(username="other").count() == 0


def test_two_browsers_that_opened_the_same_link_make_one_account() -> None:
    path = invited(make_admin())
    first, _ = opened(path)
    second, _ = opened(path)
    form = {"password1": GOOD_PASSWORD, "password2": GOOD_PASSWORD}
    assert first.post(reverse("portal:link_open"), form | {"username": "one"}).status_code == 302
    page = second.post(reverse("portal:link_open"), form | {"username": "two"})
    refused(second, page, "used")
    assert not User.objects.filter(username="two").exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [({"expires_at": timezone.now() - timedelta(days=1)}, "expired"), ({"revoked_at": timezone.now()}, "revoked")],
)
def test_an_expired_or_withdrawn_link_is_refused_also_once_opened(change: dict[str, Any], code: str) -> None:
    path = invited(make_admin())
    browser, _ = opened(path)
    AccessLink.objects.update(**change)
    form = {"username": "late", "password1": GOOD_PASSWORD, "password2": GOOD_PASSWORD}
    refused(browser, browser.post(reverse("portal:link_open"), form), code)
    refused(*opened(path), code)
    assert not User.objects.filter(username="late").exists()


@pytest.mark.parametrize(
    "change", [lambda path: path[:-6] + "/", lambda path: path[:-5] + "AAAA/", lambda _: "/sign-in/link/x/"]
)
def test_a_link_that_was_changed_is_not_found(change: Any) -> None:
    path = invited(make_admin())
    refused(*opened(change(path)), "unknown", 404)


def test_the_page_without_a_link_is_not_found() -> None:
    assert Browser().get(reverse("portal:link_open")).status_code == 404


def test_refused_links_of_one_address_are_recorded_once_a_minute() -> None:
    for _ in range(5):
        opened("/sign-in/link/guess/")
    assert Activity.objects.filter(verb="Refuse link").count() == 1


def test_renewing_ends_the_former_link() -> None:
    admin = make_admin()
    former = invited(admin)
    AccessLink.objects.update(expires_at=timezone.now() - timedelta(days=1))
    renewed = link_in(post(admin, "invitation_renew", only_link().pk))
    refused(*opened(former), "unknown", 404)
    assert accept(renewed)[1].status_code == 302


def test_a_withdrawn_invitation_is_over() -> None:
    admin = make_admin()
    path = invited(admin)
    post(admin, "invitation_revoke", only_link().pk)
    refused(*opened(path), "revoked")
    assert Activity.objects.filter(verb="Revoke invitation").exists()


def test_a_sender_who_may_no_longer_invite_ends_the_invitation() -> None:
    make_admin()
    other = make_admin("second")
    path = invited(other)
    browser, _ = opened(path)
    User.objects.filter(pk=other.pk).update(is_superuser=False)
    form = {"username": "late", "password1": GOOD_PASSWORD, "password2": GOOD_PASSWORD}
    refused(browser, browser.post(reverse("portal:link_open"), form), "inviter")
    assert not User.objects.filter(username="late").exists()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"username": "ADMIN"}, "username"),
        ({"username": "not a name"}, "username"),
        ({"username": ""}, "username"),
        ({"password1": "short", "password2": "short"}, "password1"),
        ({"password1": "aaaaaaaaaaaa", "password2": "aaaaaaaaaaaa"}, "password1"),
        (
            {"username": "newcomer-of-line", "password1": "newcomer-of-line", "password2": "newcomer-of-line"},
            "password1",
        ),
        ({"password2": "another good password"}, "password2"),
    ],
)
def test_bad_values_are_refused_at_their_field(data: dict[str, str], field: str) -> None:
    path = invited(make_admin())
    _, page = accept(path, **data)
    assert page.status_code == 422
    assert f'id="id_{field}_error"' in page.content.decode()
    assert GOOD_PASSWORD not in page.content.decode()
    assert only_link().used_at is None
    assert User.objects.count() == 1


def test_who_is_signed_in_is_told_and_signed_out_on_accepting() -> None:
    admin = make_admin()
    path = invited(admin)
    browser, page = opened(path, browser_of(admin))
    assert code_of(page, "signed-in")
    browser.post(
        reverse("portal:link_open"),
        {"username": "newcomer", "password1": GOOD_PASSWORD, "password2": GOOD_PASSWORD},
    )
    assert browser.session["_auth_user_id"] == str(User.objects.get(username="newcomer").pk)


@pytest.mark.parametrize(
    ("data", "field", "code"),
    [
        ({"email": ""}, "email", "required"),
        ({"email": "no address"}, "email", "invalid"),
        ({"email": "Admin@portal.example"}, "email", "address-taken"),
        ({"role": "999-reader"}, "role", "invalid_choice"),
        ({"teams": ["999"]}, "teams", "invalid_choice"),
    ],
)
def test_an_invitation_with_bad_values_is_not_made(data: dict[str, Any], field: str, code: str) -> None:
    admin = make_admin()
    User.objects.update(email="admin@portal.example")
    page = post(admin, "invite", **({"email": "new@integrator.example"} | data))
    assert (page.status_code, code_of(page)) == (422, code)
    assert f'id="id_{field}_error"' in page.content.decode()
    assert not AccessLink.objects.exists()


def test_an_address_is_invited_once() -> None:
    admin = make_admin()
    invited(admin)
    page = post(admin, "invite", email="NEW@integrator.example")
    assert (page.status_code, code_of(page)) == (422, "already-invited")


def test_a_private_key_in_a_name_is_refused_and_not_shown() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----"
    page = post(make_admin(), "invite", email="new@integrator.example", last_name=key)
    assert (page.status_code, code_of(page)) == (422, "private-key")


def test_nobody_is_invited_while_passwords_are_turned_off(settings: Any) -> None:
    admin = make_admin()
    User.objects.update(break_glass=True)
    settings.LOCAL_ACCOUNTS = False
    page = post(admin, "invite", email="new@integrator.example")
    assert (page.status_code, code_of(page)) == (422, "local-accounts-off")


def test_a_lead_invites_into_the_own_team_and_gives_nothing_else() -> None:
    team, other, namespace = make_team("Line A"), make_team("Line B"), make_namespace()
    lead = lead_of(team)
    more = {"teams": [other.pk], "role": f"{namespace.pk}-owner", "makes_administrator": "on", "leads": "on"}
    page = post(lead, "team_invite", team.pk, email="new@integrator.example", **more)
    accept(link_in(page))
    newcomer = User.objects.get(username="newcomer")
    assert list(newcomer.memberships.values_list("team__name", "is_lead")) == [("Line A", False)]
    assert not newcomer.is_superuser
    assert not NamespaceRole.objects.filter(user=newcomer).exists()


def test_a_lead_who_no_longer_leads_ends_the_invitation() -> None:
    team = make_team("Line A")
    path = link_in(post(lead_of(team), "team_invite", team.pk, email="new@integrator.example"))
    Membership.objects.update(is_lead=False)
    refused(*opened(path), "inviter")


def test_a_lead_cannot_touch_an_invitation_that_gives_more() -> None:
    admin, team, namespace = make_admin(), make_team("Line A"), make_namespace()
    lead = lead_of(team)
    invited(admin, teams=[team.pk], role=f"{namespace.pk}-owner")
    for page in ("invitation_renew", "invitation_revoke"):
        assert post(lead, page, only_link().pk).status_code == 403
    assert only_link().revoked_at is None


def test_a_namespace_that_was_disconnected_costs_only_its_role() -> None:
    admin, namespace = make_admin(), make_namespace()
    path = invited(admin, role=f"{namespace.pk}-reader")
    namespace.delete()
    assert accept(path)[1].status_code == 302
    assert User.objects.filter(username="newcomer").exists()


def test_a_mail_goes_to_the_address_and_the_link_is_on_the_page_without_one(settings: Any) -> None:
    admin = make_admin()
    page = post(admin, "invite", email="one@integrator.example")
    assert link_in(page)
    assert code_of(page, "no-mail") == "no-mail"
    settings.MAIL_CONFIGURED = True
    page = post(admin, "invite", email="two@integrator.example")
    assert link_in(page)
    assert 'data-mail="handed-over"' in page.content.decode()


def test_the_list_shows_the_invitation_until_it_is_accepted() -> None:
    admin, team = make_admin(), make_team("Retrofit")
    path = invited(admin, teams=[team.pk])
    url = reverse("portal:person_list")
    assert 'data-state="invited"' in browser_of(admin).get(url).content.decode()
    accept(path)
    assert 'data-state="invited"' not in browser_of(admin).get(url).content.decode()


def test_others_do_not_learn_whether_an_invitation_exists() -> None:
    invited(make_admin())
    stranger = browser_of(make_user("stranger"))
    answers = {
        stranger.get(reverse("portal:invitation_detail", args=[pk])).status_code for pk in (only_link().pk, 9999)
    }
    assert answers == {403}
