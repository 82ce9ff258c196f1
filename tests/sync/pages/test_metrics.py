"""Metrics, health and readiness."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from namespaces.models import Namespace
from portal.models import User
from sync.models import Scan, WorkerBeat
from sync.pages import metrics
from sync.pages.readiness import deployment_check
from sync.push.claim_and_settle import push
from sync.throttling import budget
from sync.workers import heartbeats, periodic
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import SUBSCRIPTION, make_admin, make_client, make_user
from tests.support.servers.metrics import samples
from tests.sync.arranging import beating, changed, make
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db


def test_metrics_need_the_token_or_an_administrator(factory: Namespace, ada: User, settings: Any) -> None:
    make_client(factory)
    make(ada, factory, "waiting")
    settings.METRICS_TOKEN = "t" * 32
    url = reverse("sync:metrics")
    assert Browser().get(url).status_code == 401
    assert Browser().get(url, headers={"authorization": "Bearer wrong"}).status_code == 401
    assert signed_in(ada).get(url).status_code == 401
    assert signed_in(make_admin()).get(url).status_code == 200
    budget.reserve(SUBSCRIPTION, "writes", 1)
    answer = Browser().get(url, headers={"authorization": f"Bearer {'t' * 32}"})
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert ({"kind": "namespaces.client", "state": "due"}, 1) in samples(answer.content, "portal_sync_rows")
    levels = samples(answer.content, "portal_budget_requests")
    (level,) = [value for labels, value in levels if labels == {"subscription": SUBSCRIPTION, "operation": "writes"}]
    assert level in {199, 200}


def test_metrics_keep_their_names_types_and_labels(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    changed(arm, ada, factory)
    refuse = make(ada, factory, "refused")
    arm.script("PUT", refused("InvalidRequest"))
    push(refuse)
    beating()
    families = list(text_string_to_metric_families(metrics.exposition().decode()))
    labels = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    assert labels == {
        "portal_sync_rows": {"kind", "state"},
        "portal_sync_parked": {"kind", "code"},
        "portal_budget_requests": {"subscription", "operation"},
        "portal_budget_refill": {"subscription", "operation"},
        "portal_throttled_total": {"subscription", "operation"},
        "portal_sign_in_events_total": {"event"},
        "portal_outgoing_messages": {"queue", "state"},
        "portal_outgoing_oldest_seconds": {"queue"},
        "portal_outgoing_overdue_seconds": {"queue"},
        "portal_workers": set(),
        "portal_periodic_age_seconds": {"name"},
        "portal_worker_memory_bytes": {"worker"},
        "portal_worker_pushed_total": {"worker"},
        "portal_pushes_recent": {"outcome"},
        "portal_pushes_recent_within": {"within"},
        "portal_drift_open": {"class"},
        "portal_drift_last_scan_timestamp_seconds": set(),
    }
    counters = {family.name for family in families if family.type == "counter"}
    assert counters == {"portal_throttled", "portal_worker_pushed", "portal_sign_in_events"}
    assert all(family.documentation for family in families)


def test_without_a_token_metrics_are_not_open(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert Browser().get(reverse("sync:metrics"), headers={"authorization": "Bearer "}).status_code == 401


def test_metrics_have_all_their_digits() -> None:
    at = datetime(2026, 11, 26, 1, 50, 17, tzinfo=UTC)
    Scan.objects.create(scope=1, started_at=at, ended_at=at)
    WorkerBeat.objects.filter(pk=beating().pk).update(pushed=12_345_678)
    content = signed_in(make_admin()).get(reverse("sync:metrics")).content
    assert samples(content, "portal_drift_last_scan_timestamp_seconds") == [({}, at.timestamp())]
    assert samples(content, "portal_worker_pushed_total") == [({"worker": "host:1"}, 12_345_678)]


def test_a_head_request_to_a_probe_has_no_body() -> None:
    heartbeats.this_worker().beat()
    periodic.record_run("sweep", timezone.now())
    for url in ("/healthz", "/readyz"):
        answer = Browser().head(url)
        assert (answer.status_code, answer.content) == (200, b"")


def test_health_needs_only_the_process() -> None:
    assert Browser().get("/healthz").json() == {"status": "ok"}


def test_readiness_names_the_part_that_fails() -> None:
    def status() -> tuple[int, dict[str, str]]:
        answer = Browser().get("/readyz")
        return answer.status_code, answer.json()

    code, parts = status()
    assert code == 503
    assert (parts["database"], parts["migrations"]) == ("ok", "ok")
    assert parts["workers"] != "ok"
    assert parts["clock"] != "ok"
    heartbeats.this_worker().beat()
    code, parts = status()
    assert (code, parts["workers"]) == (503, "ok")
    assert parts["clock"] != "ok"
    periodic.record_run("sweep", timezone.now())
    assert status() == (200, {"status": "ok", "database": "ok", "migrations": "ok", "workers": "ok", "clock": "ok"})


@pytest.mark.parametrize(("seconds", "fault"), [(1, False), (44, False), (46, True), (600, True)])
def test_the_clock_may_be_silent_for_less_than_a_minute(seconds: int, fault: bool) -> None:
    at = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    periodic.record_run("sweep", at - timedelta(seconds=seconds))
    assert bool(periodic.clock_fault(at)) is fault


def test_ages_of_periodic_jobs_are_metrics() -> None:
    periodic.record_run("sweep", timezone.now() - timedelta(seconds=30))
    content = signed_in(make_admin()).get(reverse("sync:metrics")).content
    ages = {labels["name"]: value for labels, value in samples(content, "portal_periodic_age_seconds")}
    assert 30 <= ages["sweep"] < 60
    assert ages["scan"] == float("inf")


def test_only_administrators_are_warned_on_every_page() -> None:
    warning = b"data-administrator-warning"
    account = reverse("portal:account")
    assert warning in signed_in(make_admin()).get(account).content
    assert warning not in signed_in(make_user()).get(account).content
    heartbeats.this_worker().beat()
    periodic.record_run("sweep", timezone.now())
    assert warning not in signed_in(make_admin("second")).get(account).content


def test_a_deployment_without_worker_and_clock_is_reported() -> None:
    assert {found.code for found in deployment_check()} == {"no_worker", "clock_stopped"}
    heartbeats.this_worker().beat()
    periodic.record_run("sweep", timezone.now())
    assert not list(deployment_check())


def test_the_sync_pages_show_the_age_of_each_periodic_job(factory: Namespace) -> None:
    periodic.record_run("sweep", timezone.now())
    for url in (reverse("sync:sync_all"), reverse("sync:sync_overview", args=[factory.pk])):
        text = signed_in(make_admin(url.strip("/").replace("/", "-"))).get(url).content.decode()
        assert 'data-job="sweep" data-overdue="no"' in text
        assert 'data-job="scan" data-overdue="yes"' in text
