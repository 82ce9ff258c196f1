"""Secret links: their secrets, what state one is in, and what is recorded about those that are refused."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from portal.models import AccessLink
from portal.people.log import shown
from portal.sign_in import records

INVITATION_DAYS = 7
PASSWORD_DAYS = 1
SECRET_BYTES = 32  # 256 random bits, so a plain hash cannot be reversed by guessing
UNKNOWN = "unknown"
SENTENCES = {
    UNKNOWN: "This link is incomplete or was changed on its way.",
    "used": "This link was used before. It works once.",
    "expired": "This link has expired.",
    "revoked": "This link was withdrawn.",
    "inviter": "The person who sent this invitation may no longer invite you.",
    "disabled": "This account is disabled.",
}


class LinkError(Exception):
    """The link does not work. `code` is a key of SENTENCES."""

    def __init__(self, code: str, link: AccessLink | None = None) -> None:
        super().__init__(SENTENCES[code])
        self.code, self.sentence, self.link = code, SENTENCES[code], link


def issue(link: AccessLink, now: datetime) -> str:
    """Give the unsaved or changed link a new secret and a new time to expire, save it, and return the secret."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    is_invitation = link.purpose == AccessLink.Purpose.JOIN
    link.secret_hash = hash_of(secret)
    link.created_at = link.created_at or now
    link.expires_at = now + timedelta(days=INVITATION_DAYS if is_invitation else PASSWORD_DAYS)
    link.save()
    return secret


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def path_of(secret: str) -> str:
    return reverse("portal:link", args=[secret])


def open_link(secret_hash: str, now: datetime, *, lock: bool = False) -> AccessLink:
    """Return the link whose secret has this hash. Raise LinkError unless it works now."""
    rows = AccessLink.objects.select_for_update(no_key=True) if lock else AccessLink.objects.all()
    link = rows.filter(secret_hash=secret_hash).first()
    if link is None:
        raise LinkError(UNKNOWN)
    if link.used_at:
        raise LinkError("used", link)
    if link.revoked_at:
        raise LinkError("revoked", link)
    if link.expires_at <= now:
        raise LinkError("expired", link)
    if link.user is not None and not link.user.is_active:
        raise LinkError("disabled", link)
    return link


def note_refused(refusal: LinkError, request: HttpRequest) -> None:
    records.count("link_refused")
    link = refusal.link
    name = shown(str(link)) if link else records.UNKNOWN_LINK
    of, user_pk = (str(link.pk), link.user_id) if link else ("0", None)
    records.note_refused_link(request, name, reason=refusal.code, of=of, user_pk=user_pk)


def revoke_open(rows: QuerySet[AccessLink], now: datetime | None = None) -> int:
    """Revoke the links among `rows` that could still be used, and return their number."""
    now = now or timezone.now()
    return rows.filter(used_at=None, revoked_at=None).update(revoked_at=now)
