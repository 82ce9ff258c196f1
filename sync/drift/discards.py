"""Discard many rejected changes: recorded first, then done by a worker, with one listing for many reads."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from portal import activity
from portal.models import Activity, User
from sync import registry
from sync.arm.gateway import ArmGateway, AzureRefused, AzureUnreachable, arm_gateway
from sync.arm.protocols import Reader
from sync.control import HeldBack
from sync.drift import resolutions
from sync.drift.resolutions import CannotResolve
from sync.models import Discard, Sight, SyncedModel, of_seen_objects
from sync.throttling.budgeted_reader import BudgetedReader
from sync.workers.wakeups import send_on_commit

LISTED_FROM = 40  # rows of one collection: from so many on a listing takes fewer requests

Resource = Mapping[str, Any]


def ask(actor: User, rows: Iterable[SyncedModel]) -> int:
    """Record that these changes are to be discarded, and return the number. A worker does it, even if its message is lost."""
    now = timezone.now()
    asked = [
        Discard(
            kind=row.kind, object_pk=row.pk, scope=row.scope_pk(), generation=row.generation, actor=actor, asked_at=now
        )
        for row in rows
    ]
    with transaction.atomic(durable=True):
        Discard.objects.bulk_create(asked, batch_size=500, ignore_conflicts=True)
        send_on_commit("sync.tasks.discard")
    return len(asked)


def waiting(sight: Sight) -> int:
    """Return the number of discards that are still to be done, of changes that are seen."""
    return Discard.objects.filter(of_seen_objects(sight)).count()


def anything_waits() -> bool:
    return Discard.objects.exists()


def run(*, seconds: float, gateway: ArmGateway | None = None, meanwhile: Callable[[], object] = lambda: None) -> bool:
    """Discard for up to `seconds` what was asked for. Return whether there is more to do at once.

    After an outage, the rest of that namespace waits for the next run. `meanwhile` is called at least between two
    requests that take long.
    """
    groups: dict[tuple[str, int], list[Discard]] = defaultdict(list)
    for each in Discard.objects.select_related("actor").order_by("pk"):
        groups[(each.kind, each.scope)].append(each)
    for (kind, _), asked in groups.items():
        try:
            is_done = _run_group(registry.model_for(kind), asked, gateway or arm_gateway(), seconds, meanwhile)
        except AzureUnreachable:
            is_done = True
        if not is_done:
            return True
    return False


def _run_group(
    model: type[SyncedModel],
    asked: list[Discard],
    gateway: ArmGateway,
    seconds: float,
    meanwhile: Callable[[], object],
) -> bool:
    """Of one collection: False when the time was over first. The rows are read before Azure is, so that it shows when
    one has moved since.
    """
    manager: Any = model._default_manager
    found = manager.filter(pk__in=[each.object_pk for each in asked]).select_related(*model.scope_relations, "team")
    rows: dict[int, SyncedModel] = {row.pk: row for row in found}
    reader = BudgetedReader(gateway, meanwhile=meanwhile)
    try:
        listed = _listing(model, rows, reader) if len(rows) >= LISTED_FROM else None
    except AzureRefused:
        listed = None  # each read says for itself what is wrong
    deadline = time.monotonic() + seconds
    for each in asked:
        row = rows.get(each.object_pk)
        if row is not None and row.parked_code and row.generation == each.generation:
            _discard(each.actor, row, gateway, listed)
        each.delete()
        meanwhile()
        if time.monotonic() > deadline:
            return False
    return True


def _listing(model: type[SyncedModel], rows: Mapping[int, SyncedModel], reader: Reader) -> dict[str, Resource]:
    scope_id = next(iter(rows.values())).arm_id().rsplit("/", 2)[0]
    return {str(resource["name"]).lower(): resource for resource in model.in_azure(reader, scope_id)}


def _discard(actor: User, row: SyncedModel, gateway: ArmGateway, listed: Mapping[str, Resource] | None) -> None:
    if listed is not None and row.base is not None and str(row).lower() not in listed:
        listed = (
            None  # a listing may lag behind: what was there once is looked for itself before it goes from the portal
        )
    try:
        resolutions.discard_change(actor, row=row, gateway=gateway, listed=listed)
    except CannotResolve:
        pass  # it was retried or changed since: that is newer
    except HeldBack as held:
        with transaction.atomic(durable=True):
            _record_refusal(actor, row, held.code, str(held))
    except AzureRefused as refusal:
        with transaction.atomic(durable=True):
            _record_refusal(actor, row, refusal.code, refusal.message)


def _record_refusal(actor: User, row: SyncedModel, code: str, message: str) -> None:
    activity.record(
        actor,
        verb="Discard change",
        **row.in_activity(),
        before={"error": row.parked_code, "message": row.parked_message},
        generation=row.generation,
        synced=True,
    )
    activity.settle(row.kind, row.pk, row.generation, Activity.Outcome.FAILED, code[:120], message)
