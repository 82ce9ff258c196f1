"""Celery tasks of the shell."""

from typing import Any

from celery import shared_task
from celery.signals import beat_init, worker_init
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.deployment.starting import require_secret_key


@shared_task
def heartbeat() -> None:
    """Touch a file whose age shows when a worker last ran a task."""
    settings.WORKER_HEARTBEAT.touch()


@worker_init.connect
@beat_init.connect
def refuse_without_secret_key(**_: Any) -> None:
    """End a worker or clock that production has given no secret key; celery would only log an exception."""
    try:
        require_secret_key()
    except ImproperlyConfigured as fault:
        raise SystemExit(str(fault)) from None
