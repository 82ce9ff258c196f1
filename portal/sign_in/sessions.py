"""The sessions of a user: which are open, and how they end."""

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from portal.models import User
from portal.sign_in.addresses import client_address

MOST_SHOWN = 100
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    *(("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS")),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class OpenSession:
    """A session for the list. `pk` is that of allauth's row: the key of a session is a secret."""

    pk: int
    browser: str
    address: str
    signed_in_at: datetime
    seen_at: datetime
    is_current: bool


def open_sessions(user: User, current_key: str | None) -> list[OpenSession]:
    """Return the open sessions of the user, the current one first, then the most recently used."""
    rows = UserSession.objects.filter(user=user).order_by("-last_seen_at")[:MOST_SHOWN]
    keys = [row.session_key for row in rows]
    alive = set(
        Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now()).values_list("pk", flat=True)
    )
    found = [
        OpenSession(
            pk=row.pk,
            browser=browser_name(row.user_agent),
            address=row.ip,
            signed_in_at=row.created_at,
            seen_at=row.last_seen_at,
            is_current=row.session_key == current_key,
        )
        for row in rows
        if row.session_key in alive
    ]
    return sorted(found, key=lambda each: not each.is_current)


def browser_name(user_agent: str) -> str:
    """Return words such as "Firefox on Linux" for what a browser sends as its name."""
    browser = next((name for mark, name in _BROWSERS if f"{mark}/" in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or user_agent.partition(" ")[0] or "Unknown browser"


def mark_seen(request: HttpRequest, user: User) -> None:
    """Note that the current session is in use, from this address."""
    now, address, key = timezone.now(), client_address(request), request.session.session_key
    if not UserSession.objects.filter(session_key=key, user=user).update(last_seen_at=now, ip=address):
        UserSession.objects.create_from_request(request)


def end_session(user: User, pk: int) -> bool:
    """End one session of the user, and return whether it was open."""
    return _end(list(UserSession.objects.filter(user=user, pk=pk)))


def keep_only_this_session(request: HttpRequest, user: User) -> None:
    """End all other sessions after a new password, and give this one a new key."""
    before = request.session.session_key
    update_session_auth_hash(request, user)
    UserSession.objects.filter(session_key=before, user=user).update(session_key=request.session.session_key)
    _end(list(UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key)))


def end_all_sessions(user: User) -> None:
    """End every session of the user at once, also those that no list shows."""
    with transaction.atomic():
        user.sessions_ended_at = timezone.now()
        user.save(update_fields=["sessions_ended_at"])
        _end(list(UserSession.objects.filter(user=user)))


def delete_expired_sessions(now: datetime) -> None:
    """Delete sessions that have expired, and allauth's rows of sessions that do not exist any more."""
    Session.objects.filter(expire_date__lt=now).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()


def _end(rows: list[UserSession]) -> bool:
    Session.objects.filter(session_key__in=[row.session_key for row in rows]).delete()
    UserSession.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return bool(rows)
