"""Import what Azure already holds in a namespace: accept all of it, and note what our rules would reject.

A run that Azure rejects, for instance because a role assignment is still spreading, is retried with growing pauses.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from namespaces.connections.client_certificates import note_latest
from namespaces.models import Namespace
from portal import activity
from sync import registry
from sync.arm.gateway import ArmGateway, AzureRefused, AzureUnreachable, arm_gateway
from sync.models import SyncedModel
from sync.throttling.budgeted_reader import BudgetedReader
from sync.workers.wakeups import send_on_commit

logger = logging.getLogger(__name__)

BATCH = 50  # rows per transaction: short enough that pages go on writing
DEAD_AFTER = timedelta(seconds=120)  # a running import that was silent for so long has died
NAMES_SHOWN = 5
SHORTEST_PAUSE = timedelta(seconds=30)  # between two runs that Azure rejects
LONGEST_PAUSE = timedelta(hours=1)

Resource = Mapping[str, Any]


def startable(namespaces: QuerySet[Namespace], *, at: datetime) -> QuerySet[Namespace]:
    """Return the namespaces whose import waits for a worker, or whose worker has died."""
    died = Q(import_state=Namespace.Import.RUNNING, import_touched_at__lt=at - DEAD_AFTER)
    return namespaces.filter(Q(import_state=Namespace.Import.WAITING) | died)


def next_try(namespace: Namespace) -> datetime | None:
    """Return when a failed import is retried; None when it has not failed.

    The pause is as long as the import has been failing, between 30 seconds and an hour, so it doubles with each run.
    An import that fails has failed since the namespace was connected: one that was done is not run again.
    """
    if namespace.import_state != Namespace.Import.FAILED:
        return None
    last = namespace.import_touched_at or namespace.connected_at
    return last + min(max(last - namespace.connected_at, SHORTEST_PAUSE), LONGEST_PAUSE)


def queue_failed(namespaces: QuerySet[Namespace], *, at: datetime) -> None:
    """Let the failed imports that are due for a retry wait for a worker again."""
    for namespace in namespaces.filter(import_state=Namespace.Import.FAILED):
        due = next_try(namespace)
        if due is not None and due <= at:
            queue_again(namespace)


def queue_again(namespace: Namespace) -> bool:
    """Let a failed import wait for a worker again. Return False when it is no longer failed."""
    failed = Namespace.objects.filter(pk=namespace.pk, import_state=Namespace.Import.FAILED)
    return bool(failed.update(import_state=Namespace.Import.WAITING, import_done=0, import_total=None))


class Import:
    """One run of an import, with its progress on the namespace's row."""

    def __init__(self, namespace: Namespace, gateway: ArmGateway) -> None:
        self.namespace = namespace
        self.reader = BudgetedReader(gateway, meanwhile=self._save)
        self.done = 0
        self.left_out: list[str] = []

    def run(self) -> None:
        found = {model: list(model.in_azure(self.reader, self.namespace.resource_id)) for model in registry.models()}
        self._save(import_total=sum(len(resources) for resources in found.values()), import_done=0)
        for model, resources in found.items():
            remaining = iter(resources)
            while batch := list(islice(remaining, BATCH)):
                self._take_batch(model, batch)
                if not self._save(import_done=self.done):
                    return  # disconnected meanwhile
        self._finish()

    def _take_batch(self, model: type[SyncedModel], batch: Sequence[Resource]) -> None:
        with transaction.atomic():
            for resource in batch:
                try:
                    with transaction.atomic():
                        take_resource(model, self.namespace, resource)
                except DatabaseError:
                    self.left_out.append(str(resource.get("name")))
                self.done += 1

    def _finish(self) -> None:
        message = ""
        if self.left_out:
            names = ", ".join(self.left_out[:NAMES_SHOWN])
            more = f" and {len(self.left_out) - NAMES_SHOWN} more" if len(self.left_out) > NAMES_SHOWN else ""
            message = (
                f"{len(self.left_out)} could not be imported, because the portal cannot store what Azure allows: "
                f"{names}{more}. They are unchanged in Azure."
            )
        note_latest(self.namespace.pk)
        self._save(import_state=Namespace.Import.DONE, import_message=message)
        send_on_commit("sync.tasks.scan", self.namespace.pk)
        activity.record(
            None,
            verb="Import from Azure",
            kind="namespaces.namespace",
            object_pk=self.namespace.pk,
            object_name=self.namespace.name,
            scope=self.namespace.pk,
            scope_name=self.namespace.name,
            after={"imported": self.done - len(self.left_out), "left_out": len(self.left_out)},
        )

    def _save(self, **values: Any) -> bool:
        row = Namespace.objects.filter(pk=self.namespace.pk)
        return bool(row.update(import_touched_at=timezone.now(), **values))


def take_resource(model: type[SyncedModel], namespace: Namespace, resource: Resource) -> SyncedModel:
    """Create the row of one resource, or refresh one that is equal. A row that differs keeps its values: that is drift."""
    manager: Any = model._default_manager
    name = str(resource["name"])
    row: Any = manager.named(name).filter(namespace=namespace).select_for_update().first()
    if row is None:
        row = model(namespace=namespace)  # type: ignore[misc]
        row.synced_generation = row.generation
    elif not row.is_settled:
        return row  # type: ignore[no-any-return]  # its push reads Azure first and overwrites nothing unseen
    elif not row.matches(resource):
        return row  # type: ignore[no-any-return]  # changed outside the portal: users decide about it (sync.drift)
    row.adopt(resource)
    row.base = dict(resource)
    row.rule_notes = row.rule_problems()
    row.synced_at = timezone.now()
    row.save()
    registry.note_changes([row])
    return row  # type: ignore[no-any-return]


def run_import(pk: int, gateway: ArmGateway | None = None) -> None:
    """Import a namespace, unless another worker does. An outage leaves it waiting, a rejection by Azure makes it fail."""
    now = timezone.now()
    begun = startable(Namespace.objects.filter(pk=pk), at=now).update(
        import_state=Namespace.Import.RUNNING, import_touched_at=now, import_message=""
    )
    namespace = Namespace.objects.filter(pk=pk).first()
    if not begun or namespace is None:
        return
    row = Namespace.objects.filter(pk=pk)
    try:
        Import(namespace, gateway or arm_gateway()).run()
    except AzureUnreachable as outage:
        row.update(import_state=Namespace.Import.WAITING, import_message=f"Waiting for Azure: {outage.reason}.")
        if not outage.throttled:
            registry.note_reachability(pk, outage.reason)
    except AzureRefused as refusal:
        logger.warning("Import of %s failed: %s", namespace.name, refusal.code)
        message = f"{refusal.code}: {refusal.message}"
        row.update(import_state=Namespace.Import.FAILED, import_message=message, import_touched_at=timezone.now())
