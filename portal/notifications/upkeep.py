"""What a worker does every quarter of an hour: announce what is due, and delete what was settled long ago."""

import logging
from datetime import datetime, timedelta

from django.conf import settings

from portal.models import Notice, Reminder
from portal.notifications import outbox
from portal.notifications.digests import enqueue_digests
from portal.notifications.webhooks import deliveries
from portal.registry import notice_producers

logger = logging.getLogger(__name__)

REMINDERS_KEPT = timedelta(days=90)  # after the certificate has expired


def run(at: datetime) -> None:
    """Run each producer of notices, then delete old rows. A producer that fails does not keep the others from running."""
    for produce in notice_producers():
        try:
            produce(at)
        except Exception:  # of an app that this package does not know
            logger.exception("Notices of %s could not be announced.", produce.__qualname__)
    enqueue_digests(at)
    outbox.tidy(at)
    deliveries.tidy(at)
    Notice.objects.filter(at__lt=at - timedelta(days=settings.NOTICE_DAYS)).delete()
    Reminder.objects.filter(expires_at__lt=at - REMINDERS_KEPT).delete()
