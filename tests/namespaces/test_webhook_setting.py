"""Custom webhook authentication as a part of the synced settings: sent, removed, compared, and who is said to call."""

import json
import uuid
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from celery.signals import before_task_publish
from django.apps import apps
from django.utils import timezone

from certificates.pages.decision_rules.enforcement import Enforcement, enforcement_of
from namespaces.access import get_namespace
from namespaces.actions.change_sets.policy import set_policy
from namespaces.actions.configuration import update_configuration
from namespaces.actions.decision_points import endpoint_url, principals_in
from namespaces.control.gate import NeedsApproval
from namespaces.control.rules.policy import Need, Policy
from namespaces.importing.runs import run_import
from namespaces.models import PREVIEW, ControlPolicy, DecisionPoint, Namespace, NamespaceConfiguration
from namespaces.models.configuration import WEBHOOK_REMOVED
from namespaces.pages.az_commands import namespace_commands
from namespaces.pages.recreation.parts import namespace_part
from namespaces.rights import Verb
from namespaces.rules.configuration import NO_WEBHOOK, SYSTEM_ASSIGNED, USER_ASSIGNED, Webhook
from namespaces.rules.errors import RuleError
from namespaces.tasks import refresh_namespace
from portal.models import User
from sync.drift import scan as drift
from sync.models import Finding
from sync.push.claim_and_settle import Pushed, push
from sync.registry import Scope
from tests.namespaces.pages.test_az_commands import command_of
from tests.support.azure.az_extension import calls_of
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.database.factories import make_configuration, make_namespace

pytestmark = pytest.mark.django_db
TENANT = "11111111-2222-3333-4444-555555555555"
USER_IDENTITY = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/decision-caller"
)
GOOD = Webhook("https://decide.example.com/decide/k", "api://decisions", TENANT, SYSTEM_ASSIGNED)
AS_USER = Webhook("https://decide.example.com/decide/k", "api://decisions", TENANT, USER_ASSIGNED, USER_IDENTITY)


def switch(user: User, webhook: Webhook, **changed: Any) -> NamespaceConfiguration:
    row = NamespaceConfiguration.objects.select_related("namespace").get()
    now: dict[str, Any] = {"state": str(row.state), "sources": row.sources, "max_sessions": 1, "max_expiry_hours": 1}
    return update_configuration(user, configuration=row, **{**now, **changed}, webhook=webhook)


@pytest.fixture
def factory(azure: EmulatorProcess, ada: User) -> Namespace:
    """A namespace with a managed identity, brought in from Azure."""
    resource_id = azure.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")
    azure.call("PATCH", resource_id, {"identity": {"type": "SystemAssigned"}})
    namespace = make_namespace(resource_id.rpartition("/")[2], resource_id=resource_id, owner=ada)
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    run_import(namespace.pk)
    namespace.refresh_from_db()
    return namespace


def held(azure: EmulatorProcess, namespace: Namespace) -> dict[str, Any]:
    part = azure.call("GET", namespace.resource_id, api_version=PREVIEW)["properties"]["topicSpacesConfiguration"]
    return dict(part.get("clientAuthentication") or {})


def test_a_webhook_is_sent_kept_and_removed_by_null(azure: EmulatorProcess, ada: User, factory: Namespace) -> None:
    assert push(switch(ada, GOOD, sources=["ClientCertificateDns"])) is Pushed.SUCCEEDED
    sent = held(azure, factory)["webhookAuthentication"]
    assert sent["endpointUrl"] == GOOD.url
    assert sent["identity"]["type"] == "SystemAssigned"
    assert sent["azureActiveDirectoryApplicationIdOrUri"] == GOOD.audience
    assert sent["azureActiveDirectoryTenantId"] == TENANT
    row = NamespaceConfiguration.objects.select_related("namespace").get()
    other: dict[str, Any] = {"state": "Enabled", "sources": [], "max_sessions": 4, "max_expiry_hours": 1}
    assert push(update_configuration(ada, configuration=row, **other)) is Pushed.SUCCEEDED
    assert held(azure, factory)["webhookAuthentication"] == sent
    assert push(switch(ada, NO_WEBHOOK, sources=["ClientCertificateDns"])) is Pushed.SUCCEEDED
    assert held(azure, factory) == {"alternativeAuthenticationNameSources": ["ClientCertificateDns"]}


def test_whose_token_it_is_is_read_from_arm(
    azure: EmulatorProcess, ada: User, factory: Namespace, settings: Any
) -> None:
    settings.DECISIONS_URL = "https://decide.example.com"
    refresh_namespace(factory)
    point = DecisionPoint.objects.get()
    assert (point.principals, point.switched_at) == ([], None)
    factory.refresh_from_db()
    url = endpoint_url(point)
    row = switch(ada, Webhook(url, "api://decisions", TENANT, SYSTEM_ASSIGNED))
    reported = azure.call("GET", factory.resource_id)["identity"]["principalId"]
    point.refresh_from_db()
    assert (point.principals, point.switched_at) == ([reported], None)
    assert push(row) is Pushed.SUCCEEDED
    refresh_namespace(factory)
    point.refresh_from_db()
    assert point.switched_at is not None
    switched_at = point.switched_at
    refresh_namespace(factory)
    point.refresh_from_db()
    assert point.switched_at == switched_at
    push(switch(ada, NO_WEBHOOK))
    point.refresh_from_db()
    assert point.principals == []
    assert DecisionPoint.objects.filter(switched_at=None, confirmed_at=None).exists()


@pytest.mark.parametrize(
    ("webhook", "principals"),
    [
        (GOOD, ["system"]),
        (AS_USER, ["user"]),
        (Webhook(GOOD.url, GOOD.audience, TENANT, USER_ASSIGNED, USER_IDENTITY.upper()), ["user"]),
        (Webhook(GOOD.url, GOOD.audience, TENANT, USER_ASSIGNED, f"{USER_IDENTITY}-other"), []),
        (NO_WEBHOOK, []),
    ],
)
def test_only_the_configured_identity_counts(webhook: Webhook, principals: list[str]) -> None:
    identity = {
        "type": "SystemAssigned, UserAssigned",
        "principalId": "system",
        "userAssignedIdentities": {USER_IDENTITY: {"principalId": "user", "clientId": "application"}},
    }
    assert principals_in({"identity": identity}, webhook) == principals
    assert principals_in({}, webhook) == []


# What Azure holds


def _held(**webhook: Any) -> dict[str, Any]:
    return {"name": "factory", "properties": {"topicSpacesConfiguration": {"clientAuthentication": webhook}}}


SENT = {
    "identity": {"type": "UserAssigned", "userAssignedIdentity": USER_IDENTITY},
    "endpointUrl": AS_USER.url,
    "azureActiveDirectoryApplicationIdOrUri": "api://decisions",
    "azureActiveDirectoryTenantId": TENANT,
}


@pytest.mark.parametrize("spelling", ["webhookAuthentication", "webHookAuthentication"])
def test_both_spellings_are_read_and_one_is_written(spelling: str) -> None:
    row = NamespaceConfiguration(name="factory")
    row.adopt(_held(**{spelling: SENT | {"endpointBaseUrl": AS_USER.url}}))
    assert row.webhook == AS_USER
    assert not row.rule_problems()
    row.webhook = NO_WEBHOOK
    sent = row.changed_properties(_held(**{spelling: SENT, "customJwtAuthentication": {"a": 1}}))
    expected: dict[str, Any] = {"customJwtAuthentication": {"a": 1}, "webhookAuthentication": None}
    expected |= {"alternativeAuthenticationNameSources": []} | {spelling: None}
    assert sent["topicSpacesConfiguration"]["clientAuthentication"] == expected


def test_another_case_of_ids_is_the_same_setting() -> None:
    row = NamespaceConfiguration(name="factory")
    row.webhook = AS_USER
    shouted = SENT | {
        "identity": {"type": "userassigned", "userAssignedIdentity": USER_IDENTITY.upper()},
        "azureActiveDirectoryTenantId": TENANT.upper(),
    }
    assert row.matches(_held(webhookAuthentication=shouted))
    assert (
        "clientAuthentication"
        not in row.changed_properties(_held(webhookAuthentication=shouted))["topicSpacesConfiguration"]
    )
    assert not row.matches(_held(webhookAuthentication=SENT | {"endpointUrl": "https://elsewhere.example.com/"}))


def test_a_url_that_azure_does_not_show_is_known_by_its_base() -> None:
    row = NamespaceConfiguration()
    hidden = {key: value for key, value in SENT.items() if key != "endpointUrl"} | {"endpointBaseUrl": AS_USER.url}
    row.adopt(_held(webhookAuthentication=hidden))
    assert row.webhook == AS_USER


@pytest.mark.parametrize("url", ["https://elsewhere.example.com/x", ""])
def test_a_webhook_changed_in_azure_is_an_alarm(
    azure: EmulatorProcess, ada: User, factory: Namespace, url: str
) -> None:
    push(switch(ada, GOOD))
    webhook = SENT | {"identity": {"type": "SystemAssigned"}, "endpointUrl": url} if url else None
    part = {"topicSpacesConfiguration": {"clientAuthentication": {"webhookAuthentication": webhook}}}
    azure.call("PATCH", factory.resource_id, {"properties": part}, api_version=PREVIEW)
    drift.scan(Scope(factory.pk, factory.resource_id, factory.name))
    finding = Finding.objects.get()
    assert finding.is_loud
    assert (url in finding.note) if url else (finding.note == WEBHOOK_REMOVED)
    assert NamespaceConfiguration.objects.get().webhook == GOOD  # nothing is taken unasked


def test_a_webhook_changed_in_azure_is_found_with_the_next_reading(
    azure: EmulatorProcess, ada: User, factory: Namespace, settings: Any
) -> None:
    settings.DECISIONS_URL = "https://decide.example.com"
    point = DecisionPoint.objects.create(namespace=factory)
    push(switch(ada, replace(GOOD, url=endpoint_url(point))))
    assert _asked_for_by_reading(factory) == []
    DecisionPoint.objects.update(confirmed_at=timezone.now())
    part = {"topicSpacesConfiguration": {"clientAuthentication": {"webhookAuthentication": None}}}
    azure.call("PATCH", factory.resource_id, {"properties": part}, api_version=PREVIEW)
    assert _asked_for_by_reading(factory) == ["sync.tasks.scan"]
    point.refresh_from_db()
    assert (point.switched_at, point.confirmed_at) == (None, None)
    drift.scan(Scope(factory.pk, factory.resource_id, factory.name))
    assert _asked_for_by_reading(factory) == []  # it is an alarm already
    assert enforcement_of(get_namespace(ada, factory.pk, Verb.READ)) is Enforcement.CHANGED


def _asked_for_by_reading(namespace: Namespace) -> list[str]:
    """Read a namespace as every ten seconds, and return the tasks that were sent."""
    sent: list[str] = []

    def note(sender: str = "", **_: Any) -> None:
        sent.append(sender)

    before_task_publish.connect(note)
    try:
        refresh_namespace(namespace)
    finally:
        before_task_publish.disconnect(note)
    return sent


def test_the_migration_takes_the_webhook_that_azure_holds() -> None:
    row = make_configuration(make_namespace(), base=_held(webHookAuthentication=SENT))
    ControlPolicy.objects.create(namespace=row.namespace, enabled=True, needs=sorted(_before()))
    migration = import_module("namespaces.migrations.0036_webhooks_in_azure")
    migration.copy_webhooks(apps, None)
    migration.ask_for_switches(apps, None)
    row.refresh_from_db()
    assert row.webhook == AS_USER
    assert Need.DECISION_MODE in ControlPolicy.objects.get().rules.needs


def _before() -> set[str]:
    return {need.value for need in Policy().needs} - {"decision_mode"}


# Rules


@pytest.mark.parametrize(
    ("webhook", "field"),
    [
        (Webhook("http://decide.example.com", "a", TENANT, SYSTEM_ASSIGNED), "webhook_url"),
        (Webhook("https://user@decide.example.com", "a", TENANT, SYSTEM_ASSIGNED), "webhook_url"),
        (Webhook("https://[", "a", TENANT, SYSTEM_ASSIGNED), "webhook_url"),
        (Webhook("https://a b", "a", TENANT, SYSTEM_ASSIGNED), "webhook_url"),
        (Webhook("https://decide.example.com/" + "k" * 1024, "a", TENANT, SYSTEM_ASSIGNED), "webhook_url"),
        (Webhook(GOOD.url, "", TENANT, SYSTEM_ASSIGNED), "webhook_audience"),
        (Webhook(GOOD.url, "two words", TENANT, SYSTEM_ASSIGNED), "webhook_audience"),
        (Webhook(GOOD.url, "a" * 513, TENANT, SYSTEM_ASSIGNED), "webhook_audience"),
        (Webhook(GOOD.url, "a", "contoso", SYSTEM_ASSIGNED), "webhook_tenant"),
        (Webhook(GOOD.url, "a", TENANT, "Whatever"), "webhook_identity"),
        (Webhook(GOOD.url, "a", TENANT, USER_ASSIGNED), "webhook_identity"),
        (Webhook(GOOD.url, "a", TENANT, USER_ASSIGNED, "/subscriptions/x"), "webhook_identity"),
        (Webhook(GOOD.url, "a", TENANT, SYSTEM_ASSIGNED, USER_IDENTITY), "webhook_identity"),
    ],
)
def test_a_webhook_that_azure_could_not_ask_is_not_stored(ada: User, webhook: Webhook, field: str) -> None:
    make_configuration(make_namespace(contributor=ada))
    with pytest.raises(RuleError) as refusal:
        switch(ada, webhook)
    assert refusal.value.field == field
    assert NamespaceConfiguration.objects.get().webhook == NO_WEBHOOK


def test_switching_needs_approval_where_the_policy_asks(ada: User) -> None:
    namespace = make_namespace(owner=ada)
    make_configuration(namespace)
    set_policy(ada, namespace=namespace, policy=Policy(enabled=True))
    with pytest.raises(NeedsApproval) as held_back:
        switch(ada, GOOD)
    assert held_back.value.needs == (Need.DECISION_MODE,)
    assert (held_back.value.drafts[0].values or {})["webhook_url"] == GOOD.url
    assert NamespaceConfiguration.objects.get().webhook == NO_WEBHOOK


# az


def test_az_removes_the_webhook_with_a_full_put(
    azure: EmulatorProcess, ada: User, factory: Namespace, tmp_path: Path
) -> None:
    push(switch(ada, GOOD, sources=["ClientCertificateDns"]))
    row = NamespaceConfiguration.objects.get()
    part = namespace_part(get_namespace(ada, factory.pk))
    whole = {**part.envelope, "properties": part.properties}
    families = namespace_commands(factory.resource_id, factory.location, row.body(), PREVIEW, whole)
    (call,) = calls_of(command_of(families, "az-resource", "Let Azure decide"), tmp_path)
    content = json.loads((tmp_path / call[-1].removeprefix("@")).read_text())
    assert "--is-full-object" in call
    azure.call("PUT", factory.resource_id, content, api_version=call[call.index("--api-version") + 1])
    assert held(azure, factory) == {"alternativeAuthenticationNameSources": ["ClientCertificateDns"]}
    assert azure.call("GET", factory.resource_id)["identity"]["type"] == "SystemAssigned"
    created = command_of(families, "az-resource", "Create")
    assert GOOD.url not in created
