"""Tasks of namespaces: import what Azure holds, and keep the essentials up to date."""

import logging
from contextlib import suppress
from datetime import datetime

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from namespaces.actions.access_requests import close_over
from namespaces.actions.change_sets.applying import run_change_set, run_unfinished
from namespaces.actions.change_sets.requests import close_over as close_requests
from namespaces.actions.change_sets.requests import note_those_that_no_longer_apply
from namespaces.actions.client_imports import forget_old_imports, waiting_imports
from namespaces.actions.client_imports import run_import as run_client_import
from namespaces.actions.decision_points import refresh_decision_point, webhook_findings
from namespaces.decision_changes import forget_old_changes
from namespaces.importing.runs import queue_failed, run_import, startable, take_resource
from namespaces.models import ChangeSet, Namespace, NamespaceConfiguration
from namespaces.reachability import note_reachability
from portal.celery import send
from sync.arm.gateway import AzureRefused, AzureUnreachable, arm_gateway
from sync.arm.protocols import Reader
from sync.arm.resource_ids import subscription_of
from sync.throttling.budgeted_reader import LONGEST_WAIT_OF_USER, BudgetedReader
from sync.workers import leases, periodic

logger = logging.getLogger(__name__)


@shared_task
def import_namespace(pk: int) -> None:
    """Import one namespace. Do nothing when it was disconnected, is imported already, or another worker imports it."""
    run_import(pk)


@shared_task
def refresh_namespaces() -> None:
    """Read every namespace's essentials again. Start imports whose message was lost, and retry failed ones."""
    with leases.exclusive("refresh", seconds=300) as is_ours:
        if is_ours:
            _refresh_all()
            start_imports(at=timezone.now())
            close_over(timezone.now())
    periodic.record_run("refresh", timezone.now())


@shared_task
def import_clients(pk: int) -> None:
    """Register the clients of an import from files, unless another worker does or it was cancelled."""
    run_client_import(pk)


@shared_task
def tidy_client_imports() -> None:
    """Start imports from files whose message was lost or whose worker died, and delete those that are a day old."""
    now = timezone.now()
    forget_old_imports(now)
    for pk in waiting_imports(now):
        run_client_import(pk)


@shared_task
def apply_change_set(pk: int) -> None:
    """Apply an approved change set, or follow one that is being sent."""
    run_change_set(pk)


@shared_task
def follow_change_sets() -> None:
    """Go on with change sets whose message was lost, whose worker died or that wait for Azure."""
    if not ChangeSet.objects.unfinished().exists():
        return
    with leases.exclusive("change-sets", seconds=20) as is_ours:
        if is_ours:
            run_unfinished()


@shared_task
def tidy_change_sets() -> None:
    """Close requests that have expired, note those that no longer apply, and forget changes that every process has read."""
    with leases.exclusive("tidy-change-sets", seconds=60) as is_ours:
        if is_ours:
            now = timezone.now()
            forget_old_changes(now)
            close_requests(now)
            note_those_that_no_longer_apply(now)


def start_imports(*, at: datetime) -> None:
    """Run the imports that wait at `at`, those included that failed and are due for a retry."""
    reachable = Namespace.objects.filter(unreachable_since__isnull=True)
    queue_failed(reachable, at=at)
    for namespace in startable(reachable, at=at):
        run_import(namespace.pk)


def _refresh_all() -> None:
    """Read one namespace after the other; skip the rest of a subscription that Azure throttles until the next round."""
    reader = _reader()
    throttled: set[str] = set()
    for namespace in Namespace.objects.all():
        subscription = subscription_of(namespace.resource_id)
        if subscription not in throttled and not refresh_namespace(namespace, reader):
            throttled.add(subscription)


def _reader() -> Reader:
    """Return a reader that gives up soon, since the next round is only seconds away."""
    return BudgetedReader(arm_gateway(), longest_wait=LONGEST_WAIT_OF_USER, tries=1)


def refresh_namespace(namespace: Namespace, reader: Reader | None = None) -> bool:
    """Read one namespace. A rejection by Azure, such as for one that was deleted there, is shown like an outage.

    Return False when Azure throttles: then nothing is known, and no more requests should be sent now.
    """
    reader = reader or _reader()
    try:
        resource = reader.get(namespace.resource_id)
    except AzureUnreachable as outage:
        if not outage.throttled:
            note_reachability(namespace.pk, outage.reason)
        return not outage.throttled
    except AzureRefused as refusal:
        gone = "Azure no longer has this namespace, or the portal's credential may no longer see it"
        note_reachability(namespace.pk, gone if refusal.status == 404 else str(refusal))
        return True
    note_reachability(namespace.pk, None)
    if namespace.import_state == Namespace.Import.DONE:
        take_missing_configuration(namespace, reader)
    now = timezone.now()
    fresh = Namespace(pk=namespace.pk)
    fresh.adopt(resource)
    Namespace.objects.filter(pk=namespace.pk).update(
        resource_id=fresh.resource_id,
        name=fresh.name,
        location=fresh.location,
        hostname=fresh.hostname,
        resource=fresh.resource,
        checked_at=now,
    )
    is_in_azure = _has_wanted_webhook(namespace, reader)
    refresh_decision_point(namespace, resource, at=now, is_in_azure=is_in_azure)
    return True


def _has_wanted_webhook(namespace: Namespace, reader: Reader) -> bool:
    """Return False where this portal should decide and Azure holds another webhook or none. The alarm is then raised now, by a
    comparison of the namespace, and not when its next one is due.
    """
    rows = NamespaceConfiguration.objects.filter(namespace=namespace).exclude(webhook_url="")
    row: NamespaceConfiguration | None = rows.select_related("namespace").first()
    if row is None or not row.is_settled:
        return True
    try:
        resource = row.read(reader)
    except (AzureRefused, AzureUnreachable):
        return True  # nothing is known; the next round asks again
    is_as_read = rows.filter(pk=row.pk, generation=row.generation, synced_generation=row.synced_generation)
    if row.has_webhook_of(resource) or not is_as_read.filter(claim_token__isnull=True).exists():
        return True
    theirs = NamespaceConfiguration()
    theirs.adopt(resource)
    if not any(theirs.has_webhook_of(each.resource or {}) for each in webhook_findings(namespace.pk)):
        send("sync.tasks.scan", namespace.pk)
    return False


def take_missing_configuration(namespace: Namespace, reader: Reader) -> None:
    """Import the settings of a namespace that was imported before the portal had them. Azure's errors are ignored."""
    if NamespaceConfiguration.objects.filter(namespace=namespace).exists():
        return
    with suppress(AzureRefused, AzureUnreachable):
        for resource in NamespaceConfiguration.in_azure(reader, namespace.resource_id):
            with transaction.atomic():
                take_resource(NamespaceConfiguration, namespace, resource)
