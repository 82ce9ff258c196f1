"""Deliveries to webhooks: signed by Standard Webhooks, retried, with each attempt recorded.

A receiver may get a message twice, when its answer was lost, and recognizes it by its `webhook-id`.
"""

import json
import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from requests_hardened.ip_filter import InvalidIPAddress
from standardwebhooks import Webhook as Signer

from portal.celery import send
from portal.models import Notice, Outgoing, Webhook, WebhookAttempt, WebhookDelivery
from portal.notifications.links import absolute
from portal.notifications.queue import Queue
from portal.notifications.webhooks.deadline import limit_session
from portal.notifications.webhooks.targets import CONNECT_SECONDS, TargetError, check_target, manager_for
from portal.registry import places
from portal.sign_in.encryption import SIGNING_KEY, UnreadableSecretError, decrypt

logger = logging.getLogger(__name__)

TASK = "portal.tasks.send_webhooks"
SECONDS = 20.0  # the longest run of one task
MOST_SENDERS = 4  # deliveries at once, of all workers; one for each webhook
KEPT = timedelta(days=30)
State = Outgoing.State


class _Deliveries(Queue[WebhookDelivery]):
    @property
    def lifetime(self) -> timedelta:
        return timedelta(days=settings.OUTBOX_DAYS)


DELIVERIES = _Deliveries(
    WebhookDelivery,
    lease=timedelta(minutes=2),
    longest_backoff=timedelta(hours=1),
    related=("webhook", "webhook__owner", "notice", "notice__team"),
)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `status`: of the answer, None without one; `code`: what went wrong, "" if nothing did."""

    status: int | None
    code: str = ""
    reason: str = ""
    answer_lost: bool = False
    retry_after: timedelta | None = None


def enqueue(webhook: Webhook, *, event: str, at: datetime, notice: Notice | None = None) -> WebhookDelivery:
    """Put a message on its way, in the caller's transaction."""
    now = timezone.now()
    delivery = WebhookDelivery.objects.create(
        webhook=webhook,
        notice=notice,
        event=event,
        created_at=now,
        next_attempt_at=at,
        expires_at=now + DELIVERIES.lifetime,
    )
    if at <= now:
        wake_up()
    return delivery


def wake_up() -> None:
    """Let a worker look for deliveries after the commit. Without a broker, the clock does within ten seconds."""
    transaction.on_commit(_send_hint)


def _send_hint() -> None:
    send(TASK)


def deliver_due(*, seconds: float = SECONDS) -> bool:
    """Deliver what is due, and return whether there may be more."""
    ends = time.monotonic() + seconds
    DELIVERIES.recover(timezone.now())
    while time.monotonic() < ends:
        if DELIVERIES.in_flight() >= MOST_SENDERS:
            return False
        now = timezone.now()
        busy = WebhookDelivery.objects.filter(state=State.SENDING).values("webhook")
        paused = Q(webhook__paused_until__gt=now)
        delivery = DELIVERIES.claim(now, ~Q(webhook__in=busy) & ~paused)
        if delivery is None:
            return False
        deliver(delivery)
    return True


def deliver(delivery: WebhookDelivery) -> None:
    """Make one attempt to deliver a claimed message."""
    if reason := _not_wanted(delivery):
        DELIVERIES.settle(delivery, State.CANCELLED, code=reason)
        return
    try:
        keys = _keys(delivery.webhook)
    except UnreadableSecretError:
        _stop(delivery.webhook, "unreadable")
        DELIVERIES.settle(
            delivery, State.FAILED, code="unreadable", error="No key of this portal decrypts the signing key."
        )
        return
    _write(delivery)
    if not DELIVERIES.note_hand_over(delivery):
        return
    began, clock = timezone.now(), time.monotonic()
    outcome = _post(delivery, keys, began)
    spent = round((time.monotonic() - clock) * 1000)
    WebhookAttempt.objects.create(
        delivery=delivery, at=began, status=outcome.status, code=outcome.code, milliseconds=spent
    )
    _settle(delivery, outcome)


def _not_wanted(delivery: WebhookDelivery) -> str:
    """Return why a message is no longer delivered, as a code, or "". The rights are those of now."""
    webhook = delivery.webhook
    if not webhook.is_active:
        return "webhook_off"
    owner = webhook.owner
    may = owner.is_active and (owner.is_superuser if webhook.scope is None else webhook.scope in places().owned(owner))
    return "" if may else "no_right"


def _keys(webhook: Webhook) -> list[str]:
    keys = [decrypt(webhook.signing_key, SIGNING_KEY)]
    if webhook.former_key and webhook.former_key_until and webhook.former_key_until > timezone.now():
        keys.append(decrypt(webhook.former_key, SIGNING_KEY))
    return keys


def _write(delivery: WebhookDelivery) -> None:
    """Write the text before the first attempt, with all events that the notice has by then."""
    if delivery.payload:
        return
    if delivery.notice is not None:
        Notice.objects.filter(pk=delivery.notice.pk).update(group_key=None)
        delivery.notice.refresh_from_db()
    delivery.payload = json.dumps(_payload(delivery), separators=(",", ":"))
    WebhookDelivery.objects.filter(pk=delivery.pk).update(payload=delivery.payload)


def _payload(delivery: WebhookDelivery) -> dict[str, object]:
    notice = delivery.notice
    at = (notice.at if notice else delivery.created_at).isoformat()
    data: dict[str, object] = {"subject": "Test", "sentence": "This is a test message."}
    if notice is not None:
        data = {
            "subject": notice.title,
            "sentence": notice.sentence,
            "url": absolute(notice.url),
            "namespace": notice.scope_name or None,
            "team": notice.team.name if notice.team else None,
            "kind": notice.kind or None,
            "object": notice.object_name or None,
            "count": notice.count,
        }
    return {"type": delivery.event, "timestamp": at, "data": data}


def _post(delivery: WebhookDelivery, keys: list[str], at: datetime) -> Outcome:
    """Send the message. Its address is checked again: a name may resolve to another IP address than when it was entered."""
    url, body = delivery.webhook.url, delivery.payload
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery.message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(key).sign(delivery.message_id, at, body) for key in keys),
    }
    try:
        check_target(url)
        with manager_for(url).get_session() as session:
            session.trust_env = False  # no proxy and no credentials of the machine
            session.verify = settings.WEBHOOK_CA or True
            limit_session(session, CONNECT_SECONDS + 2 * settings.WEBHOOK_SECONDS)
            # The body of the answer is not read: it is of no use, and may be large.
            with session.post(url, data=body.encode(), headers=headers, stream=True) as answer:
                return _judged(answer.status_code, answer.headers.get("Retry-After", ""))
    except TargetError as refusal:
        return Outcome(None, refusal.code, str(refusal))
    except InvalidIPAddress:  # the name changed between the two look-ups
        return Outcome(None, "private_address", "The address is inside the portal's network.")
    except OSError as fault:  # every error of requests is one
        return _failed(fault)


def _judged(status: int, retry_after: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome(status)
    if status == HTTPStatus.GONE:
        return Outcome(status, "gone", "The receiver wants no more messages.")
    if 300 <= status < 400:
        return Outcome(status, "redirected", "The receiver redirects, which is not followed. Enter the final address.")
    seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 6 else 0
    wait = min(timedelta(seconds=seconds), DELIVERIES.longest_backoff) if seconds else None
    return Outcome(status, "status", f"The receiver answered {status}.", retry_after=wait)


_FAULTS = {
    "SSLError": ("tls", "The receiver's TLS certificate is not valid for its address."),
    "ConnectTimeout": ("connect_timeout", "The receiver does not accept connections."),
    "ReadTimeout": ("read_timeout", "The receiver did not answer in time."),
}


def _failed(fault: OSError) -> Outcome:
    name = type(fault).__name__
    code, reason = _FAULTS.get(name, ("unreachable", "The receiver cannot be reached."))
    never_connected = "Failed to establish a new connection" in str(fault) or "resolve" in str(fault)
    lost = name == "ReadTimeout" or (code == "unreachable" and not never_connected)
    return Outcome(None, code, reason, answer_lost=lost)


def _settle(delivery: WebhookDelivery, outcome: Outcome) -> None:
    webhooks = Webhook.objects.filter(pk=delivery.webhook_id)
    if not outcome.code:
        webhooks.update(failures=0, paused_until=None)
        DELIVERIES.settle(delivery, State.SENT, status=outcome.status)
        return
    if outcome.code == "gone":
        _stop(delivery.webhook, "gone")
        DELIVERIES.settle(delivery, State.FAILED, code="gone", error=outcome.reason, status=outcome.status)
        return
    failures = delivery.webhook.failures + 1
    wait = outcome.retry_after or DELIVERIES.backoff(failures)
    webhooks.update(failures=F("failures") + 1, paused_until=timezone.now() + wait)
    logger.warning("Delivery %s to webhook %s failed: %s", delivery.pk, delivery.webhook_id, outcome.code)
    DELIVERIES.postpone(
        delivery,
        code=outcome.code,
        error=outcome.reason,
        answer_lost=outcome.answer_lost,
        wait=wait,
        status=outcome.status,
    )


def _stop(webhook: Webhook, code: str) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(is_active=False, stopped_code=code)


def tidy(at: datetime) -> None:
    """Delete deliveries that were settled long ago, and former keys that sign no more."""
    WebhookDelivery.objects.filter(settled_at__lt=at - KEPT).delete()
    Webhook.objects.filter(former_key_until__lte=at).exclude(former_key="").update(former_key="", former_key_until=None)
