"""The page of the two modes: what it shows in each state, and what a switch without a passing endpoint is answered."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.decision_mode import let_azure_decide
from certificates.models import RevocationAlarm, RevokedCertificate
from namespaces.actions.change_sets.requests import keep_draft, request_approval, withdraw
from namespaces.control.gate import NeedsApproval
from namespaces.models import (
    ConnectionAttempt,
    ControlPolicy,
    DecisionPoint,
    Namespace,
    NamespaceConfiguration,
    SwitchCheck,
)
from namespaces.rules.configuration import NO_WEBHOOK
from portal.models import User
from tests.support.browser.editions import edition_of
from tests.support.certificates.chains import authority
from tests.support.database.factories import (
    PASSWORD,
    make_client,
    make_configuration,
    make_namespace,
    make_revoked_certificate,
    make_user,
)

pytestmark = pytest.mark.django_db
TENANT = "11111111-2222-3333-4444-555555555555"
BASE = "https://127.0.0.1:1"  # nothing answers there
PASSED = [{"code": "reachable", "passed": True, "fact": "3 ms"}]
TYPED = {"identity": "SystemAssigned", "audience": "api://decisions", "tenant": TENANT, "client_id": ""}


@pytest.fixture
def namespace(client: Browser, settings: Any) -> Namespace:
    settings.DECISIONS_URL = BASE
    namespace = make_namespace(contributor=make_user("con"), reader=make_user("rea"))
    Namespace.objects.update(resource={"identity": {"type": "SystemAssigned", "principalId": "principal"}})
    make_configuration(namespace)
    client.login(username="con", password=PASSWORD)
    return namespace


def url(namespace: Namespace, action: str = "") -> str:
    return reverse(f"certificates:decision_mode{action}", args=[namespace.pk])


def switch_on(namespace: Namespace, at: str = "", **point: Any) -> DecisionPoint:
    made = DecisionPoint.objects.create(namespace=namespace, **point)
    webhook = {"webhook_audience": "a", "webhook_tenant": TENANT, "webhook_identity": "SystemAssigned"}
    NamespaceConfiguration.objects.update(webhook_url=at or f"{BASE}/decide/{made.key}", **webhook)
    return made


def hooks(page: str, name: str) -> list[str]:
    return re.findall(rf'data-{name}="([^"]*)"', page)


def shown(client: Browser, namespace: Namespace) -> str:
    return client.get(url(namespace)).content.decode()


def test_the_three_states_are_told_apart(client: Browser, namespace: Namespace) -> None:
    assert hooks(shown(client, namespace), "mode") == ["azure"]
    point = switch_on(namespace)
    page = shown(client, namespace)
    assert (hooks(page, "mode"), hooks(page, "confirmation")) == (["portal"], ["silent"])
    for seen, state in (({"asked_at": timezone.now()}, "asked"), ({"confirmed_at": timezone.now()}, "confirmed")):
        DecisionPoint.objects.update(**seen)
        assert hooks(shown(client, namespace), "confirmation") == [state]
    NamespaceConfiguration.objects.update(synced_generation=0)
    assert hooks(shown(client, namespace), "confirmation") == ["sending"]
    point.delete()
    switch_on(namespace, at="https://elsewhere.example.com/hook")
    page = shown(client, namespace)
    assert (hooks(page, "mode"), hooks(page, "confirmation")) == (["other"], [])
    assert "https://elsewhere.example.com/hook" in page


def test_a_switch_that_waits_for_approval_is_named_with_its_link(client: Browser, namespace: Namespace) -> None:
    ControlPolicy.objects.create(namespace=namespace, enabled=True)
    switch_on(namespace)
    con, row = User.objects.get(username="con"), NamespaceConfiguration.objects.get()
    with pytest.raises(NeedsApproval) as held:
        let_azure_decide(con, configuration=row)
    draft = keep_draft(con, held.value)
    assert hooks(shown(client, namespace), "waits-for-approval") == []
    asked = request_approval(con, change_set=draft, title="Back to Azure", reason="A test.")
    page = shown(client, namespace)
    assert hooks(page, "waits-for-approval") == [str(asked.pk)]
    assert reverse("namespaces:change_set_detail", args=[namespace.pk, asked.pk]) in page
    withdraw(con, change_set=asked)
    assert hooks(shown(client, namespace), "waits-for-approval") == []


def test_the_overview_names_who_decides(client: Browser, namespace: Namespace) -> None:
    def overview() -> str:
        return client.get(reverse("namespaces:namespace_overview", args=[namespace.pk])).content.decode()

    assert hooks(overview(), "decides") == ["azure"]
    point = switch_on(namespace)
    assert (hooks(overview(), "decides"), hooks(overview(), "confirmed")) == (["portal"], ["false"])
    DecisionPoint.objects.update(confirmed_at=timezone.now())
    assert hooks(overview(), "confirmed") == ["true"]
    point.delete()
    switch_on(namespace, at="https://elsewhere.example.com/hook")
    assert hooks(overview(), "decides") == ["other"]
    NamespaceConfiguration.objects.all().delete()
    assert hooks(overview(), "decides") == []


def test_the_page_waits_for_azure_and_the_check_and_then_is_quiet(client: Browser, namespace: Namespace) -> None:
    now = timezone.now()
    device = authority("Line 1 CA").issue("press-1")
    point = switch_on(namespace, switched_at=now - timedelta(hours=2), asked_at=now)
    make_client(namespace, "press-1")
    row = make_revoked_certificate(namespace, "press-1", device.der)
    RevokedCertificate.objects.update(revoked_at=now - timedelta(hours=1))

    def state() -> str:
        return client.get(url(namespace, "_state"), headers={"HX-Request": "true"}).content.decode()

    assert hooks(shown(client, namespace), "revoked-check") == ["waiting"]
    assert 'hx-get="' in state()
    NamespaceConfiguration.objects.update(synced_generation=0)
    sending = state()  # both cards change together
    assert (hooks(sending, "confirmation"), hooks(sending, "state")) == (["sending"], ["Pending"])
    NamespaceConfiguration.objects.update(synced_generation=1)
    assert (hooks(state(), "confirmation"), hooks(state(), "state")) == (["asked"], ["Succeeded"])
    refused = {"namespace": namespace, "accepted": False, "code": "not-revoked", "thumbprint": row.thumbprint}
    ConnectionAttempt.objects.create(cursor=1, at=now - timedelta(hours=3), record={}, **refused)
    assert hooks(state(), "revoked-check") == ["waiting"]
    ConnectionAttempt.objects.create(cursor=2, at=now, record={}, **refused)
    DecisionPoint.objects.filter(pk=point.pk).update(confirmed_at=now)
    page = state()
    assert hooks(page, "revoked-check") == ["refused"]
    assert 'hx-get="' not in page


def test_a_person_reports_what_no_log_shows(client: Browser, namespace: Namespace) -> None:
    switch_on(namespace, switched_at=timezone.now() - timedelta(hours=2))
    make_client(namespace, "press-1")
    row = make_revoked_certificate(namespace, "press-1", authority("Line 1 CA").issue("press-1").der)
    report = reverse("certificates:certificate_let_in", args=[namespace.pk, row.pk])
    assert report in shown(client, namespace)
    for _ in range(2):
        assert client.post(report).status_code == 302
    alarm = RevocationAlarm.objects.get()
    assert (alarm.reported_by, alarm.cursor) == (User.objects.get(username="con"), None)
    assert "passed-by" in hooks(shown(client, namespace), "code")
    assert hooks(client.get(reverse("certificates:revoked_list", args=[namespace.pk])).content.decode(), "let-in") == [
        "open"
    ]


def test_it_cannot_be_switched_on_while_the_endpoint_fails(client: Browser, namespace: Namespace) -> None:
    assert "disabled aria-describedby" in shown(client, namespace)
    answer = client.post(url(namespace, "_check"), TYPED)
    assert answer.status_code == 302
    check = SwitchCheck.objects.get()
    assert check.wanted["audience"] == "api://decisions"
    page = shown(client, namespace)
    assert hooks(page, "probe") == ["reachable"]
    assert hooks(page, "outcome") == ["failed"]
    assert "disabled aria-describedby" in page
    SwitchCheck.objects.update(probe=PASSED)  # it answered then
    assert "disabled aria-describedby" not in shown(client, namespace)
    answer = client.post(url(namespace, "_switch"), {**TYPED, "wanted": "portal", **edition_of(NamespaceConfiguration)})
    assert answer.status_code == 422
    assert "probe-failed" in hooks(answer.content.decode(), "code")
    assert NamespaceConfiguration.objects.get().webhook == NO_WEBHOOK


def test_htmx_gets_the_checked_form_only(client: Browser, namespace: Namespace) -> None:
    answer = client.post(url(namespace, "_check"), TYPED, headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert text.lstrip().startswith("<form")
    assert hooks(text, "probe") == ["reachable"]


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"audience": ""}, "audience", "required"),
        ({"audience": "two words"}, "audience", "characters"),
        ({"tenant": "contoso"}, "tenant", "no-guid"),
        ({"identity": "Another"}, "identity", "invalid_choice"),
        ({"client_id": "<b>"}, "client_id", "no-guid"),
        ({"audience": "a" * 600}, "audience", "max_length"),
    ],
)
def test_bad_input_is_named_at_its_field_and_nothing_kept(
    client: Browser, namespace: Namespace, changed: dict[str, str], field: str, code: str
) -> None:
    answer = client.post(url(namespace, "_check"), TYPED | changed)
    assert answer.status_code == 422
    assert re.findall(r'id="id_(\w+)_error" data-code="([\w-]+)"', answer.content.decode()) == [(field, code)]
    assert not SwitchCheck.objects.exists()


def test_without_an_address_or_an_identity_it_says_what_to_set(
    client: Browser, namespace: Namespace, settings: Any
) -> None:
    settings.DECISIONS_URL = ""
    Namespace.objects.update(resource={})
    codes = hooks(shown(client, namespace), "code")
    assert {"no-address", "no-identity"} <= set(codes)
    assert client.post(url(namespace, "_check"), TYPED).status_code == 422


def test_the_way_back_is_one_change(client: Browser, namespace: Namespace) -> None:
    switch_on(namespace, confirmed_at=timezone.now())
    page = shown(client, namespace)
    assert "az resource create" in page
    answer = client.post(url(namespace, "_switch"), {"wanted": "azure", **edition_of(NamespaceConfiguration)})
    assert answer.status_code == 302
    row = NamespaceConfiguration.objects.get()
    assert (row.webhook, row.is_settled) == (NO_WEBHOOK, False)
    assert DecisionPoint.objects.get().confirmed_at is None
    changed = {"webhook_url": "https://elsewhere.example.com/", "edited_generation": 9}
    NamespaceConfiguration.objects.update(**changed)
    client.post(url(namespace, "_switch"), {"wanted": "azure", "generation": f"{row.pk}.1"})
    assert NamespaceConfiguration.objects.get().webhook_url == changed["webhook_url"]


def test_a_reader_sees_and_cannot_change(client: Browser, namespace: Namespace) -> None:
    client.login(username="rea", password=PASSWORD)
    page = shown(client, namespace)
    assert hooks(page, "mode") == ["azure"]
    assert 'name="wanted"' not in page
    for action in ("_check", "_switch"):
        assert client.post(url(namespace, action), TYPED).status_code == 403
