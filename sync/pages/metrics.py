"""Numbers for Prometheus, in its text format, and the answers of health and readiness."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from sync import registry
from sync.models import Finding, PushRecord, Scan, WorkerBeat
from sync.throttling.budget import gauges
from sync.workers import heartbeats

RECENT = timedelta(minutes=5)
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

Labels = Mapping[str, str]


def exposition() -> str:
    """Everything as text, version 0.0.4 of the format."""
    return "\n".join([*_queue(), *_budgets(), *_workers(), *_pushes(), *_drift(), ""])


def _metric(name: str, kind: str, explanation: str, samples: Iterable[tuple[Labels, float]]) -> list[str]:
    lines = [f"# HELP {name} {explanation}", f"# TYPE {name} {kind}"]
    # All digits: six would round a moment to the hour, and hide what a counter gains.
    return lines + [f"{name}{_labels(labels)} {value:.15g}" for labels, value in samples]


def _labels(labels: Labels) -> str:
    escaped = (
        '{}="{}"'.format(name, str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))
        for name, value in labels.items()
    )
    return "{" + ",".join(escaped) + "}" if labels else ""


def _queue() -> list[str]:
    now = timezone.now()
    states: list[tuple[Labels, float]] = []
    parked: list[tuple[Labels, float]] = []
    for model in registry.models():
        rows: Any = model._default_manager
        kind = model._meta.label_lower
        unsettled = rows.unsettled().filter(parked_code="")
        states += [
            ({"kind": kind, "state": "due"}, rows.due(now).count()),
            ({"kind": kind, "state": "in_flight"}, unsettled.filter(claimed_until__gt=now).count()),
            ({"kind": kind, "state": "unsettled"}, unsettled.count()),
        ]
        codes = Counter(rows.parked().values_list("parked_code", flat=True))
        parked += [({"kind": kind, "code": code}, count) for code, count in codes.items()]
    return [
        *_metric("portal_sync_rows", "gauge", "Rows on their way to Azure.", states),
        *_metric("portal_sync_parked", "gauge", "Rows that Azure refused, by its code.", parked),
    ]


def _budgets() -> list[str]:
    levels: list[tuple[Labels, float]] = []
    refills: list[tuple[Labels, float]] = []
    refused: list[tuple[Labels, float]] = []
    for gauge in gauges():
        labels = {"subscription": gauge.subscription, "operation": gauge.operation}
        levels.append((labels, gauge.level))
        refills.append((labels, gauge.refill))
        refused.append((labels, gauge.throttled))
    return [
        *_metric("portal_budget_requests", "gauge", "Requests that may be sent now.", levels),
        *_metric("portal_budget_refill", "gauge", "Requests per second that Azure allows.", refills),
        *_metric("portal_throttled_total", "counter", "Answers 429.", refused),
    ]


def _workers() -> list[str]:
    beats = heartbeats.alive(timezone.now())
    return [
        *_metric("portal_workers", "gauge", "Workers that say they are alive.", [({}, len(beats))]),
        *_metric(
            "portal_worker_memory_bytes", "gauge", "Memory of a worker.", [({"worker": b.name}, b.memory_bytes) for b in beats]
        ),
        *_metric("portal_worker_pushed_total", "counter", "Pushes of a worker.", [({"worker": b.name}, b.pushed) for b in beats]),
    ]  # fmt: skip


def _pushes() -> list[str]:
    """Of the last minutes: how pushes ended, and how long they took."""
    since = timezone.now() - RECENT
    recent = PushRecord.objects.filter(settled_at__gt=since).values_list("outcome", "claimed_at", "settled_at")
    ends: Counter[str] = Counter()
    seconds: list[float] = []
    for outcome, claimed_at, settled_at in recent.iterator():
        ends[outcome] += 1
        seconds.append((settled_at - claimed_at).total_seconds())
    samples: list[tuple[Labels, float]] = [({"outcome": outcome}, count) for outcome, count in sorted(ends.items())]
    below: list[tuple[Labels, float]] = [
        ({"within": f"{bound:g}"}, sum(1 for each in seconds if each <= bound)) for bound in BUCKETS
    ]
    return [
        *_metric("portal_pushes_recent", "gauge", "Pushes of the last five minutes, by their end.", samples),
        *_metric("portal_pushes_recent_within", "gauge", "Of these, how many took at most so many seconds.", below),
    ]


def _drift() -> list[str]:
    open_ones = Counter(Finding.objects.filter(state=Finding.State.OPEN).values_list("drift", flat=True))
    last = Scan.objects.filter(ended_at__isnull=False, error="").order_by("-ended_at").first()
    at = last.ended_at.timestamp() if last is not None and last.ended_at is not None else 0.0
    samples: list[tuple[Labels, float]] = [({"class": name}, count) for name, count in sorted(open_ones.items())]
    return [
        *_metric("portal_drift_open", "gauge", "Open differences to Azure.", samples),
        *_metric("portal_drift_last_scan_timestamp_seconds", "gauge", "When a scan last ended well.", [({}, at)]),
    ]


def readiness() -> dict[str, str]:
    """What is needed to serve, and what is wrong with it; "" = well. Workers that are away do not stop the pages."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        database, migrations = "", f"{len(waiting)} migrations wait: run manage.py migrate" if waiting else ""
    except DatabaseError as fault:
        return {
            "database": f"cannot be reached ({type(fault).__name__})",
            "migrations": "unknown",
            "workers": "unknown",
        }
    alive = WorkerBeat.objects.exists() and heartbeats.alive(timezone.now())
    return {"database": database, "migrations": migrations, "workers": "" if alive else "none is running"}
