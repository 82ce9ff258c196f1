"""Addresses of the portal's pages in mails and webhooks, which no request belongs to."""

from django.conf import settings
from django.urls import reverse

LOCAL = {"localhost", "127.0.0.1", "[::1]", "*"}


def absolute(path: str) -> str:
    return public_url() + path


def public_url() -> str:
    """Return scheme and host of the portal without a slash: PORTAL_PUBLIC_URL, else by the first name that it answers to."""
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    names = [name.lstrip(".") for name in settings.ALLOWED_HOSTS if name not in LOCAL]
    if names:
        return f"{'https' if settings.PORTAL_HTTPS else 'http'}://{names[0]}"
    return "http://localhost:8000"


def preferences_url() -> str:
    return absolute(reverse("portal:notification_preferences"))
