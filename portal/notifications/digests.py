"""The daily summary: one mail a day, at the hour that the person chose, about the notices that wait for it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from portal.models import DigestTime, Notice, NoticeRecipient, OutgoingMail, User
from portal.notifications.outbox import enqueue_digest
from portal.registry import may_get

OLDEST = timedelta(days=7)  # notices that waited longer are not mailed any more: the bell has them
MOST = 100  # notices listed in one mail


def enqueue_digests(at: datetime) -> None:
    """Put the summaries that are due at `at` into the outbox, for each person at most one a day."""
    waiting = NoticeRecipient.objects.filter(in_digest=True, digested_at__isnull=True)
    waiting.filter(notice__at__lte=at - OLDEST).update(digested_at=at)
    people = User.objects.filter(pk__in=waiting.values("user"), is_active=True)
    for user in people.select_related("digest_time").order_by("pk"):
        with transaction.atomic():
            _enqueue_for(user, at)


def _enqueue_for(user: User, at: datetime) -> None:
    DigestTime.objects.get_or_create(user=user)
    when = DigestTime.objects.select_for_update().get(user=user)
    local = at.astimezone(ZoneInfo(when.time_zone))
    if local.hour < when.hour or when.last_day == local.date():
        return
    mail = enqueue_digest(user)
    if mail is None:
        return
    rows = NoticeRecipient.objects.filter(user=user, in_digest=True, digested_at__isnull=True)
    rows.update(digested_at=at, digest=mail)
    DigestTime.objects.filter(pk=when.pk).update(last_day=local.date())


def notices_of(mail: OutgoingMail) -> list[Notice]:
    """Return the notices of a summary that its person may still get, the newest first."""
    user = mail.user
    rows = Notice.objects.filter(recipients__digest=mail).select_related("team")
    return [notice for notice in rows if user is not None and may_get(user, notice)]
