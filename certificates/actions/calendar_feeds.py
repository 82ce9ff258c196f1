"""Create, revoke and look up calendar addresses. Each gives read access to the expiry dates of one namespace."""

import hashlib
import secrets

from django.db import transaction
from django.http import Http404
from django.utils import timezone

from certificates.models import ExpiryFeed
from namespaces.actions.teams import check_verb
from namespaces.models import Namespace
from namespaces.rights import Verb, rights_in
from portal import activity
from portal.models import User


def create_calendar_feed(actor: User, *, namespace: Namespace) -> str:
    """Return a new secret for this user and namespace, which replaces an earlier one. Only its hash is stored."""
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        check_verb(actor, namespace, Verb.READ)
        ExpiryFeed.objects.update_or_create(
            user=actor,
            namespace=namespace,
            defaults={"secret_hash": _hash(secret), "created_at": timezone.now(), "read_at": None},
        )
        _record(actor, namespace, "Make calendar address")
    return secret


def revoke_calendar_feed(actor: User, *, namespace: Namespace) -> bool:
    """Revoke this user's calendar address. Return False when there is none."""
    with transaction.atomic():
        deleted, _ = ExpiryFeed.objects.filter(user=actor, namespace=namespace).delete()
        if deleted:
            _record(actor, namespace, "Revoke calendar address")
    return bool(deleted)


def end_calendar_feeds(user: User) -> dict[str, int]:
    """Delete the calendar addresses of a person who is disabled, in that transaction. Return how many there were."""
    deleted, _ = ExpiryFeed.objects.filter(user=user).delete()
    return {"calendar_addresses": deleted}


def open_calendar_feed(secret: str) -> Namespace:
    """Return the namespace of a calendar address, with the rights of its user, and record that it was read.

    Raise Http404 unless the address exists and its user still has access.
    """
    feed = ExpiryFeed.objects.filter(secret_hash=_hash(secret)).select_related("user", "namespace").first()
    if feed is None or not feed.user.is_active:
        raise Http404("There is no such calendar.")
    feed.namespace.rights = rights_in(feed.user, feed.namespace_id)
    if Verb.READ not in feed.namespace.rights.verbs:
        raise Http404("There is no such calendar.")
    ExpiryFeed.objects.filter(pk=feed.pk).update(read_at=timezone.now())
    return feed.namespace


def _hash(secret: str) -> str:
    # The secret has 256 random bits, so a plain hash cannot be reversed by guessing.
    return hashlib.sha256(secret.encode()).hexdigest()


def _record(actor: User, namespace: Namespace, verb: str) -> None:
    activity.record(
        actor,
        verb=verb,
        kind="certificates.expiryfeed",
        object_pk=None,
        object_name=actor.username,
        scope=namespace.pk,
        scope_name=namespace.name,
    )
