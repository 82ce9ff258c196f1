"""Signing in at a real identity provider: accounts, teams, sessions and records."""

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import NoReverseMatch, reverse

from portal.demo.identity_provider.people import ADMINISTRATORS, LINE_A, LINE_B
from portal.models import Activity, Membership, Team, User
from portal.models.outbox import OutgoingMail
from portal.sign_in.mail import write_reset_links
from portal.single_sign_on.mapping import Grant
from tests.portal.single_sign_on.signing import bring, reason_of, sign_in, start
from tests.support.database.factories import PASSWORD, make_user
from tests.support.servers.identity_provider import MAPPING, IdentityProvider

ANN, BEN, EVE = (f"{name}@contoso.example" for name in ("ann", "ben", "eve"))


def teams_of(username: str) -> set[str]:
    return set(Team.objects.filter(members__username=username).values_list("name", flat=True))


def test_a_new_user_gets_an_account_and_the_teams_of_their_groups(provider: IdentityProvider) -> None:
    browser = Browser()
    answer = sign_in(provider, "ann", browser)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    user = User.objects.get()
    assert (user.username, user.display_name, user.email) == (ANN, "Ann Archer", ANN)
    assert not user.has_usable_password()
    assert [(each.team.name, each.by_sso) for each in Membership.objects.all()] == [("Line 1", True)]
    assert not user.is_superuser
    page = browser.get(reverse("portal:account")).content.decode()
    assert "data-identity-provider" in page
    assert 'data-code="password-elsewhere"' in page
    verbs = list(Activity.objects.order_by("pk").values_list("verb", "actor_name"))
    assert verbs == [
        ("Create account by single sign-on", "Portal"),
        ("Update by single sign-on", "Portal"),
        ("Sign in", "Ann Archer"),
    ]
    assert Activity.objects.get(verb="Sign in").after["through"] == "Contoso"


def test_teams_and_administration_follow_the_groups_at_each_sign_in(provider: IdentityProvider) -> None:
    provider.choose_groups("eve", LINE_A, ADMINISTRATORS)
    try:
        sign_in(provider, "eve")
        assert teams_of(EVE) == {"Line 1"}
        assert User.objects.get(username=EVE).is_superuser
        provider.choose_groups("eve", LINE_B)
        sign_in(provider, "eve")
        assert teams_of(EVE) == {"Line 2"}
        assert not User.objects.get(username=EVE).is_superuser
    finally:
        provider.choose_groups("eve")
    sign_in(provider, "eve")
    assert teams_of(EVE) == set()
    entries = list(Activity.objects.filter(verb="Update by single sign-on").order_by("pk"))
    assert [(entry.before, entry.after) for entry in entries[1:]] == [
        ({"teams": ["Line 1"], "administrator": True}, {"teams": ["Line 2"], "administrator": False}),
        ({"teams": ["Line 2"], "administrator": False}, {"teams": [], "administrator": False}),
    ]


def test_what_was_given_by_hand_stays(provider: IdentityProvider, settings: Any) -> None:
    sign_in(provider, "ben")
    ben = User.objects.get(username=BEN)
    Membership.objects.create(team=Team.objects.get(name="Line 3"), user=ben, is_lead=True)
    Membership.objects.create(team=Team.objects.get(name="Line 1"), user=ben)
    User.objects.update(is_superuser=True)
    both = {group: Grant(("Line 1", "Line 2"), administrator=True) for group in MAPPING}
    settings.SINGLE_SIGN_ON = provider.configuration(groups=both)
    sign_in(provider, "ben")
    settings.SINGLE_SIGN_ON = provider.configuration(groups={})
    sign_in(provider, "ben")
    ben.refresh_from_db()
    assert (ben.is_superuser, ben.administrator_by_sso) == (True, False)
    assert teams_of(BEN) == {"Line 1", "Line 3"}
    assert not Membership.objects.filter(by_sso=True).exists()
    assert Membership.objects.get(team__name="Line 3").is_lead


def test_a_team_that_does_not_exist_grants_nothing(provider: IdentityProvider) -> None:
    Team.objects.filter(name="Line 1").delete()
    assert sign_in(provider, "ann").status_code == 302
    assert teams_of(ANN) == set()
    assert not Team.objects.filter(name="Line 1").exists()


def test_groups_may_come_from_user_info(provider: IdentityProvider, settings: Any) -> None:
    settings.SINGLE_SIGN_ON = provider.configuration("by-userinfo", graph_url="")
    sign_in(provider, "ann")
    assert teams_of(ANN) == {"Line 1"}


def test_more_groups_than_fit_are_read_from_graph(provider: IdentityProvider) -> None:
    assert sign_in(provider, "olga").status_code == 302
    assert teams_of("olga@contoso.example") == {"Line 1"}


def test_names_of_groups_grant_nothing(provider: IdentityProvider, settings: Any) -> None:
    settings.SINGLE_SIGN_ON = provider.configuration(groups={LINE_A: Grant(("Line 1",), administrator=True)})
    sign_in(provider, "ann")
    assert teams_of(ANN) == set()
    assert not User.objects.get().is_superuser


# Accounts


def test_an_email_address_never_links_an_account(provider: IdentityProvider) -> None:
    ada = make_user("ada", email=ANN)
    ada.emailaddress_set.create(email=ANN, verified=True, primary=True)
    assert sign_in(provider, "ann").status_code == 302
    assert SocialAccount.objects.get().user.username == ANN
    assert User.objects.count() == 2


def test_a_name_that_is_taken_gets_a_page_and_an_administrator_may_link_it(provider: IdentityProvider) -> None:
    make_user(ANN.upper())
    answer = sign_in(provider, "ann")
    assert (answer.status_code, reason_of(answer)) == (409, "name_taken")
    assert not SocialAccount.objects.exists()
    assert not Membership.objects.exists()
    call_command("link_identity", ANN.upper(), f"--subject={answer.context['subject']}")
    assert sign_in(provider, "ann").status_code == 302
    assert SocialAccount.objects.get().user.username == ANN.upper()
    for username in (ANN.upper(), "nobody", make_user("ada").username):
        with pytest.raises(CommandError):
            call_command("link_identity", username, f"--subject={answer.context['subject']}")
    assert Activity.objects.filter(verb="Link to identity provider").count() == 1


def test_the_same_subject_of_another_issuer_is_another_account(provider: IdentityProvider) -> None:
    sign_in(provider, "ann")
    SocialAccount.objects.update(provider="https://another.example")
    answer = sign_in(provider, "ann")
    assert reason_of(answer) == "name_taken", "and not the account of the other issuer"


def test_a_disabled_user_cannot_sign_in_and_gains_nothing(provider: IdentityProvider) -> None:
    sign_in(provider, "eve")
    User.objects.update(is_active=False)
    provider.choose_groups("eve", LINE_A)
    try:
        answer = sign_in(provider, "eve")
    finally:
        provider.choose_groups("eve")
    assert (answer.status_code, reason_of(answer)) == (403, "disabled")
    assert teams_of(EVE) == set()


def test_disabling_ends_the_session_at_once(provider: IdentityProvider) -> None:
    browser = Browser()
    sign_in(provider, "ann", browser)
    assert browser.get(reverse("portal:account")).status_code == 200
    User.objects.update(is_active=False)
    assert browser.get(reverse("portal:account")).status_code == 302


def test_a_changed_name_is_recorded(provider: IdentityProvider) -> None:
    sign_in(provider, "ann")
    assert not Activity.objects.filter(verb="Update profile by single sign-on").exists()
    came_as = User.objects.get().first_name
    User.objects.update(first_name="Anna")
    sign_in(provider, "ann")
    entry = Activity.objects.get(verb="Update profile by single sign-on")
    assert (entry.before, entry.after) == ({"first_name": "Anna"}, {"first_name": came_as})


def test_no_token_and_no_group_is_stored(provider: IdentityProvider) -> None:
    SocialApp.objects.create(provider="openid_connect", provider_id="evil", name="Evil", client_id="portal")
    sign_in(provider, "ann")
    assert not SocialToken.objects.exists()
    assert set(SocialAccount.objects.get().extra_data) == {"preferred_username", "email", "name"}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("account_email", {"action_add": "", "email": "ann@elsewhere.example"}),
        ("mfa_index", None),
        ("mfa_activate_totp", {"code": "123456"}),
        ("account_reauthenticate", {"password": PASSWORD}),
        ("mfa_reauthenticate", {"code": "123456"}),
    ],
)
def test_what_the_provider_manages_is_not_changed_here(provider: IdentityProvider, name: str, form: Any) -> None:
    browser = Browser()
    sign_in(provider, "ann", browser)
    answers = [browser.get(reverse(name)), *([browser.post(reverse(name), form)] if form else [])]
    assert {answer.headers.get("Location") for answer in answers} == {reverse("portal:account")}
    assert reverse(name) not in browser.get(reverse("portal:account")).content.decode()


def test_nobody_sets_a_password_for_an_account_of_single_sign_on(provider: IdentityProvider) -> None:
    browser = Browser()
    sign_in(provider, "ann", browser)
    form = {"old_password": "", "new_password1": "k7fm-2xpq-9tvz", "new_password2": "k7fm-2xpq-9tvz"}
    assert browser.post(reverse("portal:password_change"), form).status_code == 422
    write_reset_links({"email": ANN, "base_url": "http://testserver/"})
    assert not OutgoingMail.objects.exists()
    assert not User.objects.get().has_usable_password()


# Sessions


def test_a_session_of_single_sign_on_works_without_local_accounts(provider: IdentityProvider, settings: Any) -> None:
    settings.LOCAL_ACCOUNTS = False
    browser = Browser()
    sign_in(provider, "ann", browser)
    assert browser.get(reverse("portal:account")).status_code == 200
    sessions = browser.get(reverse("portal:sessions"))
    assert len(sessions.context["sessions"]) == 1
    browser.post(reverse("portal:sign_out_everywhere"))
    assert browser.get(reverse("portal:account")).status_code == 302


def test_a_session_of_single_sign_on_ends_with_its_configuration(provider: IdentityProvider, settings: Any) -> None:
    browser = Browser()
    sign_in(provider, "ann", browser)
    settings.SINGLE_SIGN_ON = None
    assert browser.get(reverse("portal:account")).status_code == 302


def test_the_session_is_new_and_the_account_before_is_signed_out(provider: IdentityProvider) -> None:
    browser = Browser()
    browser.force_login(make_user("ada"))
    before = browser.cookies["sessionid"].value
    sign_in(provider, "ann", browser)
    assert browser.cookies["sessionid"].value != before
    assert browser.get(reverse("portal:account")).context["user"].username == ANN


def test_a_second_step_of_the_account_is_asked_for(provider: IdentityProvider, settings: Any) -> None:
    sign_in(provider, "ann")
    settings.LOCAL_ACCOUNTS = False
    TOTP.activate(User.objects.get(), "JBSWY3DPEHPK3PXP")
    browser = Browser()
    assert sign_in(provider, "ann", browser).headers["Location"] == reverse("mfa_authenticate")
    assert browser.get(reverse("portal:account")).status_code == 302
    wrong = browser.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example", "\t//evil.example"],
)
def test_a_redirect_after_single_sign_on_never_leaves_the_site(
    provider: IdentityProvider, settings: Any, elsewhere: str
) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "evil.example"]
    browser = Browser()
    assert sign_in(provider, "ann", browser, elsewhere).headers["Location"] == "/"
    location = provider.answer("ann", start(browser))
    assert bring(browser, f"{location}&next={elsewhere}").headers["Location"] == "/"


def test_a_redirect_leads_to_the_page_that_was_asked_for(provider: IdentityProvider) -> None:
    assert sign_in(provider, "ann", back="/account/sessions/").headers["Location"] == "/account/sessions/"


# The pages


def test_the_sign_in_page_offers_single_sign_on_above_the_form(provider: IdentityProvider, settings: Any) -> None:
    page = Browser().get(reverse("portal:sign_in"), {"next": "/account/"}).content.decode()
    assert page.index("Sign in with Contoso") < page.index('name="username"')
    assert "data-emergency" not in page
    settings.LOCAL_ACCOUNTS = False
    page = Browser().get(reverse("portal:sign_in")).content.decode()
    assert page.index("Sign in with Contoso") < page.index("data-emergency") < page.index('name="username"')
    make_user("emergency", break_glass=True)
    form = {"username": "emergency", "password": PASSWORD}
    assert Browser().post(reverse("portal:sign_in"), form).status_code == 302


@pytest.mark.django_db
def test_without_configuration_there_is_no_single_sign_on() -> None:
    browser = Browser()
    assert "data-single-sign-on" not in browser.get(reverse("portal:sign_in")).content.decode()
    assert browser.post(reverse("portal:sso_start")).status_code == 404
    assert browser.get(reverse("portal:sso_callback"), {"code": "a", "state": "b"}).status_code == 404


def test_the_start_is_a_page_with_a_link_and_the_policy_stays_as_it_is(provider: IdentityProvider) -> None:
    page = Browser().post(reverse("portal:sso_start"))
    assert page.headers["Refresh"] == f"0; url={page.context['url']}"
    assert "data-provider" in page.content.decode()
    directives = [each.strip() for each in page.headers["Content-Security-Policy"].split(";")]
    assert "form-action 'self'" in directives
    assert provider.url not in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert Browser().get(reverse("portal:sso_start")).status_code == 405, "a link elsewhere starts nothing"


@pytest.mark.django_db
def test_a_form_of_another_site_starts_nothing() -> None:
    assert Browser(enforce_csrf_checks=True).post(reverse("portal:sso_start")).status_code == 403


@pytest.mark.parametrize("name", ["socialaccount_connections", "socialaccount_signup", "openid_connect_login"])
def test_social_pages_of_allauth_do_not_exist(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(name)
