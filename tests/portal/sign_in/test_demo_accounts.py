"""Accounts to click on the sign-in page: only in a demo, only on this machine, never in production."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from portal.activity import SESSIONS
from portal.models import Activity, Team, User
from tests.support.database.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

HERE: dict[str, Any] = {"SERVER_NAME": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8000"}


@pytest.fixture
def dana(settings: Any, tmp_path: Path) -> User:
    """An account that the demo created, beside one that it did not."""
    settings.DEMO, settings.STATE_DIR = True, tmp_path
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "testserver", "portal.example.com"]
    users = [{"username": "dana", "role": "contributor"}]
    (tmp_path / "seed.json").write_text(json.dumps({"users": users}))
    (tmp_path / "passwords.json").write_text(json.dumps({"dana": PASSWORD}))
    make_user("other")
    person = make_user("dana")
    Team.objects.create(name="Line A").members.add(person)
    return person


def page(**meta: Any) -> Any:
    return Browser().get(reverse("portal:sign_in"), **{**HERE, **meta})


def click(account: str = "dana", *, browser: Browser | None = None, next_url: str = "", **meta: Any) -> Any:
    form = {"account": account, "next": next_url}
    return (browser or Browser()).post(reverse("portal:demo_sign_in"), form, **{**HERE, **meta})


def test_the_page_offers_the_accounts_of_the_demo_and_no_password(dana: User) -> None:
    answer = page()
    assert [(each.username, each.role, each.team) for each in answer.context["demo_accounts"]] == [
        ("dana", "Contributor", "Line A")
    ]
    assert PASSWORD.encode() not in answer.content


def test_a_click_signs_in_and_leads_to_the_page_that_was_asked_for(dana: User) -> None:
    browser = Browser()
    answer = click(browser=browser, next_url="/account/")
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert browser.session["_auth_user_id"] == str(dana.pk)
    assert [(each.verb, each.actor) for each in Activity.objects.filter(kind=SESSIONS)] == [("Sign in", dana)]


def test_no_click_leads_to_another_site(dana: User) -> None:
    assert click(next_url="https://evil.example/")["Location"] == "/"


@pytest.mark.parametrize(
    "meta",
    [
        {"SERVER_NAME": "0.0.0.0"},
        {"SERVER_NAME": "192.0.2.7"},
        {"SERVER_NAME": "/run/portal.sock"},
        {"REMOTE_ADDR": "192.0.2.1"},
        {"REMOTE_ADDR": ""},
        {"HTTP_HOST": "portal.example.com"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
    ],
)
def test_nothing_is_offered_beyond_this_machine(dana: User, meta: dict[str, str]) -> None:
    assert page(**meta).context["demo_accounts"] == []
    browser = Browser()
    assert click(browser=browser, **meta).status_code == 404
    assert "_auth_user_id" not in browser.session


def test_nothing_is_offered_through_a_trusted_proxy(dana: User, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert click(HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 404
    assert page(HTTP_X_FORWARDED_FOR="127.0.0.1").context["demo_accounts"] == []


@pytest.mark.parametrize("setting", [{"DEMO": False}, {"PRODUCTION": True}])
def test_nothing_is_offered_without_a_demo_and_in_production(
    dana: User, settings: Any, setting: dict[str, bool]
) -> None:
    for name, value in setting.items():
        setattr(settings, name, value)
    assert page().context["demo_accounts"] == []
    assert click().status_code == 404


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"PORTAL_DEMO": "true"}, True),
        ({"PORTAL_DEMO": "true", "PORTAL_PRODUCTION": "true"}, False),
        ({"PORTAL_DEMO": "true", "PORTAL_HTTPS": "true"}, False),
    ],
)
def test_production_cannot_be_set_up_as_a_demo(variables: dict[str, str], expected: bool) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    code = "from portal.settings import DEMO; print(DEMO)"
    shown = subprocess.run(
        [sys.executable, "-c", code], env=clean | variables, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == str(expected)


@pytest.mark.parametrize("account", ["other", "admin", "", "\x00"])
def test_only_accounts_that_the_demo_created_can_be_clicked(dana: User, account: str) -> None:
    assert click(account).status_code == 404


def test_a_changed_password_has_to_be_typed(dana: User) -> None:
    dana.set_password("another-pass-phrase-9")
    dana.save()
    browser = Browser()
    assert click(browser=browser).status_code == 422
    assert "_auth_user_id" not in browser.session


def test_a_disabled_account_is_neither_offered_nor_signed_in(dana: User) -> None:
    User.objects.filter(pk=dana.pk).update(is_active=False)
    assert page().context["demo_accounts"] == []
    browser = Browser()
    click(browser=browser)
    assert "_auth_user_id" not in browser.session


def test_a_click_needs_the_token_of_the_page(dana: User) -> None:
    assert click(browser=Browser(enforce_csrf_checks=True)).status_code == 403


def test_a_link_never_signs_in(dana: User) -> None:
    assert Browser().get(reverse("portal:demo_sign_in"), {"account": "dana"}, **HERE).status_code == 405
