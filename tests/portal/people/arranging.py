"""Rows and requests that the tests of people, teams and invitations share."""

import re
from typing import Any

from django.test import Client as Browser
from django.urls import reverse

from portal.models import AccessLink, Membership, Team, User
from tests.support.database.factories import make_user

GOOD_PASSWORD = "violet lamp under the stairs"


def lead_of(team: Team, name: str = "lead") -> User:
    user = make_user(name)
    Membership.objects.create(team=team, user=user, is_lead=True)
    return user


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def post(user: User, page: str, /, *args: object, **data: Any) -> Any:
    return browser_of(user).post(reverse(f"portal:{page}", args=args), data)


def link_in(page: Any) -> str:
    """Return the path of the link that a page shows."""
    found = re.search(r'value="http://testserver(/sign-in/link/[^"]+)" data-link', page.content.decode())
    assert found, page.content.decode()[-2000:]
    return found[1]


def invited(user: User, **data: Any) -> str:
    """Invite as this user, and return the path of the link."""
    page = post(user, "invite", **({"email": "new@integrator.example"} | data))
    assert page.status_code == 200, page.content.decode()
    return link_in(page)


def opened(path: str, browser: Browser | None = None) -> tuple[Browser, Any]:
    """Open a link as a browser does, and return the browser and the last page."""
    browser = browser or Browser()
    return browser, browser.get(path, follow=True)


def accept(path: str, **data: Any) -> tuple[Browser, Any]:
    browser, _ = opened(path)
    form = {"username": "newcomer", "password1": GOOD_PASSWORD, "password2": GOOD_PASSWORD} | data
    return browser, browser.post(reverse("portal:link_open"), form)


def code_of(page: Any, beginning: str = "") -> str:
    """Return the code of the message on a page."""
    codes = re.findall(r'data-code="([^"]+)"', page.content.decode())
    return next((code for code in codes if code.startswith(beginning)), "")


def only_link() -> AccessLink:
    return AccessLink.objects.get()
