"""Metrics for Prometheus, read from the database, so that every web process returns the same numbers."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.utils import timezone
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portal.pages import outbox
from portal.sign_in.records import counts
from sync import registry
from sync.models import Finding, PushRecord, Scan
from sync.throttling.budget import gauges
from sync.workers import heartbeats, periodic

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
RECENT = timedelta(minutes=5)
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds


def exposition() -> bytes:
    """Return all metrics in version 0.0.4 of the text format."""
    return generate_latest(_REGISTRY)


class DatabaseCollector(Collector):
    """Collects from the database at each scrape. Figures of one web process (memory, garbage) are left out."""

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering the collector must not query the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from _queue()
        yield from _budgets()
        yield from _workers()
        yield from _periodic_jobs()
        yield from _pushes()
        yield from _drift()
        yield from _sign_ins()
        yield from _outgoing()


_REGISTRY = CollectorRegistry()
_REGISTRY.register(DatabaseCollector())


def _sign_ins() -> Iterator[Metric]:
    events = CounterMetricFamily("portal_sign_in_events", "What happened at sign-in.", labels=("event",))
    for event, count in counts().items():
        events.add_metric((event,), count)
    yield events


def _outgoing() -> Iterator[Metric]:
    now = timezone.now()
    messages = GaugeMetricFamily(
        "portal_outgoing_messages", "Mails and messages to webhooks, by state.", labels=("queue", "state")
    )
    oldest = GaugeMetricFamily("portal_outgoing_oldest_seconds", "Age of the oldest that waits.", labels=("queue",))
    overdue = GaugeMetricFamily(
        "portal_outgoing_overdue_seconds", "Seconds since one is due that no worker has tried.", labels=("queue",)
    )
    for queue, state in (("mail", outbox.summarize(now)), ("webhooks", outbox.summarize_webhooks(now))):
        for name in ("waiting", "unknown", "failed"):
            messages.add_metric((queue, name), getattr(state, name))
        oldest.add_metric((queue,), state.oldest_seconds)
        overdue.add_metric((queue,), state.overdue_seconds)
    yield from (messages, oldest, overdue)


def _queue() -> Iterator[Metric]:
    now = timezone.now()
    rows = GaugeMetricFamily("portal_sync_rows", "Rows waiting to reach Azure.", labels=("kind", "state"))
    parked = GaugeMetricFamily(
        "portal_sync_parked", "Rows that Azure rejected, by error code.", labels=("kind", "code")
    )
    for model in registry.models():
        manager: Any = model._default_manager
        kind = model._meta.label_lower
        unsettled = manager.unsettled().filter(parked_code="")
        rows.add_metric((kind, "due"), manager.due(now).count())
        rows.add_metric((kind, "in_flight"), unsettled.filter(claimed_until__gt=now).count())
        rows.add_metric((kind, "unsettled"), unsettled.count())
        for code, count in Counter(manager.parked().values_list("parked_code", flat=True)).items():
            parked.add_metric((kind, code), count)
    yield rows
    yield parked


def _budgets() -> Iterator[Metric]:
    labels = ("subscription", "operation")
    levels = GaugeMetricFamily("portal_budget_requests", "Requests that may be sent now.", labels=labels)
    refills = GaugeMetricFamily("portal_budget_refill", "Requests per second that Azure allows.", labels=labels)
    throttled = CounterMetricFamily("portal_throttled", "Responses with status 429.", labels=labels)
    for gauge in gauges():
        bucket = (gauge.subscription, gauge.operation)
        levels.add_metric(bucket, gauge.level)
        refills.add_metric(bucket, gauge.refill)
        throttled.add_metric(bucket, gauge.throttled)
    yield from (levels, refills, throttled)


def _workers() -> Iterator[Metric]:
    beats = heartbeats.alive(timezone.now())
    yield GaugeMetricFamily("portal_workers", "Workers with a recent heartbeat.", value=len(beats))
    memory = GaugeMetricFamily("portal_worker_memory_bytes", "Resident memory of a worker.", labels=("worker",))
    pushed = CounterMetricFamily("portal_worker_pushed", "Changes that a worker has pushed.", labels=("worker",))
    for beat in beats:
        memory.add_metric((beat.name,), beat.memory_bytes)
        pushed.add_metric((beat.name,), beat.pushed)
    yield from (memory, pushed)


def _periodic_jobs() -> Iterator[Metric]:
    ages = GaugeMetricFamily(
        "portal_periodic_age_seconds",
        "Seconds since a periodic job last ended; +Inf if it never ran.",
        labels=("name",),
    )
    for pulse in periodic.pulses(timezone.now()):
        ages.add_metric((pulse.name,), float("inf") if pulse.seconds is None else pulse.seconds)
    yield ages


def _pushes() -> Iterator[Metric]:
    """How recent pushes ended, and how long they took."""
    since = timezone.now() - RECENT
    recent = PushRecord.objects.filter(settled_at__gt=since).values_list("outcome", "claimed_at", "settled_at")
    outcomes: Counter[str] = Counter()
    seconds: list[float] = []
    for outcome, claimed_at, settled_at in recent.iterator():
        outcomes[outcome] += 1
        seconds.append((settled_at - claimed_at).total_seconds())
    ended = GaugeMetricFamily(
        "portal_pushes_recent", "Pushes of the last five minutes, by outcome.", labels=("outcome",)
    )
    for outcome, count in sorted(outcomes.items()):
        ended.add_metric((outcome,), count)
    within = GaugeMetricFamily(
        "portal_pushes_recent_within", "Recent pushes that took at most so many seconds.", labels=("within",)
    )
    for bound in BUCKETS:
        within.add_metric((f"{bound:g}",), sum(1 for each in seconds if each <= bound))
    yield from (ended, within)


def _drift() -> Iterator[Metric]:
    open_ones = Counter(Finding.objects.filter(state=Finding.State.OPEN).values_list("drift", flat=True))
    differences = GaugeMetricFamily("portal_drift_open", "Open differences from Azure.", labels=("class",))
    for name, count in sorted(open_ones.items()):
        differences.add_metric((name,), count)
    last = Scan.objects.filter(ended_at__isnull=False, error="").order_by("-ended_at").first()
    at = last.ended_at.timestamp() if last is not None and last.ended_at is not None else 0.0
    yield differences
    yield GaugeMetricFamily(
        "portal_drift_last_scan_timestamp_seconds", "When a scan last completed without an error.", value=at
    )
