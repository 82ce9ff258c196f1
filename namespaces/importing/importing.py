"""Bring in what Azure already holds in a namespace: accept all of it, and note what our rules would refuse."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.utils import timezone

from namespaces.models import Namespace
from portal import activity
from sync import registry
from sync.arm.gateway import ArmGateway, AzureRefused, AzureUnreachable, arm_gateway
from sync.models import SyncedModel
from sync.throttling.budgeted_reader import PatientReader
from sync.workers.wakeups import send_on_commit

BATCH = 50  # rows per transaction: short enough that pages go on writing
DEAD_AFTER = timedelta(seconds=120)  # a running import that was silent for so long has died
NAMES_SHOWN = 5

Resource = Mapping[str, Any]


def startable(namespaces: Any) -> Any:
    """Namespaces whose import nobody works on."""
    silent = timezone.now() - DEAD_AFTER
    died = Q(import_state=Namespace.Import.RUNNING, import_touched_at__lt=silent)
    return namespaces.filter(Q(import_state=Namespace.Import.WAITING) | died)


class Import:
    """One run of bringing a namespace in, with its progress on the namespace's row."""

    def __init__(self, namespace: Namespace, gateway: ArmGateway) -> None:
        self.namespace = namespace
        self.reader = PatientReader(gateway, meanwhile=self._say)
        self.done = 0
        self.left_out: list[str] = []

    def run(self) -> None:
        found = {model: list(model.in_azure(self.reader, self.namespace.resource_id)) for model in registry.models()}
        self._say(import_total=sum(len(resources) for resources in found.values()), import_done=0)
        for model, resources in found.items():
            remaining = iter(resources)
            while batch := list(islice(remaining, BATCH)):
                self._take_batch(model, batch)
                if not self._say(import_done=self.done):
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
                f"{len(self.left_out)} could not be brought in, because the portal cannot hold what Azure allows: "
                f"{names}{more}. They stay as they are in Azure."
            )
        self._say(import_state=Namespace.Import.DONE, import_message=message)
        send_on_commit("sync.tasks.scan", self.namespace.pk)
        activity.record(
            None,
            verb="Bring in from Azure",
            kind="namespaces.namespace",
            object_pk=self.namespace.pk,
            object_name=self.namespace.name,
            scope=self.namespace.pk,
            scope_name=self.namespace.name,
            after={"brought in": self.done - len(self.left_out), "left out": len(self.left_out)},
        )

    def _say(self, **values: Any) -> bool:
        row = Namespace.objects.filter(pk=self.namespace.pk)
        return bool(row.update(import_touched_at=timezone.now(), **values))


def take_resource(model: type[SyncedModel], namespace: Namespace, resource: Resource) -> SyncedModel:
    """Make the row of one resource, or refresh what is equal. A row that differs keeps its values: that is drift."""
    manager: Any = model._default_manager
    name = str(resource["name"])
    row: Any = manager.select_for_update().filter(namespace=namespace, name__iexact=name).first()
    if row is None:
        row = model(namespace=namespace)  # type: ignore[misc]
        row.synced_generation = row.generation
    elif not row.is_settled:
        return row  # type: ignore[no-any-return]  # its push looks at Azure itself, and overwrites nothing unseen
    elif not row.matches(resource):
        return row  # type: ignore[no-any-return]  # changed behind our back: people decide about it (sync.drift.scan)
    row.adopt(resource)
    row.base = dict(resource)
    row.rule_notes = row.rule_problems()
    row.synced_at = timezone.now()
    row.save()
    return row  # type: ignore[no-any-return]


def bring_in(pk: int, gateway: ArmGateway | None = None) -> None:
    """Bring a namespace in, unless somebody else is at it. A transient fault leaves it waiting for the next run."""
    begun = startable(Namespace.objects.filter(pk=pk)).update(
        import_state=Namespace.Import.RUNNING, import_touched_at=timezone.now(), import_message=""
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
        row.update(import_state=Namespace.Import.FAILED, import_message=f"{refusal.code}: {refusal.message}")


def unsettled_in(namespace: Namespace) -> Iterator[SyncedModel]:
    """Rows of the namespace that have not reached Azure, of every synced model."""
    for model in registry.models():
        manager: Any = model._default_manager
        yield from manager.filter(namespace=namespace).exclude(generation=F("synced_generation"))
