"""Sign in at the identity provider, as a browser does."""

from typing import Any
from urllib.parse import urlsplit

from django.test import Client as Browser
from django.urls import reverse

from tests.support.servers.identity_provider import IdentityProvider


def start(browser: Browser, back: str = "") -> str:
    """Begin a sign-in, and return the URL at the provider where it continues."""
    page = browser.post(reverse("portal:sso_start"), {"next": back})
    assert page.status_code == 200, page.content.decode()[:3000]
    return str(page.context["url"])


def bring(browser: Browser, location: str, **headers: Any) -> Any:
    """Open the URL of the portal that the provider's answer leads to."""
    parts = urlsplit(location)
    return browser.get(f"{parts.path}?{parts.query}", **headers)


def sign_in(provider: IdentityProvider, username: str, browser: Browser | None = None, back: str = "") -> Any:
    """Return the portal's response to the provider's answer."""
    browser = browser or Browser()
    return bring(browser, provider.answer(username, start(browser, back)))


def reason_of(response: Any) -> str:
    """Return the code of a refusal, "" where there is none."""
    found: str = response.context["code"] if response.context and "code" in response.context else ""
    assert not found or f'data-code="sso-{found}"' in response.content.decode()
    return found
