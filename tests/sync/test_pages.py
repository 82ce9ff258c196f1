"""Operators' pages: what waits, what differs, how a change went; and the answers for machines."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync import budget, drift, overview, workers
from sync.leases import held
from sync.models import Finding, PushRecord, Scan, SyncState, WorkerBeat
from sync.reconcile import Pushed, push
from sync.registry import Scope
from tests.factories import PASSWORD, SUBSCRIPTION, make_admin, make_client, make_namespace, make_user
from tests.query_plans import plans_of
from tests.sync.scripted_arm import ScriptedArm, refused
from tests.sync.test_reconcile import again, edit, make, settled

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> User:
    return make_user("rita")


@pytest.fixture
def factory(ada: User, reader: User) -> Namespace:
    return make_namespace(contributor=ada, reader=reader)


def signed_in(user: User) -> Browser:
    browser = Browser()
    assert browser.login(username=user.username, password=PASSWORD)
    return browser


def beating() -> WorkerBeat:
    now = timezone.now()
    return WorkerBeat.objects.create(worker="w", name="host:1", host="host", pid=1, started_at=now, seen_at=now)


def page(user: User, name: str, *args: Any) -> str:
    response = signed_in(user).get(reverse(name, args=args))
    assert response.status_code == 200
    return str(response.content.decode())


def scan(namespace: Namespace) -> None:
    drift.scan(Scope(namespace.pk, namespace.resource_id, namespace.name))


# Sync


def test_the_sync_page_shows_what_was_refused_by_reason_and_retries_it(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    first, second = make(ada, factory, "one"), make(ada, factory, "two")
    arm.script("PUT", refused("QuotaExceeded"), refused("InvalidInput"))
    push(first)
    push(second)
    text = page(ada, "sync:sync_overview", factory.pk)
    assert "QuotaExceeded" in text
    assert "InvalidInput, says the script." in text
    signed_in(ada).post(reverse("sync:sync_retry", args=[factory.pk]), {"code": "QuotaExceeded"})
    assert again(first).sync_state is SyncState.PENDING
    assert again(second).sync_state is SyncState.FAILED
    signed_in(ada).post(reverse("sync:sync_retry", args=[factory.pk]), {"kind": second.kind, "row": second.pk})
    assert again(second).sync_state is SyncState.PENDING


def test_a_reason_that_stands_above_is_not_said_again_of_each_change(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    rows = [make(ada, factory, name) for name in ("one", "two", "three")]
    arm.script("PUT", *[refused("QuotaExceeded")] * 3)
    for row in rows:
        push(row)
    first, other, *_ = rows
    Client.objects.filter(pk=other.pk).update(parked_message="Another sentence.")
    text = page(ada, "sync:sync_overview", factory.pk)
    assert text.count(again(first).parked_message) == 1
    assert text.count("Another sentence.") == 1
    assert page(ada, "sync:sync_refused", factory.pk).count(again(first).parked_message) == 2


def test_a_missing_right_is_told_in_words_and_not_as_a_file(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    row = make(ada, factory, "one")
    arm.script("PUT", refused("AuthorizationFailed"))
    push(row)
    text = page(ada, "sync:sync_overview", factory.pk)
    assert "such as EventGrid Contributor" in text
    assert "docs/" not in text


def test_a_refused_change_is_discarded_from_the_sync_page(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="first")
    edit(ada, client, description="second")
    arm.script("PUT", refused("InvalidInput"))
    push(again(client))
    signed_in(ada).post(reverse("sync:sync_discard", args=[factory.pk]), {"kind": client.kind, "row": client.pk})
    assert again(client).description == "first"


def test_a_reader_sees_no_buttons_and_may_not_post(
    arm: ScriptedArm, reader: User, ada: User, factory: Namespace
) -> None:
    client = make(ada, factory)
    arm.script("PUT", refused("InvalidInput"))
    push(client)
    assert "Retry" not in page(reader, "sync:sync_overview", factory.pk)
    for name in ("sync_retry", "sync_discard", "drift_refresh", "drift_resolve"):
        assert signed_in(reader).post(reverse(f"sync:{name}", args=[factory.pk])).status_code == 403
    for name in ("sync_retry", "sync_discard"):
        assert signed_in(reader).get(reverse(f"sync:{name}", args=[factory.pk])).status_code == 403


def test_a_stranger_finds_nothing(factory: Namespace) -> None:
    browser = signed_in(make_user("stranger"))
    for name in ("sync_overview", "drift_list"):
        assert browser.get(reverse(f"sync:{name}", args=[factory.pk])).status_code == 404
    assert browser.post(reverse("sync:sync_retry", args=[factory.pk])).status_code == 404


def test_without_a_worker_the_page_says_that_nothing_moves(ada: User, factory: Namespace) -> None:
    make(ada, factory)
    assert "No worker is running" in page(ada, "sync:sync_overview", factory.pk)
    beating()
    assert "No worker is running" not in page(ada, "sync:sync_overview", factory.pk)


def test_the_queue_is_told_in_numbers(ada: User, factory: Namespace) -> None:
    make(ada, factory, "one")
    waiting = make(ada, factory, "two")
    Client.objects.filter(pk=waiting.pk).update(
        next_attempt_at=timezone.now() + timedelta(minutes=1), last_error="Azure is away"
    )
    queue = overview.queue_overview(factory.pk)
    assert (queue.due, queue.later, queue.waiting) == (1, 1, 2)
    assert queue.delays == (("Azure is away", 1),)


def test_the_estimate_is_what_the_budget_allows(ada: User, factory: Namespace) -> None:
    beating()
    budget.reserve(SUBSCRIPTION, "writes", 200)
    estimate = overview.estimate(factory.resource_id, writes=1000)
    assert estimate.limited_by == "budget"
    assert estimate.seconds == pytest.approx(100, rel=0.05)
    assert "Azure's limits" in estimate.sentence
    assert overview.estimate(factory.resource_id).sentence == "Nothing waits."


def test_the_page_of_all_namespaces_shows_those_one_may_see(ada: User, factory: Namespace) -> None:
    make_namespace("elsewhere-plant")
    make(ada, factory)
    text = page(ada, "sync:sync_all")
    assert "factory" in text
    assert "elsewhere-plant" not in text
    assert "No worker is running." in text


def test_the_page_stops_asking_when_nothing_waits(ada: User, factory: Namespace) -> None:
    assert 'hx-trigger="load' not in page(ada, "sync:sync_overview", factory.pk)
    make(ada, factory)
    assert 'hx-trigger="load' in page(ada, "sync:sync_overview", factory.pk)


def test_a_comparison_that_runs_or_broke_off_is_told_as_such(ada: User, factory: Namespace) -> None:
    Scan.objects.create(scope=factory.pk, started_at=timezone.now())
    names = ("sync:sync_overview", "sync:drift_list")
    with held(drift.lease_of(factory.pk), seconds=60):
        for name in names:
            assert "unning since" in page(ada, name, factory.pk)
        assert ">running<" in page(ada, "sync:sync_all")
    for name in names:
        text = page(ada, name, factory.pk)
        assert "roke off" in text
        assert "0 resources" not in text
        assert "Azure is as the portal left it" not in text
    assert ">broke off<" in page(ada, "sync:sync_all")


def test_the_numbers_are_read_from_the_index_of_what_is_due(factory: Namespace) -> None:
    with CaptureQueriesContext(connection) as asked:
        overview.queue_overview(factory.pk)
    steps = plans_of(asked, "namespaces_client")
    assert steps
    assert all("USING INDEX client_due (lane=?)" in step for step in steps)


# Drift


def test_differences_are_listed_shown_and_resolved(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "description": "theirs", "state": "Disabled"})
    scan(factory)
    finding = Finding.objects.get()
    assert "sensor-1" in page(ada, "sync:drift_list", factory.pk)
    detail = page(ada, "sync:drift_detail", factory.pk, finding.pk)
    assert "theirs" in detail
    data = {"finding": finding.pk, "decision": "take-fields", "field": "description"}
    signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data)
    assert (again(client).description, again(client).state) == ("theirs", "Enabled")
    assert "Azure is as the portal left it" in page(ada, "sync:drift_list", factory.pk)


def test_what_appeared_has_no_columns_of_the_portal(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    arm.hold(f"{factory.resource_id}/clients/stranger", {"authenticationName": "stranger"})
    scan(factory)
    text = page(ada, "sync:drift_detail", factory.pk, Finding.objects.get().pk)
    assert "Last synced" not in text
    assert text.count('<th scope="col">') == 2


def test_where_all_that_differs_is_ignored_the_page_does_not_say_that_nothing_differs(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "description": "theirs"})
    scan(factory)
    data = {"finding": Finding.objects.get().pk, "decision": "ignore"}
    signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data)
    text = page(ada, "sync:drift_list", factory.pk)
    assert "Azure is as the portal left it" not in text
    assert "Nothing is left to decide" in text


def test_a_comparison_that_was_asked_for_is_waited_for_and_then_shown(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    scan(factory)
    url = reverse("sync:drift_list", args=[factory.pk])
    assert "Azure is as the portal left it" in page(ada, "sync:drift_list", factory.pk)
    browser = signed_in(ada)
    text = browser.post(reverse("sync:drift_refresh", args=[factory.pk]), follow=True).content.decode()
    assert "Comparing with Azure…" in text
    assert "Azure is as the portal left it" not in text, "that is no longer known"
    (asks,) = re.findall(r'id="comparison"[^>]* hx-get="([^"]+)"', text)
    assert re.search(r"<noscript>.*?Refresh this page", text)
    meanwhile = browser.get(url + asks, headers={"HX-Request": "true"}).content.decode()
    assert f'hx-get="{asks}"' in meanwhile
    assert 'id="findings"' not in meanwhile, "what somebody has ticked stays"
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "description": "theirs"})
    scan(factory)
    over = browser.get(url + asks, headers={"HX-Request": "true"}).content.decode()
    assert "Last compared" in over
    assert "sensor-1" in over[over.index('id="findings"') :]
    assert "hx-get" not in over, "it asks no more"


def test_a_comparison_that_never_begins_is_not_waited_for_for_ever(ada: User, factory: Namespace) -> None:
    signed_in(ada).post(reverse("sync:drift_refresh", args=[factory.pk]))
    assert "none does now" in page(ada, "sync:drift_list", factory.pk)
    Activity.objects.update(at=timezone.now() - overview.AWAITED)
    text = page(ada, "sync:drift_list", factory.pk)
    assert "compared=" not in text
    assert "No difference is known" in text


def test_fields_that_belong_together_are_taken_together_or_refused_beside_the_field(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    authentication = {"validationScheme": "ThumbprintMatch", "allowedThumbprints": ["ab" * 32]}
    theirs = {**(arm.held(client.arm_id()) or {}), "clientCertificateAuthentication": authentication}
    arm.hold(client.arm_id(), theirs)
    scan(factory)
    url = reverse("sync:drift_resolve", args=[factory.pk])
    data = {"finding": Finding.objects.get().pk, "decision": "take-fields"}
    for alone, other in (("validation scheme", "thumbprints"), ("thumbprints", "validation scheme")):
        answer = signed_in(ada).post(url, {**data, "field": alone})
        assert answer.status_code == 422
        assert f"{alone} and {other} belong together" in answer.content.decode()
        assert (again(client).validation_scheme, again(client).sync_state) == (client.validation_scheme, "Succeeded")
    assert Finding.objects.get().state == Finding.State.OPEN
    signed_in(ada).post(url, {**data, "field": ["validation scheme", "thumbprints"]})
    assert (again(client).validation_scheme, again(client).thumbprints) == ("ThumbprintMatch", ["ab" * 32])


def differing(arm: ScriptedArm, ada: User, namespace: Namespace) -> tuple[Client, Finding]:
    """A client with another scheme, attributes and state in Azure."""
    client = settled(ada, namespace)
    theirs = {
        "clientCertificateAuthentication": {"validationScheme": "DnsMatchesAuthenticationName"},
        "attributes": {"type": "press", "floors": [1, 2]},
        "state": "Disabled",
    }
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), **theirs})
    scan(namespace)
    return client, Finding.objects.get()


def test_a_difference_is_shown_in_the_words_of_the_other_pages(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    _, finding = differing(arm, ada, factory)
    text = page(ada, "sync:drift_detail", factory.pk, finding.pk)
    for said in ("Connection state", "Dns Matches Authentication Name", "type: press", "floors: 1, 2"):
        assert said.lower() in text.lower(), said
    for raw in ("DnsMatches", "{&#x27;", ">state<"):
        assert raw not in text, raw
    listed = page(ada, "sync:drift_list", factory.pk)
    assert ">Client</td>" in listed
    assert "Connection state" in listed


def test_what_was_done_to_what_is_said_and_what_follows(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client, finding = differing(arm, ada, factory)
    assert "ours is kept for the others and sent to Azure" in page(ada, "sync:drift_detail", factory.pk, finding.pk)
    data = {"finding": finding.pk, "decision": "take-fields", "field": "state"}
    url = reverse("sync:drift_resolve", args=[factory.pk])
    answer = signed_in(ada).post(url, data, follow=True).content.decode()
    assert f"Client {client.name}: Azure&#x27;s Connection state taken." in answer
    assert "Ours is kept for Validation scheme and Attributes, and on its way to Azure." in answer
    finding.refresh_from_db()
    assert finding.resolution == "Took Azure's Connection state, kept ours of Validation scheme and Attributes"


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ("keep", "ours is kept, and on its way to Azure."),
        ("take", "the portal has taken what Azure holds. Nothing is sent."),
        ("ignore", "both sides stay as they are."),
    ],
)
def test_each_decision_says_what_it_did(
    arm: ScriptedArm, ada: User, factory: Namespace, decision: str, said: str
) -> None:
    client, finding = differing(arm, ada, factory)
    data = {"finding": finding.pk, "decision": decision}
    answer = signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data, follow=True)
    assert f"Client {client.name}: {said}" in answer.content.decode()


def test_no_field_chosen_is_said_beside_the_fields(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    _, finding = differing(arm, ada, factory)
    data = {"finding": finding.pk, "decision": "take-fields"}
    answer = signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert text.count("Choose at least one field") == 1
    assert re.search(
        r'<input type="checkbox"[^>]* autofocus aria-invalid="true" aria-describedby="field-problem"', text
    )
    finding.refresh_from_db()
    assert finding.state == Finding.State.OPEN


def test_a_field_is_taken_where_what_is_wrong_was_so_before(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    authentication = {"validationScheme": "ThumbprintMatch", "allowedThumbprints": []}
    theirs = {"clientCertificateAuthentication": authentication, "description": "theirs"}
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), **theirs})
    scan(factory)
    data = {"finding": Finding.objects.get().pk, "decision": "take-fields", "field": "validation scheme"}
    signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data)
    assert again(client).validation_scheme == "ThumbprintMatch"


@pytest.mark.parametrize("name", ["drift_detail", "drift_list"])
def test_a_decision_is_about_what_the_page_showed(arm: ScriptedArm, ada: User, factory: Namespace, name: str) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "description": "theirs"})
    scan(factory)
    which = [Finding.objects.get().pk] if name == "drift_detail" else []
    (shown,) = re.findall(r'name="finding" value="([^"]+)"', page(ada, f"sync:{name}", factory.pk, *which))
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "description": "theirs again"})
    scan(factory)
    data = {"finding": shown, "decision": "keep"}
    url = reverse("sync:drift_resolve", args=[factory.pk])
    assert "It has changed since it was shown." in signed_in(ada).post(url, data, follow=True).content.decode()
    assert Finding.objects.get().state == Finding.State.OPEN
    (shown,) = re.findall(r'name="finding" value="([^"]+)"', page(ada, f"sync:{name}", factory.pk, *which))
    signed_in(ada).post(url, {"finding": shown, "decision": "keep"})
    assert Finding.objects.get().state == Finding.State.RESOLVED


@pytest.mark.parametrize("decision", ["keep", "take", "adopt", "ignore", "take-fields", "nonsense", ""])
def test_many_are_decided_at_once_and_what_cannot_be_is_said(
    arm: ScriptedArm, ada: User, factory: Namespace, decision: str
) -> None:
    for number in range(3):
        arm.hold(f"{factory.resource_id}/clients/stranger-{number}", {"authenticationName": f"stranger-{number}"})
    scan(factory)
    pks = [finding.pk for finding in Finding.objects.all()]
    data = {"decision": decision, "finding": pks, "confirmed": "yes"}
    response = signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data, follow=True)
    text = response.content.decode()
    if decision in {"adopt", "ignore"}:
        assert "Done for 3 differences." in text
    else:
        assert "could not be resolved" in text or "Choose at least one" in text
    assert Client.objects.count() == (3 if decision == "adopt" else 0)


def test_a_difference_of_another_namespace_cannot_be_reached(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    elsewhere = make_namespace("elsewhere")
    arm.hold(f"{elsewhere.resource_id}/clients/stranger", {"authenticationName": "stranger"})
    scan(elsewhere)
    finding = Finding.objects.get()
    assert signed_in(ada).get(reverse("sync:drift_detail", args=[factory.pk, finding.pk])).status_code == 404


# Timeline


def test_a_timeline_leads_from_saved_to_succeeded_with_request_ids(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = make(ada, factory)
    arm.script("PUT", refused("TooManyRequests", 429))
    assert push(client) is Pushed.DELAYED
    assert push(again(client)) is Pushed.SUCCEEDED
    entry = Activity.objects.get()
    text = page(ada, "sync:timeline", factory.pk, entry.pk)
    places = [text.index(word) for word in ("Queued", "Sent to Azure", "Will be tried again", ">Succeeded<")]
    assert places == sorted(places[:3]) + places[3:]
    sent = [step for record in PushRecord.objects.all() for step in record.steps if step["method"] == "PUT"]
    assert [step["status"] for step in sent] == [429, 200]
    for step in sent:
        assert step["request_id"] in text
        assert step["azure_request_id"] in text


def test_a_change_that_went_out_with_a_later_one_shows_the_later_push(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="first")
    edit(ada, client, description="second")
    push(again(client))
    entry = Activity.objects.get(outcome="superseded")
    assert "Sent to Azure" in page(ada, "sync:timeline", factory.pk, entry.pk)


# For machines


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
    workers.this_worker().beat()
    assert Browser().get("/readyz").json()["workers"] == "ok"
