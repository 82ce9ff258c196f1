"""Tasks of namespaces: bring in what Azure holds, and keep the essentials fresh."""

import logging
from contextlib import suppress

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from namespaces.importing import importing
from namespaces.importing.reachability import note_reachability
from namespaces.models import Namespace, NamespaceConfiguration
from sync.arm.gateway import AzureRefused, AzureUnreachable, arm_gateway
from sync.arm.protocols import Reader
from sync.arm.resource_ids import subscription_of
from sync.throttling.budgeted_reader import AT_A_PAGE, PatientReader
from sync.workers import leases

logger = logging.getLogger(__name__)


@shared_task
def import_namespace(pk: int) -> None:
    """Bring in one namespace; quiet when it is gone, done, or being brought in."""
    importing.bring_in(pk)


@shared_task
def refresh_namespaces() -> None:
    """Read every namespace's essentials anew, and start imports whose message was lost."""
    with leases.held("refresh", seconds=300) as alone:
        if alone:
            _refresh_all()
            for namespace in importing.startable(Namespace.objects.filter(unreachable_since__isnull=True)):
                importing.bring_in(namespace.pk)


def _refresh_all() -> None:
    """One after the other; a subscription in which Azure asks for patience has its turn in the next round."""
    reader = _reader()
    patient: set[str] = set()
    for namespace in Namespace.objects.all():
        subscription = subscription_of(namespace.resource_id)
        if subscription not in patient and not refresh_namespace(namespace, reader):
            patient.add(subscription)


def _reader() -> Reader:
    return PatientReader(arm_gateway(), longest_wait=AT_A_PAGE, tries=1)  # it is asked again in a moment anyway


def refresh_namespace(namespace: Namespace, reader: Reader | None = None) -> bool:
    """Read one namespace. What Azure refuses, such as one that was deleted there, is shown like an outage.

    False when Azure asks for patience: then nothing is known, and more should not be asked of it now.
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
    fresh = Namespace(pk=namespace.pk)
    fresh.adopt(resource)
    Namespace.objects.filter(pk=namespace.pk).update(
        resource_id=fresh.resource_id,
        name=fresh.name,
        location=fresh.location,
        hostname=fresh.hostname,
        resource=fresh.resource,
        checked_at=timezone.now(),
    )
    return True


def take_missing_configuration(namespace: Namespace, reader: Reader) -> None:
    """Settings of a namespace that was brought in before the portal knew of them. Azure's refusal waits for its turn."""
    if NamespaceConfiguration.objects.filter(namespace=namespace).exists():
        return
    with suppress(AzureRefused, AzureUnreachable):
        for resource in NamespaceConfiguration.in_azure(reader, namespace.resource_id):
            with transaction.atomic():
                importing.take_resource(NamespaceConfiguration, namespace, resource)
