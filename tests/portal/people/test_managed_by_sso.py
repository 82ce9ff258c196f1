"""What single sign-on manages is marked, and is not changed here while a provider is configured."""

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.urls import reverse

from portal.models import Activity, User
from portal.single_sign_on.configuration import SingleSignOn
from tests.portal.people.arranging import browser_of, code_of, post
from tests.support.database.factories import make_admin, make_user

pytestmark = pytest.mark.django_db
CONFIGURATION = SingleSignOn(issuer="https://login.contoso.example", client_id="portal", name="Contoso")
NEW_NAME = {"first_name": "Ann", "last_name": "Other", "email": "ann@elsewhere.example"}


@pytest.fixture
def admin(settings: Any) -> User:
    settings.SINGLE_SIGN_ON = CONFIGURATION
    return make_admin()


@pytest.fixture
def ann(admin: User) -> User:
    """An administrator by single sign-on."""
    user = make_user("ann", first_name="Ann", email="ann@contoso.example", is_superuser=True)
    user.set_unusable_password()
    user.administrator_by_sso = True
    user.save()
    SocialAccount.objects.create(user=user, provider=CONFIGURATION.issuer, uid="1")
    return user


def page_of(admin: User, person: User) -> str:
    return browser_of(admin).get(reverse("portal:person_detail", args=[person.pk])).content.decode()


def path(name: str, person: User) -> str:
    return reverse(f"portal:{name}", args=[person.pk])


def test_name_and_address_are_not_edited(admin: User, ann: User) -> None:
    page = page_of(admin, ann)
    assert 'data-code="by-sso"' in page
    assert path("person_update", ann) not in page
    form = browser_of(admin).get(path("person_update", ann))
    assert form.headers["Location"] == path("person_detail", ann)
    refused = post(admin, "person_update", ann.pk, **NEW_NAME)
    assert (refused.status_code, code_of(refused)) == (422, "by-sso")
    ann.refresh_from_db()
    assert (ann.first_name, ann.last_name, ann.email) == ("Ann", "", "ann@contoso.example")
    assert not Activity.objects.filter(verb="Update person").exists()


def test_an_administrator_is_not_changed(admin: User, ann: User) -> None:
    page = page_of(admin, ann)
    assert "Administrator <span" in page
    assert path("person_demote", ann) not in page
    asked = browser_of(admin).get(path("person_demote", ann)).content.decode()
    assert '<button class="button danger">' not in asked
    refused = post(admin, "person_demote", ann.pk)
    assert (refused.status_code, code_of(refused)) == (422, "by-sso")
    ann.refresh_from_db()
    assert ann.is_superuser


def test_no_password_is_set(admin: User, ann: User) -> None:
    assert path("person_password_link", ann) not in page_of(admin, ann)
    refused = post(admin, "person_password_link", ann.pk)
    assert (refused.status_code, code_of(refused)) == (422, "no-password")


def test_what_was_given_here_is_changed_here(admin: User, ann: User) -> None:
    User.objects.filter(pk=ann.pk).update(administrator_by_sso=False)
    assert path("person_demote", ann) in page_of(admin, ann)
    post(admin, "person_demote", ann.pk)
    ann.refresh_from_db()
    assert not ann.is_superuser


@pytest.mark.parametrize("configuration", [None, SingleSignOn(issuer="https://other.example", client_id="portal")])
def test_without_the_provider_everything_is_changed_here(
    admin: User, ann: User, settings: Any, configuration: SingleSignOn | None
) -> None:
    settings.SINGLE_SIGN_ON = configuration
    page = page_of(admin, ann)
    assert path("person_update", ann) in page
    assert 'data-code="by-sso"' not in page
    post(admin, "person_update", ann.pk, **NEW_NAME)
    post(admin, "person_password_link", ann.pk)
    post(admin, "person_demote", ann.pk)
    ann.refresh_from_db()
    assert (ann.last_name, ann.email) == ("Other", "ann@elsewhere.example")
    assert Activity.objects.filter(verb="Create password link").exists()
    assert ann.is_superuser is (configuration is not None)
