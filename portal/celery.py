"""The Celery app. `portal/__init__.py` imports it, so that `shared_task` finds it in every process."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# An alias, because a broker URL cannot spell a module path with an underscore.
TRANSPORT_ALIASES["filesystem"] = "portal.filesystem_transport:Transport"

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def say_that_a_worker_runs(**_: Any) -> None:
    """The first heartbeat goes through the broker at once, not after beat's first round."""
    app.send_task("portal.tasks.heartbeat")
