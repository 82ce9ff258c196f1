"""Changes to webhooks, by administrators and by Owners of a namespace. Signing keys are shown once, when they are made."""

import base64
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.activity import record
from portal.models import Notice, Outgoing, User, Webhook, WebhookDelivery
from portal.notifications.webhooks.deliveries import DELIVERIES, enqueue, wake_up
from portal.notifications.webhooks.targets import check_target, origin_of
from portal.registry import places
from portal.sign_in.encryption import SIGNING_KEY, encrypt

KIND = "portal.webhook"
KEY_BYTES = 32
FORMER_KEY_LASTS = timedelta(hours=24)


class NotAllowedError(Exception):
    """The actor may not change this webhook, or none for this namespace."""


def manageable(user: User) -> QuerySet[Webhook]:
    """Return the webhooks that a user manages: all for an administrator, else those of the namespaces that they own."""
    rows = Webhook.objects.select_related("owner")
    if not user.is_active:
        return rows.none()
    return rows if user.is_superuser else rows.filter(scope__in=places().owned(user))


def may_manage_any(user: User) -> bool:
    """Return whether there are webhooks that the user may manage or create."""
    return user.is_active and (user.is_superuser or bool(places().owned(user)))


def may_manage(user: User, scope: int | None) -> bool:
    """Return whether a user, as the database has them now, may manage webhooks of a namespace, or of all."""
    current = User.objects.filter(pk=user.pk, is_active=True).first()
    if current is None:
        return False
    return current.is_superuser if scope is None else scope in places().owned(current)


def create_webhook(
    actor: User, *, name: str, url: str, scope: int | None, events: Collection[str]
) -> tuple[Webhook, str]:
    """Create a webhook, and return it with its signing key, which nothing shows again.

    Raise TargetError for an address that no webhook may have, NotAllowedError.
    """
    check_target(url)
    key = _new_key()
    with transaction.atomic(durable=True):
        _check(actor, scope)
        webhook = Webhook.objects.create(
            name=name,
            url=url,
            scope=scope,
            events=sorted(events),
            owner=actor,
            created_at=timezone.now(),
            signing_key=encrypt(key, SIGNING_KEY),
        )
        _record(actor, "Create webhook", webhook, after=_described(webhook))
    return webhook, key


def update_webhook(
    actor: User, pk: int, *, name: str, url: str, scope: int | None, events: Collection[str], is_active: bool
) -> Webhook:
    """Change a webhook. From then on it acts with the rights of the actor. Raise TargetError, NotAllowedError."""
    check_target(url)
    with transaction.atomic(durable=True):
        webhook = _locked(actor, pk)
        _check(actor, scope)
        before = _described(webhook)
        if is_active:
            webhook.stopped_code, webhook.failures, webhook.paused_until = "", 0, None
        webhook.name, webhook.url, webhook.scope, webhook.is_active = name, url, scope, is_active
        webhook.events, webhook.owner = sorted(events), actor
        webhook.save()
        _record(actor, "Update webhook", webhook, before=before, after=_described(webhook))
    return webhook


def rotate_key(actor: User, pk: int) -> tuple[Webhook, str]:
    """Make a new signing key, and return it. The former one signs too for a day, so that receivers can change theirs."""
    key = _new_key()
    with transaction.atomic(durable=True):
        webhook = _locked(actor, pk)
        webhook.former_key, webhook.former_key_until = webhook.signing_key, timezone.now() + FORMER_KEY_LASTS
        webhook.signing_key = encrypt(key, SIGNING_KEY)
        webhook.save(update_fields=["signing_key", "former_key", "former_key_until"])
        _record(actor, "Rotate signing key", webhook)
    return webhook, key


def delete_webhook(actor: User, pk: int) -> str:
    """Delete a webhook with its history, and return its name."""
    with transaction.atomic(durable=True):
        webhook = _locked(actor, pk)
        _record(actor, "Delete webhook", webhook, before=_described(webhook))
        webhook.delete()
    return webhook.name


def send_test(actor: User, pk: int) -> WebhookDelivery:
    """Put a test message on its way."""
    with transaction.atomic(durable=True):
        webhook = _locked(actor, pk)
        delivery = enqueue(webhook, event="test", at=timezone.now())
        _record(actor, "Test webhook", webhook)
    return delivery


def retry_delivery(actor: User, webhook_pk: int, pk: int) -> bool:
    """Send a delivery again that failed or waits, with the id and text it had. Return False where it is being sent or arrived."""
    now = timezone.now()
    with transaction.atomic(durable=True):
        webhook = _locked(actor, webhook_pk)
        rows = WebhookDelivery.objects.filter(pk=pk, webhook=webhook)
        done = rows.filter(state__in=Outgoing.OPEN).update(next_attempt_at=now)
        given_up = rows.filter(state__in=(Outgoing.State.FAILED, Outgoing.State.EXPIRED, Outgoing.State.CANCELLED))
        done += given_up.update(
            state=Outgoing.State.WAITING, settled_at=None, next_attempt_at=now, expires_at=now + DELIVERIES.lifetime
        )
        if done:
            Webhook.objects.filter(pk=webhook.pk).update(paused_until=None)
            wake_up()
    return bool(done)


def enqueue_for_webhooks(notice: Notice, *, at: datetime) -> None:
    """Put a notice on its way to the webhooks that want its event."""
    wanted = Webhook.objects.filter(Q(scope=None) | Q(scope=notice.scope), is_active=True)
    if WebhookDelivery.objects.filter(notice=notice).exists():
        return  # an event joined a notice that is on its way
    for webhook in wanted.order_by("pk"):
        if notice.event in webhook.events:
            enqueue(webhook, event=notice.event, notice=notice, at=at)


def _locked(actor: User, pk: int) -> Webhook:
    webhook = Webhook.objects.select_for_update().filter(pk=pk).first()
    if webhook is None:
        raise NotAllowedError
    _check(actor, webhook.scope)
    return webhook


def _check(actor: User, scope: int | None) -> None:
    if not may_manage(actor, scope):
        raise NotAllowedError


def _new_key() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _described(webhook: Webhook) -> dict[str, object]:
    """Return what the activity log keeps: of the address only the host, since the rest may contain a secret."""
    described = {"name": webhook.name, "address": origin_of(webhook.url), "events": webhook.events}
    return described | {"active": webhook.is_active, "namespace": webhook.scope}


def _record(
    actor: User,
    verb: str,
    webhook: Webhook,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    record(
        actor,
        verb=verb,
        kind=KIND,
        object_pk=webhook.pk,
        object_name=webhook.name,
        scope=webhook.scope,
        scope_name=places().owned(actor).get(webhook.scope, "") if webhook.scope is not None else "",
        before=before,
        after=after,
    )
