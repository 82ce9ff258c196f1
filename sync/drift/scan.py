"""Compare a namespace with Azure: find what was changed, created or deleted outside the portal.

Three ways: `base` is what the portal last left in Azure, ours is the row, Azure's is what is listed now. Nothing is
changed here except `base` where it has the same meaning; people decide about the rest (`sync.drift.resolutions`).
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal import activity
from portal.notifications.announcing import Place
from sync import registry
from sync.arm.gateway import ArmGateway, AzureRefused, AzureUnreachable, arm_gateway
from sync.arm.protocols import Reader
from sync.models import Finding, Scan, SyncedModel
from sync.notices import Found, announce_found
from sync.push.comparison import canonical, describe_resource, field_differences
from sync.push.conflicts import alarm_of, upsert_finding
from sync.registry import Scope
from sync.throttling.budgeted_reader import BudgetedReader

logger = logging.getLogger(__name__)

BATCH = 100  # findings per transaction
AFTER_A_FAILURE = timedelta(seconds=60)  # twice as long after each further one, until it is the usual time
RECORDED_ONE_BY_ONE = 20  # new findings that get an entry each in the activity log
SCANS_KEPT = timedelta(days=30)

Resource = Mapping[str, Any]
Fingerprint = list[Any]


@dataclass
class _Difference:
    model: type[SyncedModel]
    name: str
    drift: Finding.Class
    row: SyncedModel | None
    resource: Resource | None


@dataclass
class _Comparison:
    """Of one collection. `names` are those that are as they should be."""

    differences: list[_Difference] = field(default_factory=list)
    agreed: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)  # names that the portal has
    restated: list[tuple[SyncedModel, Resource]] = field(default_factory=list)  # equal, in other words
    resources: int = 0


def lease_of(scope_pk: int) -> str:
    """Return the name of the lease for comparing the namespace."""
    return f"drift-{scope_pk}"


def scan(scope: Scope, *, gateway: ArmGateway | None = None, meanwhile: Callable[[], object] | None = None) -> Scan:
    """Compare every collection of a namespace, and return the scan. An error of Azure or a lasting outage ends it, and
    is kept in `error`. `meanwhile` is called regularly, at least between two requests that take long.
    """
    run = Scan.objects.create(scope=scope.pk, started_at=timezone.now())
    reader = BudgetedReader(gateway or arm_gateway(), meanwhile=meanwhile)
    try:
        for model in registry.models():
            compared = _compare(model, scope, reader)
            run.resources += compared.resources
            run.found += _keep(model, scope, compared, timezone.now(), meanwhile)
    except AzureRefused as refusal:
        run.error = f"{refusal.code}: {refusal.message}"
    except AzureUnreachable as outage:
        run.error = outage.reason
    run.requests = reader.requests
    run.ended_at = timezone.now()
    run.save()
    Scan.objects.filter(scope=scope.pk, started_at__lt=run.started_at - SCANS_KEPT).delete()
    return run


def due_for_a_scan(at: datetime) -> Iterator[Scope]:
    """Yield namespaces to compare at `at`. A failed or interrupted comparison is repeated soon."""
    period = timedelta(seconds=settings.DRIFT_SCAN_SECONDS)
    recent: dict[int, list[Scan]] = defaultdict(list)
    for run in Scan.objects.filter(started_at__gt=at - 4 * period).order_by("-started_at", "-pk"):
        recent[run.scope].append(run)
    for scope in registry.scopes().all():
        if _next_turn(recent[scope.pk], period) <= at:
            yield scope


def _next_turn(runs: Sequence[Scan], period: timedelta) -> datetime:
    """Return when to compare after these scans, newest first: later with each failure in a row."""
    if not runs:
        return datetime.min.replace(tzinfo=UTC)
    failures = sum(1 for _ in takewhile(lambda run: run.error or run.ended_at is None, runs))
    if not failures:
        return runs[0].started_at + period
    pause: timedelta = AFTER_A_FAILURE * 2 ** min(failures - 1, 10)
    return (runs[0].ended_at or runs[0].started_at) + min(pause, period)


# Compare


def _fingerprints(model: type[SyncedModel], scope: Scope) -> dict[int, Fingerprint]:
    rows: Any = model._default_manager
    columns = ("pk", "generation", "synced_generation", "synced_at", "claim_token", "doubtful_from")
    found = rows.filter(**{model.scope_field: scope.pk}).values_list(*columns)
    return {pk: rest for pk, *rest in found.iterator()}


def _compare(model: type[SyncedModel], scope: Scope, reader: Reader) -> _Comparison:
    rows: Any = model._default_manager
    before = _fingerprints(model, scope)
    listed = {str(resource["name"]).lower(): resource for resource in model.in_azure(reader, scope.resource_id)}
    compared = _Comparison(resources=len(listed))
    known, still_there = compared.known, set()
    mine = rows.filter(**{model.scope_field: scope.pk}).select_related(*model.scope_relations)
    for row in mine.iterator(chunk_size=500):
        name = str(row).lower()
        known.add(name)
        still_there.add(row.pk)
        fingerprint = [row.generation, row.synced_generation, row.synced_at, row.claim_token, row.doubtful_from]
        is_moving = row.claim_token is not None or row.doubtful_from is not None or row.deleted_at is not None
        if is_moving or before.get(row.pk) != fingerprint:
            continue  # on its way while we looked: the next scan sees it at rest
        _compare_row(compared, row, listed.get(name))
    gone_meanwhile = (
        before.keys() - still_there
    )  # what they left in Azure may have been listed before it went there, too
    for name, resource in listed.items():
        if name not in known and not gone_meanwhile and not model.is_patched:
            compared.differences.append(
                _Difference(model, str(resource["name"]), Finding.Class.APPEARED, None, resource)
            )
    return compared


def _compare_row(compared: _Comparison, row: SyncedModel, resource: Resource | None) -> None:
    if row.base is None:
        return  # not there yet; if others took its name, the push reports it
    model, name = type(row), str(row)
    if resource is None:
        compared.differences.append(_Difference(model, name, Finding.Class.DELETED, row, None))
        return
    if _same_properties(row.base, resource):
        compared.agreed.add(name.lower())
        return
    theirs = canonical(describe_resource(model, resource))
    if theirs == canonical(describe_resource(model, row.base)) or row.matches(resource):
        compared.agreed.add(name.lower())
        compared.restated.append((row, resource))
        return
    drift = Finding.Class.CHANGED if row.is_settled else Finding.Class.BOTH
    compared.differences.append(_Difference(model, name, drift, row, resource))


def _same_properties(ours: Resource, theirs: Resource) -> bool:
    return ours.get("properties") == theirs.get("properties")


# Keep


def _keep(
    model: type[SyncedModel], scope: Scope, compared: _Comparison, at: datetime, meanwhile: Callable[[], object] | None
) -> int:
    """Save the findings, resolve those that agree again, and return the number of new ones."""
    kind = model._meta.label_lower
    unresolved = Finding.objects.filter(kind=kind, scope=scope.pk).exclude(state=Finding.State.RESOLVED)
    known = {name.lower() for name in unresolved.values_list("name", flat=True)}
    new = [each for each in compared.differences if each.name.lower() not in known]
    for start in range(0, len(compared.differences), BATCH):
        with transaction.atomic():
            batch = [(each, _keep_one(each, kind, scope, at)) for each in compared.differences[start : start + BATCH]]
            fresh = [_found(each, finding) for each, finding in batch if each.name.lower() not in known]
            announce_found(fresh, Place(scope.pk, scope.name))
        if meanwhile is not None:
            meanwhile()
    _record(new, kind, scope)
    differing = {each.name.lower() for each in compared.differences}
    for finding in unresolved:
        name = finding.name.lower()
        is_nowhere = name not in compared.known or finding.drift == Finding.Class.APPEARED
        vanished = is_nowhere and name not in differing
        if name in compared.agreed or vanished:
            finding.state, finding.resolution, finding.resolved_at = Finding.State.RESOLVED, "Azure is as it was", at
            finding.save()
    for row, resource in compared.restated:
        rows: Any = type(row)._default_manager
        rows.filter(pk=row.pk, generation=row.generation, claim_token__isnull=True).update(base=dict(resource))
    return len(new)


def _found(each: _Difference, finding: Finding) -> Found:
    team = each.row.team_id if each.row is not None else None
    return Found(each.model, each.name, str(each.drift.label), team, finding.note)


def _keep_one(each: _Difference, kind: str, scope: Scope, at: datetime) -> Finding:
    row, base = each.row, each.row.base if each.row is not None else None
    fields = field_differences(each.model, base=base, ours=row, azure=each.resource)
    alarm = alarm_of(each.model, base=base, azure=each.resource, fields=fields)
    return upsert_finding(
        kind=kind,
        scope=scope.pk,
        name=each.name,
        at=at,
        object_pk=row.pk if row is not None else None,
        drift=each.drift,
        fields=fields,
        resource=dict(each.resource) if each.resource is not None else None,
        is_loud=bool(alarm),
        note=alarm,
    )


def _record(new: list[_Difference], kind: str, scope: Scope) -> None:
    """Record new findings in the activity log, one by one if they are few."""
    single = new if len(new) <= RECORDED_ONE_BY_ONE else []
    for each in single:
        activity.record(
            None,
            verb=str(each.drift.label),
            kind=kind,
            object_pk=each.row.pk if each.row is not None else None,
            object_name=each.name,
            scope=scope.pk,
            scope_name=scope.name,
            before=describe_resource(each.model, each.row.base) if each.row is not None else None,
            after=describe_resource(each.model, each.resource),
            team=each.row.team if each.row is not None else None,
        )
    if new and not single:
        activity.record(
            None,
            verb="Differences found in Azure",
            kind=kind,
            object_pk=None,
            object_name=f"{len(new)} {new[0].model._meta.verbose_name_plural}",
            scope=scope.pk,
            scope_name=scope.name,
        )
