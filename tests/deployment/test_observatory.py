"""Mozilla's HTTP Observatory would give the pages 125 points or more; the scoring itself sees what is missing."""

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client as Browser
from django.test import override_settings
from django.urls import reverse

from tests.deployment.observatory import Page, points_by_rule, score
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import PASSWORD, make_admin

pytestmark = pytest.mark.django_db

HOST = "portal.example"
# PORTAL_HTTPS=true and PORTAL_HSTS_SECONDS=31536000, as docs/production.md recommends once TLS has worked for a while.
HTTPS: dict[str, Any] = {
    "ALLOWED_HOSTS": [HOST],
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
}


def opened(browser: Browser, path: str) -> Page:
    answer = browser.get(path, secure=True, headers={"host": HOST})
    assert answer.status_code == 200
    plain = browser.get(path, headers={"host": HOST})
    headers = {name.lower(): value for name, value in answer.headers.items()}
    set_cookies = [morsel.OutputString() for morsel in answer.cookies.values()]
    return Page(
        f"https://{HOST}{path}", headers, set_cookies, answer.content.decode(), plain.headers.get("Location", "")
    )


@override_settings(**HTTPS)
def test_the_sign_in_page_has_125_points() -> None:
    page = opened(Browser(), reverse("portal:sign_in"))
    assert page.cookies
    assert score(page) >= 125, points_by_rule(page)


@override_settings(**HTTPS)
def test_a_signed_in_page_has_125_points() -> None:
    page = opened(signed_in(make_admin()), reverse("namespaces:namespace_list"))
    assert score(page) >= 125, points_by_rule(page)


@override_settings(**HTTPS)
def test_the_session_cookie_is_kept_from_scripts_and_other_sites() -> None:
    user, browser = make_admin(), Browser()
    form = {"username": user.username, "password": PASSWORD}
    answer = browser.post(reverse("portal:sign_in"), form, secure=True, headers={"host": HOST})
    assert answer.status_code == 302
    session = answer.cookies["sessionid"]
    assert (session["secure"], session["httponly"], session["samesite"]) == (True, True, "Lax")


@override_settings(**HTTPS)
@pytest.mark.parametrize(
    ("changed", "most"),
    [
        ({"content-security-policy": ""}, 75),
        ({"content-security-policy": "default-src 'self' 'unsafe-inline'"}, 80),
        ({"strict-transport-security": "max-age=3600"}, 125),
        ({"strict-transport-security": ""}, 80),
        ({"referrer-policy": "unsafe-url"}, 130),
        ({"cross-origin-resource-policy": "cross-origin"}, 125),
    ],
)
def test_a_missing_header_costs_points(changed: dict[str, str], most: int) -> None:
    page = opened(Browser(), reverse("portal:sign_in"))
    assert score(page) == 135
    assert score(replace(page, headers={**page.headers, **changed})) <= most


@override_settings(**HTTPS)
def test_an_open_cookie_or_a_missing_redirect_costs_points() -> None:
    page = opened(Browser(), reverse("portal:sign_in"))
    assert score(replace(page, cookies=["sessionid=x; HttpOnly; SameSite=Lax"])) == 60
    assert score(replace(page, cookies=["csrftoken=x; Secure"])) == 80
    assert score(replace(page, redirect="")) == 80
