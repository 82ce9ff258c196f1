"""The settings of a namespace: what is shown, who may change it, and that nothing else of the namespace is touched."""

import re
import uuid
from html import unescape
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.pages.authentication_trace import namespace_state
from namespaces.actions.configuration import update_configuration
from namespaces.importing.runs import run_import
from namespaces.models import PREVIEW, Namespace, NamespaceConfiguration
from namespaces.rules.errors import RuleError
from namespaces.tasks import refresh_namespace
from portal.models import Activity, User
from sync.arm.gateway import arm_gateway
from sync.drift import resolutions
from sync.drift import scan as drift
from sync.models import Finding
from sync.push.claim_and_settle import Pushed, push
from sync.registry import Scope
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.browser.editions import edition_of
from tests.support.database.factories import PASSWORD, make_configuration, make_namespace, make_user
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db
SOURCES = ["ClientCertificateDns", "ClientCertificateSubject"]


def change(user: User, row: NamespaceConfiguration, **changed: Any) -> NamespaceConfiguration:
    wanted = {
        "state": str(row.state),
        "sources": row.sources,
        "max_sessions": row.max_sessions,
        "max_expiry_hours": row.max_expiry_hours,
        **changed,
    }
    return update_configuration(user, configuration=row, **wanted)


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


# Against the emulator


@pytest.fixture
def busy(azure: EmulatorProcess, ada: User) -> Namespace:
    """A namespace with routing, identity and tags, brought in from Azure."""
    resource_id = azure.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)
    azure.call(
        "PATCH",
        resource_id,
        {
            "tags": {"owner": "line-1"},
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "inboundIpRules": [{"ipMask": "10.0.0.0/8", "action": "Allow"}],
                "topicSpacesConfiguration": {
                    "routeTopicResourceId": f"{azure.group_id}/providers/Microsoft.EventGrid/topics/routed",
                    "routingEnrichments": {"static": [{"key": "a", "valueType": "String", "value": "b"}]},
                },
            },
        },
    )
    namespace = make_namespace(resource_id.rpartition("/")[2], resource_id=resource_id, owner=ada)
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    run_import(namespace.pk)
    return namespace


def held(azure: EmulatorProcess, namespace: Namespace) -> dict[str, Any]:
    """The namespace in Azure without what is expected to change."""
    found = azure.call("GET", namespace.resource_id, api_version=PREVIEW)
    part = found["properties"]["topicSpacesConfiguration"]
    for name in (
        "state",
        "hostname",
        "clientAuthentication",
        "maximumClientSessionsPerAuthenticationName",
        "maximumSessionExpiryInHours",
    ):
        part.pop(name, None)
    found.pop("systemData")
    return found


def test_a_change_leaves_the_rest_of_the_namespace_alone(azure: EmulatorProcess, ada: User, busy: Namespace) -> None:
    row = NamespaceConfiguration.objects.get()
    assert row.describe()["state"] == "Disabled"
    before = held(azure, busy)
    assert before["tags"] == {"owner": "line-1"}
    row = change(ada, row, state="Enabled", sources=SOURCES, max_sessions=5, max_expiry_hours=8)
    assert push(row) is Pushed.SUCCEEDED
    assert held(azure, busy) == before
    part = azure.call("GET", busy.resource_id, api_version=PREVIEW)["properties"]["topicSpacesConfiguration"]
    assert part["state"] == "Enabled"
    assert part["clientAuthentication"]["alternativeAuthenticationNameSources"] == SOURCES
    assert part["maximumClientSessionsPerAuthenticationName"] == 5
    assert part["maximumSessionExpiryInHours"] == 8
    entry = Activity.objects.get(verb="Change configuration")
    assert (entry.outcome, entry.actor) == (Activity.Outcome.SUCCEEDED, ada)


def test_a_change_of_other_settings_keeps_the_sources(azure: EmulatorProcess, ada: User, busy: Namespace) -> None:
    row = change(ada, NamespaceConfiguration.objects.get(), sources=SOURCES)
    assert push(row) is Pushed.SUCCEEDED
    row = change(ada, NamespaceConfiguration.objects.get(), max_sessions=7)
    assert push(row) is Pushed.SUCCEEDED
    row = NamespaceConfiguration.objects.get()
    assert (row.sources, row.max_sessions, row.is_settled) == (SOURCES, 7, True)
    row = change(ada, row, sources=[])
    assert push(row) is Pushed.SUCCEEDED
    part = azure.call("GET", busy.resource_id, api_version=PREVIEW)["properties"]["topicSpacesConfiguration"]
    assert not (part.get("clientAuthentication") or {}).get("alternativeAuthenticationNameSources")


def test_what_the_endpoint_tries_is_what_test_authentication_tries(
    azure: EmulatorProcess, ada: User, busy: Namespace
) -> None:
    change(ada, NamespaceConfiguration.objects.get(), sources=SOURCES)
    assert namespace_state(busy).alternative_sources == tuple(SOURCES)


def test_a_change_in_azure_is_found_and_taken(azure: EmulatorProcess, ada: User, busy: Namespace) -> None:
    scope = Scope(busy.pk, busy.resource_id, busy.name)
    assert drift.scan(scope).found == 0
    azure.call("PATCH", busy.resource_id, {"tags": {"owner": "somebody else"}})
    assert drift.scan(scope).found == 0
    part = {"clientAuthentication": {"alternativeAuthenticationNameSources": ["ClientCertificateIp"]}}
    azure.call("PATCH", busy.resource_id, {"properties": {"topicSpacesConfiguration": part}}, api_version=PREVIEW)
    assert drift.scan(scope).found == 1
    finding = Finding.objects.get()
    assert finding.is_loud
    resolutions.take_azures(ada, finding=finding)
    assert NamespaceConfiguration.objects.get().sources == ["ClientCertificateIp"]


def test_a_discarded_change_takes_azures_sources_too(azure: EmulatorProcess, ada: User, busy: Namespace) -> None:
    push(change(ada, NamespaceConfiguration.objects.get(), sources=SOURCES))
    row = change(ada, NamespaceConfiguration.objects.get(), sources=[], max_sessions=9)
    resolutions.discard_change(ada, row=row)
    row = NamespaceConfiguration.objects.get()
    assert (row.sources, row.max_sessions, row.is_settled) == (SOURCES, 1, True)


def test_settings_of_a_namespace_that_was_here_before_are_read(azure: EmulatorProcess, busy: Namespace) -> None:
    NamespaceConfiguration.objects.all().delete()
    assert drift.scan(Scope(busy.pk, busy.resource_id, busy.name)).found == 0
    busy.refresh_from_db()
    refresh_namespace(busy)
    assert NamespaceConfiguration.objects.get().is_settled


def test_a_namespace_that_is_gone_refuses_and_the_settings_stay(
    azure: EmulatorProcess, ada: User, busy: Namespace
) -> None:
    row = change(ada, NamespaceConfiguration.objects.get(), max_sessions=2)
    azure.call("DELETE", busy.resource_id)
    assert push(row) is Pushed.PARKED
    assert NamespaceConfiguration.objects.get().max_sessions == 2


# Where Azure no longer knows the preview version


def test_without_the_preview_version_the_rest_is_still_read(arm: ScriptedArm, ada: User) -> None:
    namespace = make_namespace(owner=ada)
    arm.hold(namespace.resource_id, {"topicSpacesConfiguration": {"state": "Enabled"}})
    arm.script("GET", refused("NoRegisteredProviderFound"))
    found = list(NamespaceConfiguration.in_azure(arm_gateway(), namespace.resource_id))
    assert found[0]["properties"]["topicSpacesConfiguration"]["state"] == "Enabled"


# Rules


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"state": "On"}, "state"),
        ({"sources": ["UserName"]}, "sources"),
        ({"sources": [SOURCES[0], SOURCES[0]]}, "sources"),
        ({"max_sessions": 0}, "max_sessions"),
        ({"max_sessions": 101}, "max_sessions"),
        ({"max_expiry_hours": 9}, "max_expiry_hours"),
    ],
)
def test_what_the_rules_refuse_is_not_stored(ada: User, changed: dict[str, Any], field: str) -> None:
    row = make_configuration(make_namespace(contributor=ada))
    with pytest.raises(RuleError) as refusal:
        change(ada, row, **changed)
    assert refusal.value.field == field
    assert not Activity.objects.exists()


def test_saving_what_is_there_changes_nothing(ada: User) -> None:
    assert change(ada, make_configuration(make_namespace(contributor=ada))).generation == 1
    assert not Activity.objects.exists()


# The page


@pytest.fixture
def namespace(client: Browser) -> Namespace:
    client.login(username=make_user("con").username, password=PASSWORD)
    namespace = make_namespace(contributor=User.objects.get(username="con"), reader=make_user("rea"))
    make_configuration(namespace, sources=SOURCES)
    return namespace


def page(namespace: Namespace) -> str:
    return reverse("namespaces:configuration_detail", args=[namespace.pk])


GOOD: dict[str, Any] = {
    "enabled": "on",
    "uses_sources": "on",
    "sources": ["", "ClientCertificateEmail", "", "ClientCertificateIp", ""],
    "max_sessions": "3",
    "max_expiry_hours": "2",
}


def test_a_contributor_changes_the_settings(client: Browser, namespace: Namespace) -> None:
    shown = client.get(page(namespace)).content.decode()
    selected = re.findall(r'<option value="(\w+)" selected', shown)
    assert selected == SOURCES
    assert client.post(page(namespace), GOOD | edition_of(NamespaceConfiguration)).status_code == 302
    row = NamespaceConfiguration.objects.get()
    assert row.sources == ["ClientCertificateEmail", "ClientCertificateIp"]
    assert (row.state, row.max_sessions, row.max_expiry_hours) == ("Enabled", 3, 2)
    assert "Pending" in text(client.get(page(namespace)))
    for name in ("activity", "json"):
        assert client.get(reverse(f"namespaces:configuration_{name}", args=[namespace.pk])).status_code == 200


def test_a_source_that_a_link_proposes_stands_behind_those_in_use_and_is_not_saved(
    client: Browser, namespace: Namespace
) -> None:
    def chosen(source: str) -> tuple[list[str], bool]:
        shown = client.get(page(namespace), {"source": source}).content.decode()
        return re.findall(r'<option value="(\w+)" selected', shown), 'data-code="filled-in"' in shown

    assert chosen("ClientCertificateIp") == ([*SOURCES, "ClientCertificateIp"], True)
    assert NamespaceConfiguration.objects.get().sources == SOURCES
    for nothing_new in (SOURCES[0], "Anything", ""):
        assert chosen(nothing_new) == (SOURCES, False)
    client.login(username="rea", password=PASSWORD)
    assert chosen("ClientCertificateIp") == (SOURCES, False)  # who cannot save it would take it for what is there


def test_the_json_view_shows_only_what_changes(client: Browser, namespace: Namespace) -> None:
    resource = {"name": "factory", "properties": {"topicSpacesConfiguration": {"state": "Enabled"}}}
    NamespaceConfiguration.objects.update(base=resource, sources=[])
    typed = {"enabled": "on", "max_sessions": "3", "max_expiry_hours": "1"}
    client.post(page(namespace), typed | edition_of(NamespaceConfiguration))
    shown = text(client.get(reverse("namespaces:configuration_json", args=[namespace.pk])))
    assert "PATCH /subscriptions/" in shown
    assert "clientAuthentication" not in shown
    assert '"maximumClientSessionsPerAuthenticationName": 3' in shown


def test_clearing_the_box_clears_the_sources(client: Browser, namespace: Namespace) -> None:
    typed = {name: value for name, value in GOOD.items() if name != "uses_sources"}
    client.post(page(namespace), typed | edition_of(NamespaceConfiguration))
    assert NamespaceConfiguration.objects.get().sources == []


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"max_sessions": "101"}, "max_sessions", "max_value"),
        ({"max_sessions": "many"}, "max_sessions", "invalid"),
        ({"max_expiry_hours": ""}, "max_expiry_hours", "required"),
        ({"sources": ["", ""]}, "sources", "required"),
        ({"sources": ["ClientCertificateIp", "ClientCertificateIp"]}, "sources", "same-twice"),
        ({"sources": ["Anything"]}, "sources", "unknown"),
    ],
)
def test_bad_input_is_named_and_the_form_kept(
    client: Browser, namespace: Namespace, changed: dict[str, Any], field: str, code: str
) -> None:
    answer = client.post(page(namespace), {**GOOD, "max_expiry_hours": "7", **changed})
    assert answer.status_code == 422
    assert re.findall(r'id="id_(\w+)_error" data-code="([\w-]+)"', answer.content.decode()) == [(field, code)]
    assert "max_expiry_hours" in changed or 'value="7"' in answer.content.decode()
    assert not Activity.objects.exists()


def test_a_reader_sees_the_settings_and_cannot_change_them(client: Browser, namespace: Namespace) -> None:
    client.login(username="rea", password=PASSWORD)
    shown = client.get(page(namespace)).content.decode()
    assert "<fieldset disabled>" in shown
    assert "Apply" not in shown
    assert client.post(page(namespace), GOOD).status_code == 403


def test_settings_that_were_not_read_yet_say_so(client: Browser, namespace: Namespace) -> None:
    NamespaceConfiguration.objects.all().delete()
    assert 'data-code="not-read-yet"' in client.get(page(namespace)).content.decode()
    assert client.post(page(namespace), GOOD).status_code == 409
