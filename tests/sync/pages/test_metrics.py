"""The answers for machines: metrics, health and readiness."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import Namespace
from portal.models import User
from sync.models import Scan, WorkerBeat
from sync.throttling import budget
from sync.workers import heartbeats
from tests.support.browsing import signed_in
from tests.support.factories import SUBSCRIPTION, make_admin, make_client
from tests.sync.arranging import beating, make

pytestmark = pytest.mark.django_db


def test_metrics_are_for_the_bearer_of_the_token_and_administrators(
    factory: Namespace, ada: User, settings: Any
) -> None:
    make_client(factory)
    make(ada, factory, "waiting")
    settings.METRICS_TOKEN = "t" * 32
    url = reverse("sync:metrics")
    assert Browser().get(url).status_code == 401
    assert Browser().get(url, headers={"authorization": "Bearer wrong"}).status_code == 401
    assert signed_in(ada).get(url).status_code == 401
    assert signed_in(make_admin()).get(url).status_code == 200
    budget.reserve(SUBSCRIPTION, "writes", 1)
    text = Browser().get(url, headers={"authorization": f"Bearer {'t' * 32}"}).content.decode()
    assert 'portal_sync_rows{kind="namespaces.client",state="due"} 1' in text
    assert re.search(rf'portal_budget_requests{{subscription="{SUBSCRIPTION}",operation="writes"}} (199|200)\n', text)
    for line in text.splitlines():
        assert line.startswith("#") or line.rpartition(" ")[2].replace(".", "").replace("e+", "").isdigit()


def test_no_token_means_no_open_metrics(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert Browser().get(reverse("sync:metrics"), headers={"authorization": "Bearer "}).status_code == 401


def test_metrics_have_all_their_digits() -> None:
    at = datetime(2026, 11, 26, 1, 50, 17, tzinfo=UTC)
    Scan.objects.create(scope=1, started_at=at, ended_at=at)
    WorkerBeat.objects.filter(pk=beating().pk).update(pushed=12_345_678)
    text = signed_in(make_admin()).get(reverse("sync:metrics")).content.decode()
    assert f"portal_drift_last_scan_timestamp_seconds {at.timestamp():.0f}\n" in text
    assert 'portal_worker_pushed_total{worker="host:1"} 12345678\n' in text


def test_a_probe_that_wants_no_body_gets_none() -> None:
    for url in ("/healthz", "/readyz"):
        answer = Browser().head(url)
        assert (answer.status_code, answer.content) == (200, b"")


def test_health_and_readiness_answer_without_signing_in() -> None:
    assert Browser().get("/healthz").json() == {"status": "ok"}
    answer = Browser().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "migrations": "ok", "workers": "none is running"}
    heartbeats.this_worker().beat()
    assert Browser().get("/readyz").json()["workers"] == "ok"
