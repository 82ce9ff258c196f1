"""What waits, how fast it goes and when it will be done: for the Sync page, and before a bulk action starts."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Min, QuerySet
from django.utils import timezone

from portal.models import User
from sync import budget, pace, registry, workers
from sync.budget import Gauge
from sync.models import Finding, Scan, SyncedModel, WorkerBeat
from sync.queue import subscription_of
from sync.registry import Scope

PARKED_SHOWN = 100
SPEED_UNMEASURED = 40.0  # rows per second of one worker, where none has been measured lately
LATENCY_SECONDS = 1.0  # what even a single change takes


@dataclass(frozen=True)
class ParkedGroup:
    """Rows that Azure refused for the same reason."""

    code: str
    message: str  # of the first of them
    rows: tuple[SyncedModel, ...]  # the first ones
    count: int


@dataclass(frozen=True)
class QueueOverview:
    """What waits in one namespace, or in all."""

    due: int  # could go now
    in_flight: int
    later: int  # wait for their next try, for another row, or for Azure's patience
    urgent: int
    deletions: int
    parked: tuple[ParkedGroup, ...]
    oldest_due_at: datetime | None
    delays: tuple[tuple[str, int], ...]  # why rows wait, with how many

    @property
    def waiting(self) -> int:
        return self.due + self.in_flight + self.later

    @property
    def parked_count(self) -> int:
        return sum(group.count for group in self.parked)


@dataclass(frozen=True)
class Estimate:
    """When something will have reached Azure. `seconds` is None where nobody can say; the sentence says why."""

    seconds: float | None
    sentence: str
    limited_by: str  # "budget", "speed", "outage" or "no worker"


def _rows(model: type[SyncedModel], scope_pk: int | None) -> Any:
    manager: Any = model._default_manager
    unsettled = manager.unsettled()
    return unsettled if scope_pk is None else unsettled.filter(**{model.scope_field: scope_pk})


def queue_overview(scope_pk: int | None = None, *, at: datetime | None = None) -> QueueOverview:
    """What waits in the namespace `scope_pk`, or everywhere."""
    at = at or timezone.now()
    due = in_flight = later = urgent = deletions = 0
    oldest: list[datetime] = []
    delays: Counter[str] = Counter()
    parked: dict[str, list[SyncedModel]] = {}
    counts: Counter[str] = Counter()
    for model in registry.models():
        rows = _rows(model, scope_pk)
        waiting = rows.filter(parked_code="")
        could_go = rows.due(at).count()
        held = waiting.filter(claimed_until__gt=at).count()
        due += could_go
        in_flight += held
        later += waiting.count() - could_go - held
        urgent += waiting.filter(lane=0).count()
        deletions += waiting.filter(deleted_at__isnull=False).count()
        first = waiting.aggregate(first=Min("due_at"))["first"]
        oldest += [first] if first else []
        reasons = waiting.exclude(last_error="", waits_for="").values_list("last_error", "waits_for")
        delays.update(f"Waits for {waits_for}" if waits_for else error for error, waits_for in reasons)
        counts.update(rows.exclude(parked_code="").values_list("parked_code", flat=True))
        for row in rows.exclude(parked_code="").select_related(*model.scope_relations).order_by("pk")[:PARKED_SHOWN]:
            parked.setdefault(row.parked_code, []).append(row)
    groups = [ParkedGroup(code, rows[0].parked_message, tuple(rows), counts[code]) for code, rows in parked.items()]
    groups.sort(key=lambda group: -group.count)
    return QueueOverview(
        due, in_flight, max(later, 0), urgent, deletions, tuple(groups), min(oldest, default=None),
        tuple(delays.most_common(10)),
    )  # fmt: skip


def gauges_of(resource_id: str) -> list[Gauge]:
    """The buckets of the subscription that a resource lives in."""
    subscription = subscription_of(resource_id)
    return [gauge for gauge in budget.gauges() if gauge.subscription == subscription]


def speed(resource_id: str, at: datetime | None = None) -> float | None:
    """Rows per second that have reached the subscription of a resource lately, as far as that was measured."""
    subscription = subscription_of(resource_id)
    inside = [scope.pk for scope in registry.scopes().all() if subscription_of(scope.resource_id) == subscription]
    return pace.measured(inside, at or timezone.now())


def estimate(resource_id: str, *, writes: int = 0, deletes: int = 0, at: datetime | None = None) -> Estimate:
    """When everything that waits in the subscription, and so many rows more, will have reached Azure.

    Ask it with the size of a bulk action before that starts, and with nothing while it runs.
    """
    at = at or timezone.now()
    queued_writes, queued_deletes = _queued(subscription_of(resource_id))
    total = {"writes": writes + queued_writes, "deletes": deletes + queued_deletes}
    if not any(total.values()):
        return Estimate(0.0, "Nothing waits.", "speed")
    beating = workers.alive(at)
    if not beating:
        return Estimate(None, "No worker is running, so nothing reaches Azure. Start one.", "no worker")
    waits = _budget_seconds(resource_id, total)
    outage = next((gauge.blocked_reason for gauge in gauges_of(resource_id) if gauge.blocked_seconds > 5), "")
    by_budget = max(waits.values())
    by_speed = sum(total.values()) / (speed(resource_id, at) or SPEED_UNMEASURED * len(beating))
    seconds = max(by_budget, by_speed, LATENCY_SECONDS)
    limited_by = "budget" if by_budget >= by_speed else "speed"
    said = f"About {in_words(seconds)}"
    waiting = queued_writes + queued_deletes
    if waiting:  # else whoever asks knows how many these are
        said += f" for {_changes(sum(total.values()))}"
    if waiting and (writes or deletes):
        said += f", with the {waiting:,} that {'waits' if waiting == 1 else 'wait'} already"
    if outage:
        return Estimate(seconds, f"{said}, once Azure answers again ({outage}).", "outage")
    if limited_by == "budget" and by_budget > LATENCY_SECONDS:
        return Estimate(seconds, f"{said}: that is what Azure's limits allow.", limited_by)
    return Estimate(seconds, f"{said}.", limited_by)


def announcement(resource_id: str, *, writes: int = 0, deletes: int = 0, at: datetime | None = None) -> str:
    """What a bulk action will send to Azure and how long that takes, to be said before it starts."""
    if not writes and not deletes:
        return "Nothing changes in Azure."
    sentence = estimate(resource_id, writes=writes, deletes=deletes, at=at).sentence
    return f"{_changes(writes + deletes)} to Azure. {sentence}"


def _changes(count: int) -> str:
    return "1 change" if count == 1 else f"{count:,} changes"


def _queued(subscription: str) -> tuple[int, int]:
    writes = deletes = 0
    for model in registry.models():
        rows = _rows(model, None).filter(
            parked_code="", **{f"{model.scope_id_path}__istartswith": f"/subscriptions/{subscription}/"}
        )
        deletes += rows.filter(deleted_at__isnull=False).count()
        writes += rows.filter(deleted_at__isnull=True).count()
    return writes, deletes


def _budget_seconds(resource_id: str, total: dict[str, int]) -> dict[str, float]:
    """How long each operation type takes by the budget alone."""
    if not settings.ARM_BUDGETS:
        return dict.fromkeys(total, 0.0)
    known = {gauge.operation: gauge for gauge in gauges_of(resource_id)}
    found = {}
    for operation, count in total.items():
        gauge = known.get(operation)
        level, refill, blocked = (
            (gauge.level, gauge.refill, gauge.blocked_seconds) if gauge else (*budget.SIZES[operation], 0.0)
        )
        found[operation] = (blocked + max(count - level, 0) / refill) if count else 0.0
    return found


def in_words(seconds: float) -> str:
    """A length of time as one says it: "2 seconds", "5 minutes", "1 hour 20 minutes"."""
    if seconds < 90:
        whole = max(round(seconds), 1)
        return "1 second" if whole == 1 else f"{whole} seconds"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} minutes"
    hours, rest = divmod(minutes, 60)
    said = "1 hour" if hours == 1 else f"{hours} hours"
    return said if not rest else f"{said} {rest} minutes"


def last_scan(scope_pk: int) -> Scan | None:
    return Scan.objects.filter(scope=scope_pk).order_by("-started_at").first()


def workers_alive(at: datetime | None = None) -> list[WorkerBeat]:
    return workers.alive(at or timezone.now())


def open_findings(scope_pk: int) -> int:
    return Finding.objects.filter(scope=scope_pk, state=Finding.State.OPEN).count()


def findings(scope_pk: int, *, with_ignored: bool = False) -> QuerySet[Finding]:
    """Unresolved differences of a namespace, the loud ones first."""
    found = Finding.objects.filter(scope=scope_pk).exclude(state=Finding.State.RESOLVED)
    return found if with_ignored else found.filter(state=Finding.State.OPEN)


@dataclass(frozen=True)
class ScopeOverview:
    """One namespace on the page of all."""

    scope: Scope
    queue: QueueOverview
    findings: int
    scan: Scan | None


def all_scopes(user: User) -> list[ScopeOverview]:
    """Every namespace that the user may see, those with trouble first."""
    found = [
        ScopeOverview(scope, queue_overview(scope.pk), open_findings(scope.pk), last_scan(scope.pk))
        for scope in registry.scopes().visible(user)
    ]
    return sorted(
        found, key=lambda each: (-each.queue.parked_count, -each.findings, -each.queue.waiting, each.scope.name)
    )
