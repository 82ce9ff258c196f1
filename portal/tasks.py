"""Celery tasks of the shell."""

import logging
import time
from typing import Any

from celery import shared_task
from celery.signals import beat_init, worker_init
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from portal.celery import send
from portal.deployment.starting import require_secret_key
from portal.evidence.keys import KeyMissingError
from portal.evidence.sealing import seal_entries
from portal.notifications import sending, upkeep
from portal.notifications.webhooks import deliveries
from portal.serving.shared_cache import delete_expired
from portal.sign_in.records import record_failures
from portal.sign_in.sessions import delete_expired_sessions

logger = logging.getLogger(__name__)

SEALING_SECONDS = 4.0  # of a run; what still waits is left to the next one


@shared_task
def heartbeat() -> None:
    """Touch a file whose age shows when a worker last ran a task."""
    settings.WORKER_HEARTBEAT.touch()


@shared_task
def seal_activity() -> None:
    """Give the entries of the activity log that were committed since the last run their places in the chain."""
    try:
        seal_entries(time.monotonic() + SEALING_SECONDS)
    except KeyMissingError as fault:
        logger.error("The activity log is not sealed: %s", fault)


@shared_task
def tidy_sign_ins() -> None:
    """Add the failed sign-ins of past minutes to the activity log, and delete expired counts and sessions."""
    record_failures(timezone.now())
    delete_expired(time.time())
    delete_expired_sessions(timezone.now())


@shared_task
def send_mails() -> None:
    """Send the mails of the outbox that are due."""
    if sending.send_due():
        send("portal.tasks.send_mails")


@shared_task
def send_webhooks() -> None:
    """Deliver the messages to webhooks that are due."""
    if deliveries.deliver_due():
        send("portal.tasks.send_webhooks")


@shared_task
def tidy_notices() -> None:
    """Announce what is due, such as expiries, and delete what was settled long ago."""
    upkeep.run(timezone.now())


@worker_init.connect
@beat_init.connect
def refuse_without_secret_key(**_: Any) -> None:
    """End a worker or clock that production has given no secret key; celery would only log an exception."""
    try:
        require_secret_key()
    except ImproperlyConfigured as fault:
        raise SystemExit(str(fault)) from None
