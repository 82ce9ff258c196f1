"""Tasks of the shell itself."""

from celery import shared_task
from django.conf import settings


@shared_task
def heartbeat() -> None:
    """Leave a sign that a worker takes tasks: the age of the file is the age of the last one."""
    settings.WORKER_HEARTBEAT.touch()
