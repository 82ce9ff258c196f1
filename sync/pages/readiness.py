"""Whether the portal can serve pages."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from sync.models import WorkerBeat
from sync.workers import heartbeats


def readiness() -> dict[str, str]:
    """Return the fault of each part that serving needs; "" where there is none. Missing workers do not stop pages."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        database, migrations = "", f"{len(waiting)} migrations wait: run manage.py migrate" if waiting else ""
    except DatabaseError as fault:
        return {
            "database": f"cannot be reached ({type(fault).__name__})",
            "migrations": "unknown",
            "workers": "unknown",
        }
    alive = WorkerBeat.objects.exists() and heartbeats.alive(timezone.now())
    return {"database": database, "migrations": migrations, "workers": "" if alive else "none is running"}
