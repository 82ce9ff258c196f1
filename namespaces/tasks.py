"""Tasks of namespaces: bring in what Azure holds, and keep the essentials fresh."""

import logging
from contextlib import suppress

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from namespaces import intake
from namespaces.models import Namespace, NamespaceConfiguration
from namespaces.reachability import note_reachability
from sync import leases
from sync.gateway import AzureRefused, AzureUnreachable, arm_gateway

logger = logging.getLogger(__name__)


@shared_task
def import_namespace(pk: int) -> None:
    """Bring in one namespace; quiet when it is gone, done, or being brought in."""
    intake.bring_in(pk)


@shared_task
def refresh_namespaces() -> None:
    """Read every namespace's essentials anew, and start imports whose message was lost."""
    with leases.held("refresh", seconds=300) as alone:
        if alone:
            for namespace in Namespace.objects.all():
                refresh_namespace(namespace)
            for namespace in intake.startable(Namespace.objects.filter(unreachable_since__isnull=True)):
                intake.bring_in(namespace.pk)


def refresh_namespace(namespace: Namespace) -> None:
    """Read one namespace. What Azure refuses, such as one that was deleted there, is shown like an outage."""
    try:
        resource = arm_gateway().get(namespace.resource_id)
    except AzureUnreachable as outage:
        note_reachability(namespace.pk, outage.reason)
        return
    except AzureRefused as refusal:
        gone = "Azure no longer has this namespace, or the portal's credential may no longer see it"
        note_reachability(namespace.pk, gone if refusal.status == 404 else str(refusal))
        return
    note_reachability(namespace.pk, None)
    if namespace.import_state == Namespace.Import.DONE:
        take_missing_configuration(namespace)
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


def take_missing_configuration(namespace: Namespace) -> None:
    """Settings of a namespace that was brought in before the portal knew of them. Azure's refusal waits for its turn."""
    if NamespaceConfiguration.objects.filter(namespace=namespace).exists():
        return
    with suppress(AzureRefused, AzureUnreachable):
        for resource in NamespaceConfiguration.in_azure(arm_gateway(), namespace.resource_id):
            with transaction.atomic():
                intake.take_resource(NamespaceConfiguration, namespace, resource)
