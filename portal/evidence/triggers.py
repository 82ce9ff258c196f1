"""The triggers that keep the activity log append-only. Migrations create them; here they are looked up."""

from django.db import connection

_TABLES = ("portal_activity", "portal_activitylink", "portal_activitycheckpoint")
_QUEUES = ("portal_activity_queue_entry", "portal_activity_queue_outcome")
EXPECTED = {
    "sqlite": (
        *(f"{table}_{what}" for table in _TABLES for what in ("no_update", "no_delete", "no_replace")),
        *_QUEUES,
    ),
    "postgresql": (
        *(f"{table}_{what}" for table in _TABLES for what in ("no_update", "no_delete", "no_truncate")),
        *_QUEUES,
    ),
}
_ACTIVE = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')",
}


def missing_triggers() -> list[str]:
    """Return the names of the triggers that the database lacks, or has switched off."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVE[connection.vendor])
        active = {name for (name,) in cursor.fetchall()}
    return [name for name in EXPECTED[connection.vendor] if name not in active]
