"""What `manage.py check_deployment` says about the activity log."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from portal.deployment.starting import configured_secret_key
from portal.evidence.keys import SHORTEST
from portal.evidence.triggers import missing_triggers
from portal.models import Activity, UnsealedPart
from portal.registry import Shortcoming

SEALED_WITHIN = timedelta(minutes=10)  # far longer than any run takes
_GENERATE = 'Generate a key for the environment file: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'


def activity_log() -> Iterable[Shortcoming]:
    """Yield why the activity log would be no evidence: no key, no triggers, or no process that seals."""
    key = settings.ACTIVITY_KEY
    if settings.PRODUCTION and not key:
        yield Shortcoming(
            "error",
            "activity_key_missing",
            "PORTAL_ACTIVITY_KEY is not set: entries of the activity log are not sealed, so no one can prove them.",
            f"{_GENERATE}, and keep a copy apart from the backups of the database.",
        )
    elif key and len(key) < SHORTEST:
        yield Shortcoming(
            "error",
            "activity_key_short",
            f"PORTAL_ACTIVITY_KEY has only {len(key)} characters.",
            f"{_GENERATE}, and put the former one into PORTAL_ACTIVITY_KEY_FALLBACKS.",
        )
    elif key and key == configured_secret_key():
        yield Shortcoming(
            "error", "activity_key_shared", "PORTAL_ACTIVITY_KEY is the same as PORTAL_SECRET_KEY.", f"{_GENERATE}."
        )
    try:
        yield from _in_the_database()
    except DatabaseError:
        return  # reported by the check of the database


def _in_the_database() -> Iterable[Shortcoming]:
    if missing := missing_triggers():
        yield Shortcoming(
            "error",
            "activity_triggers_missing",
            f"The database would let entries of the activity log be changed: it lacks {', '.join(missing)}.",
            "Find out who removed them. `manage.py verify_activity` shows whether entries were changed.",
        )
    oldest = UnsealedPart.objects.order_by("pk").values_list("entry", flat=True).first()
    late = timezone.now() - SEALED_WITHIN
    if oldest is not None and Activity.objects.filter(pk=oldest, at__lt=late).exists():
        yield Shortcoming(
            "warning",
            "activity_unsealed",
            f"{UnsealedPart.objects.count()} parts of the activity log wait for their seals for more than 10 minutes.",
            "Check that a worker and the clock run, and that the workers have PORTAL_ACTIVITY_KEY.",
        )
