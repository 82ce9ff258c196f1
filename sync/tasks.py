"""Celery tasks: each checks the database for work and does nothing when there is none. Messages are only hints."""

import logging
from typing import Any

from celery import shared_task
from celery.signals import worker_process_shutdown, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import connections
from django.utils import timezone

from portal.celery import send
from sync import registry
from sync.arm.errors import AzureRefused, AzureUnreachable
from sync.capabilities import connection_log, session_endings
from sync.drift import discards
from sync.drift import scan as drift
from sync.models import forget_old_findings, forget_old_records
from sync.push import pump, queue, rechecks
from sync.workers import heartbeats, leases, periodic

logger = logging.getLogger(__name__)
PUMP_SECONDS = 20.0  # the longest run of one task, so that other tasks of the worker get their turn


@shared_task(name="sync.tasks.pump")
def run_pump() -> None:
    """Push all rows that are due, many in parallel."""
    if pump.run_here(seconds=PUMP_SECONDS):
        send("sync.tasks.pump")


@shared_task
def sweep() -> None:
    """Push rows whose message was lost, whose worker stopped, or whose next attempt is due."""
    now = timezone.now()
    with leases.exclusive("sweep", seconds=60) as is_ours:
        if is_ours:
            heartbeats.remove_stopped(now)
            rechecks.make_due(now)
            forget_old_records(now)
            forget_old_findings(now, registry.scopes().pks())
    periodic.record_run("sweep", timezone.now())
    if queue.anything_due():
        run_pump()
    discard()


@shared_task
def discard() -> None:
    """Discard the rejected changes that users gave up in bulk."""
    if not discards.anything_waits():
        return
    with leases.renewable("discards", seconds=_lease_seconds()) as lock:
        is_unfinished = lock is not None and discards.run(seconds=PUMP_SECONDS, meanwhile=lock.renew)
    if is_unfinished:
        send("sync.tasks.discard")


@shared_task
def scan(pk: int) -> None:
    """Compare one namespace with Azure. Do nothing when it was disconnected or is being compared."""
    _scan(pk)


@shared_task
def scan_all() -> None:
    """Compare the namespaces whose next comparison is due."""
    with leases.renewable("drift", seconds=_lease_seconds()) as lock:
        if lock is not None:
            for scope in drift.due_for_a_scan(timezone.now()):
                lock.renew()
                _scan(scope.pk, outer=lock)
    periodic.record_run("scan", timezone.now())


def _scan(pk: int, *, outer: leases.Lock | None = None) -> None:
    with leases.renewable(drift.lease_of(pk), seconds=_lease_seconds()) as lock:
        scope = next((scope for scope in registry.scopes().all() if scope.pk == pk), None)
        if lock is None or scope is None:
            return

        def renew() -> None:
            for each in (lock, outer):
                if each is not None:
                    each.renew()

        drift.scan(scope, meanwhile=renew)


def _lease_seconds() -> float:
    """Return seconds longer than one request to Azure: the lease is renewed between any two requests."""
    return max(60.0, 3 * float(settings.ARM_CONNECT_TIMEOUT + settings.ARM_READ_TIMEOUT))


@shared_task(name="sync.tasks.take_in_connections")
def import_connections() -> None:
    """Import new records of the connection log."""
    with leases.exclusive("connections", seconds=120) as is_ours:
        if is_ours:
            connection_log.import_records()


@shared_task
def end_sessions(namespace_id: str, thumbprints: list[str], names: list[str], reason: str) -> None:
    """End sessions of MQTT clients. A target that is away ends them itself, or their clients come back and are refused."""
    try:
        session_endings.end_sessions(namespace_id, thumbprints, names, reason)
    except (AzureRefused, AzureUnreachable):
        logger.warning("could not end sessions in %s", namespace_id, exc_info=True)


@worker_ready.connect
def start_heartbeat(**_: Any) -> None:
    heartbeats.this_worker().keep_beating()
    connections.close_all()  # with --pool=prefork, this is the parent: children must not inherit its connection


@worker_shutting_down.connect
def stop_claiming(**_: Any) -> None:
    pump.stop_here()


@worker_shutdown.connect
@worker_process_shutdown.connect
def end_heartbeat(**_: Any) -> None:
    heartbeats.this_worker().end()
