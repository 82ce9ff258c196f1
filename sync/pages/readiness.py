"""Whether everything runs: what monitoring asks for, and what administrators are warned of."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from portal.registry import Shortcoming
from sync.workers import heartbeats, periodic

JUST_STARTED = timedelta(seconds=60)  # a portal that starts has not had time for its first sweep


def readiness(at: datetime | None = None) -> dict[str, str]:
    """Return the fault of each part at `at` (now by default); "" where there is none.

    Pages are served and changes stored also without workers and clock, so a load balancer asks for `/healthz` instead.
    """
    at = at or timezone.now()
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if waiting:
            missing = f"{len(waiting)} are not applied: run manage.py migrate"
            return {"database": "", "migrations": missing, "workers": "unknown", "clock": "unknown"}
        return {"database": "", "migrations": "", **processes(at)}
    except DatabaseError as fault:
        unreachable = f"cannot be reached ({type(fault).__name__})"
        return {"database": unreachable, "migrations": "unknown", "workers": "unknown", "clock": "unknown"}


def processes(at: datetime) -> dict[str, str]:
    """Return the fault of the workers and of the clock at `at`; "" where there is none."""
    workers = "" if heartbeats.alive(at) else "none is running"
    return {"workers": workers, "clock": periodic.clock_fault(at)}


def warnings_for_administrators() -> Iterable[str]:
    """Yield warnings that administrators see on every page."""
    now = timezone.now()
    found = processes(now)
    if found["workers"]:
        yield "No worker is running. Changes are saved, and are sent to Azure when a worker runs again."
    elif found["clock"] and any(worker.started_at < now - JUST_STARTED for worker in heartbeats.alive(now)):
        yield f"Retries, drift scans and log imports have stopped: {found['clock']}."


def deployment_check() -> Iterable[Shortcoming]:
    """Report missing workers and a stopped clock to `manage.py check_deployment`."""
    try:
        found = processes(timezone.now())
    except DatabaseError:
        return  # the check of the database has reported it
    if found["workers"]:
        yield Shortcoming(
            "error",
            "no_worker",
            "No worker is running: changes are saved, but not sent to Azure.",
            "Run: systemctl start mqtt-portal-worker@1",
        )
    if found["clock"]:
        yield Shortcoming(
            "error",
            "clock_stopped",
            f"Periodic work is not started: {found['clock']}.",
            "Run: systemctl start mqtt-portal-clock. It also needs a worker.",
        )
