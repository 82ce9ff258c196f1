"""Waiting changes, throughput and estimates: for the Sync page, and before a bulk action."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, QuerySet
from django.urls import reverse
from django.utils import timezone

from portal.models import User
from portal.registry import SearchHit, page_hit
from sync import actions, registry
from sync.arm.resource_ids import subscription_of
from sync.drift import scan as drift
from sync.models import Finding, Scan, Sight, WorkerBeat
from sync.pages import backlog
from sync.pages.backlog import Figures, ParkedGroup
from sync.registry import Scope
from sync.throttling import budget, throughput
from sync.throttling.budget import Gauge
from sync.workers import heartbeats, leases

SPEED_UNMEASURED = 40.0  # rows per second of one worker, where nothing was measured recently
AWAITED = timedelta(minutes=2)  # how long a page waits for a requested comparison to start
LATENCY_SECONDS = 1.0  # the least that a change takes


@dataclass(frozen=True)
class QueueOverview(Figures):
    """Waiting changes of one namespace, or of all: figures, rejected changes, and reasons for waiting with counts."""

    parked: tuple[ParkedGroup, ...] = ()
    delays: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Estimate:
    """How long until changes have reached Azure. `seconds` is None where that is unknown; the sentence says why."""

    seconds: float | None
    sentence: str
    limited_by: str  # "budget", "speed", "outage" or "no worker"


def queue_overview(scope_pk: int, sight: Sight, *, at: datetime | None = None) -> QueueOverview:
    """Return the waiting changes of the namespace `scope_pk` that are seen."""
    by_scope = backlog.figures_by_scope(at or timezone.now(), sight)
    figures = by_scope[scope_pk].figures if scope_pk in by_scope else Figures()
    return QueueOverview(
        **vars(figures),
        parked=backlog.parked_groups(sight) if figures.parked_count else (),
        delays=backlog.delays(sight) if figures.waiting else (),
    )


def gauges_of(resource_id: str) -> list[Gauge]:
    """Return the buckets of a resource's subscription."""
    subscription = subscription_of(resource_id)
    return [gauge for gauge in budget.gauges() if gauge.subscription == subscription]


def speed(resource_id: str, at: datetime | None = None) -> float | None:
    """Return the rows per second that recently reached a resource's subscription, or None where unmeasured."""
    subscription = subscription_of(resource_id)
    inside = [scope.pk for scope in registry.scopes().all() if subscription_of(scope.resource_id) == subscription]
    return throughput.measured(inside, at or timezone.now())


def estimate(resource_id: str, *, writes: int = 0, deletes: int = 0, at: datetime | None = None) -> Estimate:
    """Return when all waiting changes of the subscription, and so many more, will have reached Azure.

    Pass the size of a bulk action before it starts, and nothing while it runs.
    """
    at = at or timezone.now()
    queued_writes, queued_deletes = _queued(subscription_of(resource_id), at)
    total = {"writes": writes + queued_writes, "deletes": deletes + queued_deletes}
    if not any(total.values()):
        return Estimate(0.0, "No changes are waiting.", "speed")
    beating = heartbeats.alive(at)
    if not beating:
        return Estimate(None, "No worker is running, so changes do not reach Azure. Start one.", "no worker")
    gauges = gauges_of(resource_id)
    waits = _budget_seconds(gauges, total)
    outage = next((gauge.blocked_reason for gauge in gauges if gauge.blocked_seconds > 5), "")
    by_budget = max(waits.values())
    by_speed = sum(total.values()) / (speed(resource_id, at) or SPEED_UNMEASURED * len(beating))
    seconds = max(by_budget, by_speed, LATENCY_SECONDS)
    limited_by = "budget" if by_budget >= by_speed else "speed"
    said = f"About {in_words(seconds)}"
    queued = queued_writes + queued_deletes
    if queued:  # else the caller knows the number
        said += f" for {changes(sum(total.values()))}"
    if queued and (writes or deletes):
        said += f", including {queued:,} already waiting"
    if outage:
        return Estimate(seconds, f"{said}, once Azure responds again ({outage}).", "outage")
    if limited_by == "budget" and by_budget > LATENCY_SECONDS:
        return Estimate(seconds, f"{said}, limited by Azure's quota.", limited_by)
    return Estimate(seconds, f"{said}.", limited_by)


def announcement(resource_id: str, *, writes: int = 0, deletes: int = 0, at: datetime | None = None) -> str:
    """Return what a bulk action will send to Azure and how long that takes."""
    if not writes and not deletes:
        return "Nothing changes in Azure."
    sentence = estimate(resource_id, writes=writes, deletes=deletes, at=at).sentence
    return f"{changes(writes + deletes)} to Azure. {sentence}"


def changes(count: int) -> str:
    return "1 change" if count == 1 else f"{count:,} changes"


def _queued(subscription: str, at: datetime) -> tuple[int, int]:
    """Return the numbers of waiting writes and deletions of a subscription."""
    every = backlog.figures_by_scope(at).values()
    queued = backlog.total(each for each in every if subscription_of(each.resource_id) == subscription)
    return queued.waiting - queued.deletions, queued.deletions


def _budget_seconds(gauges: list[Gauge], total: dict[str, int]) -> dict[str, float]:
    """Return the seconds that each operation type takes by the budget alone."""
    if not settings.ARM_BUDGETS:
        return dict.fromkeys(total, 0.0)
    known = {gauge.operation: gauge for gauge in gauges}
    found = {}
    for operation, count in total.items():
        gauge = known.get(operation)
        level, refill, blocked = (
            (gauge.level, gauge.refill, gauge.blocked_seconds) if gauge else (*budget.SIZES[operation], 0.0)
        )
        found[operation] = (blocked + max(count - level, 0) / refill) if count else 0.0
    return found


def in_words(seconds: float) -> str:
    """Return a duration in words: "2 seconds", "5 minutes", "1 hour 20 minutes"."""
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
    return last_scans([scope_pk]).get(scope_pk)


def last_scans(scope_pks: Collection[int]) -> dict[int, Scan]:
    """Return the newest comparison of each namespace that has one."""
    newest = Scan.objects.filter(scope__in=scope_pks).order_by().values("scope").annotate(newest=Max("pk"))
    found = {scan.scope: scan for scan in Scan.objects.filter(pk__in=newest.values("newest"))}
    unended = [drift.lease_of(scan.scope) for scan in found.values() if scan.ended_at is None]
    held = leases.names_held(unended, timezone.now()) if unended else set()
    for scan in found.values():
        scan.is_running = scan.ended_at is None and drift.lease_of(scan.scope) in held
    return found


def is_comparing(scope_pk: int, scan: Scan | None, at: datetime | None = None) -> bool:
    """Return whether a comparison is running or was just requested. `scan`: the newest one."""
    if scan is not None and scan.is_running:
        return True
    asked_at = actions.refresh_asked_at(scope_pk, since=(at or timezone.now()) - AWAITED)
    if asked_at is None:
        return False
    return scan is None or max(scan.started_at, scan.ended_at or scan.started_at) < asked_at


def workers_alive(at: datetime | None = None) -> list[WorkerBeat]:
    return heartbeats.alive(at or timezone.now())


def open_findings(sight: Sight) -> int:
    return Finding.objects.visible_to(sight).filter(state=Finding.State.OPEN).count()


def loud_findings(sight: Sight) -> list[Finding]:
    """Return the open findings that are seen by which clients may have gained access, newest first."""
    found = Finding.objects.visible_to(sight).filter(state=Finding.State.OPEN, is_loud=True)
    return list(found.only("name", "scope", "found_at").order_by("-found_at", "-pk"))


def open_findings_in(sight: Sight) -> dict[int, int]:
    """Return the number of open findings that are seen, of each namespace that has any."""
    open_ones = Finding.objects.visible_to(sight).filter(state=Finding.State.OPEN).order_by().values_list("scope")
    return dict(open_ones.annotate(count=Count("pk")))


def findings(sight: Sight, *, with_ignored: bool = False) -> QuerySet[Finding]:
    """Return the unresolved differences that are seen, conflicts and deletions first."""
    found = Finding.objects.visible_to(sight).exclude(state=Finding.State.RESOLVED)
    return found if with_ignored else found.filter(state=Finding.State.OPEN)


@dataclass(frozen=True)
class ScopeOverview:
    """One namespace on the page of all."""

    scope: Scope
    figures: Figures
    findings: int
    scan: Scan | None


def all_scopes(user: User, *, at: datetime | None = None) -> list[ScopeOverview]:
    """Return the namespaces that the user may see, those with problems first, in a constant number of statements."""
    scopes = list(registry.scopes().visible(user))
    sight = Sight.over(scope.sight for scope in scopes)
    by_scope = backlog.figures_by_scope(at or timezone.now(), sight)
    pks = [scope.pk for scope in scopes]
    differing = open_findings_in(sight)
    scans = last_scans(pks)
    found = [
        ScopeOverview(
            scope,
            by_scope[scope.pk].figures if scope.pk in by_scope else Figures(),
            differing.get(scope.pk, 0),
            scans.get(scope.pk),
        )
        for scope in scopes
    ]
    return sorted(
        found, key=lambda each: (-each.figures.parked_count, -each.findings, -each.figures.waiting, each.scope.name)
    )


def pages_of_all(user: User, namespace_pk: int | None) -> Iterable[SearchHit]:
    """Yield the pages that are in no namespace's menu, for the search."""
    yield page_hit("Sync", "of all namespaces", reverse("sync:sync_all"))
