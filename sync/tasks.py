"""Tasks: thin, quiet when there is nothing to do. The rows are the queue; a message is only a hint."""

from typing import Any

from celery import shared_task
from celery.signals import worker_process_shutdown, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import connections
from django.utils import timezone

from portal.celery import send
from sync import registry
from sync.capabilities import connection_log
from sync.drift import discards
from sync.drift import scan as drift
from sync.models import forget_old_findings, forget_old_records
from sync.push import pump, queue, rechecks
from sync.workers import heartbeats, leases, periodic

PUMP_SECONDS = 20.0  # a task's share: then others of the worker have their turn


@shared_task(name="sync.tasks.pump")
def run_pump() -> None:
    """Bring to Azure what is due, many rows at once, until nothing is."""
    if pump.run_here(seconds=PUMP_SECONDS):
        send("sync.tasks.pump")


@shared_task
def sweep() -> None:
    """Find what no message told of: lost hints, dead workers' rows, rows whose time to try again has come."""
    now = timezone.now()
    with leases.held("sweep", seconds=60) as alone:
        if alone:
            heartbeats.bury_the_dead(now)
            rechecks.make_due(now)
            forget_old_records(now)
            forget_old_findings(now, registry.scopes().pks())
    periodic.record_run("sweep", timezone.now())
    if queue.anything_due():
        run_pump()
    discard()


@shared_task
def discard() -> None:
    """Give up the changes that people gave up many at once."""
    if not discards.anything_waits():
        return
    with leases.kept("discards", seconds=_asking_lease()) as hold:
        goes_on = hold is not None and discards.run(seconds=PUMP_SECONDS, meanwhile=hold.renew)
    if goes_on:
        send("sync.tasks.discard")


@shared_task
def scan(pk: int) -> None:
    """Compare one namespace with Azure; quiet when it is gone or being compared."""
    _scan(pk)


@shared_task
def scan_all() -> None:
    """Compare the namespaces whose turn it is."""
    with leases.kept("drift", seconds=_asking_lease()) as hold:
        if hold is not None:
            for scope in drift.due_for_a_scan(timezone.now()):
                hold.renew()
                _scan(scope.pk, also=hold)
    periodic.record_run("scan", timezone.now())


def _scan(pk: int, *, also: leases.Hold | None = None) -> None:
    with leases.kept(drift.lease_of(pk), seconds=_asking_lease()) as hold:
        scope = next((scope for scope in registry.scopes().all() if scope.pk == pk), None)
        if hold is None or scope is None:
            return

        def go_on() -> None:
            for each in (hold, also):
                if each is not None:
                    each.renew()

        drift.scan(scope, meanwhile=go_on)


def _asking_lease() -> float:
    """Seconds: who asks Azure much renews the lease between any two requests, so that one who died is soon made up for."""
    return max(60.0, 3 * float(settings.ARM_CONNECT_TIMEOUT + settings.ARM_READ_TIMEOUT))


@shared_task
def take_in_connections() -> None:
    """Read the connection log on from where it was read."""
    with leases.held("connections", seconds=120) as alone:
        if alone:
            connection_log.take_in()


@worker_ready.connect
def say_that_this_worker_runs(**_: Any) -> None:
    heartbeats.this_worker().keep_beating()
    connections.close_all()  # with --pool=prefork this is the parent: no child may inherit its connection


@worker_shutting_down.connect
def take_nothing_new(**_: Any) -> None:
    pump.stop_here()


@worker_shutdown.connect
@worker_process_shutdown.connect
def say_that_this_worker_ends(**_: Any) -> None:
    heartbeats.this_worker().end()
