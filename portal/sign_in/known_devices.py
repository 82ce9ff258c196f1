"""A cookie that shows which accounts a browser has signed in to before.

Somebody who guesses the password of an account from many addresses slows all sign-ins to it, but not those from the
browsers of its owner, who has such a cookie. The cookie signs nobody in.
"""

import hashlib
import secrets
import time

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from portal.models import User

SALT = "portal.sign_in.known_devices"
DAYS = 180
MOST_ACCOUNTS = 10


def account_key(username: str) -> str:
    """Return a short name for an account, which is the same for every spelling of the user name."""
    return hashlib.sha256(username.casefold().encode()).hexdigest()[:32]


def device_of(request: HttpRequest, username: str) -> str:
    """Return the id of a browser that has signed in to the account before, else ""."""
    device = _devices(request).get(account_key(username), "")
    disabled_at = (
        User.objects.filter(username=username).values_list("disabled_at", flat=True).first() if device else None
    )
    if disabled_at is not None and _known_since(device) <= disabled_at.timestamp():
        return ""  # whoever was disabled begins anew
    return device


def _known_since(device: str) -> float:
    """Return when the browser signed in; 0 for an id that was made before ids had a time."""
    digits = device.partition("-")[2]
    return float(digits) if digits.isascii() and digits.isdigit() else 0.0


def remember(request: HttpRequest, response: HttpResponse, username: str) -> None:
    """Let `response` set the cookie, with a new id for this account."""
    devices = _devices(request)
    devices.pop(account_key(username), None)
    devices[account_key(username)] = f"{secrets.token_hex(8)}-{int(time.time())}"
    kept = dict(list(devices.items())[-MOST_ACCOUNTS:])
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps(kept, salt=SALT),
        max_age=DAYS * 86_400,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _devices(request: HttpRequest) -> dict[str, str]:
    value = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    try:
        found = signing.loads(value, salt=SALT, max_age=DAYS * 86_400)
    except signing.BadSignature:
        return {}
    return found if isinstance(found, dict) else {}
