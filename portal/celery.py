"""The Celery app. `portal/__init__.py` imports it, so that `shared_task` finds it in every process."""

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# An alias, because a broker URL cannot spell a module path with an underscore.
TRANSPORT_ALIASES["filesystem"] = "portal.filesystem_transport:Transport"

logger = logging.getLogger(__name__)

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def send(task: str, *args: object) -> bool:
    """Send a task by name. Return False, with a line in the log, where no broker takes it.

    A message is only a hint: the row in the database is the queue, and the next sweep finds it. So a broker that is away
    never fails a request, a task or the start of a worker.
    """
    try:
        app.send_task(task, args=args)
    except Exception:  # each broker library raises errors of its own
        logger.warning("No broker for %s%s; the next sweep makes up for it.", task, args, exc_info=True)
        return False
    return True


@worker_ready.connect
def send_first_heartbeat(**_: Any) -> None:
    """Send the first heartbeat at once instead of after the scheduler's first interval."""
    send("portal.tasks.heartbeat")
