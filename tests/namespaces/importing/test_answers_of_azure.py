"""The portal and what Azure leaves out: a namespace of nothing but a location, and thumbprints without a scheme."""

import uuid
from typing import Any

import pytest

from namespaces.actions.configuration import update_configuration
from namespaces.importing.runs import run_import
from namespaces.models import Client, Namespace, NamespaceConfiguration, PermissionBinding
from namespaces.tasks import refresh_namespace
from portal.models import User
from sync.drift import scan as drift
from sync.push.claim_and_settle import Pushed, push
from sync.registry import Scope
from tests.support.azure.emulator_process import LOCATION, EmulatorProcess
from tests.support.database.factories import make_namespace

pytestmark = pytest.mark.django_db
THUMBPRINT = "5c" * 32


@pytest.fixture
def bare(azure: EmulatorProcess, ada: User) -> Namespace:
    """A namespace that was created in Azure with nothing but a location, imported."""
    azure.call("PUT", azure.group_id, {"location": LOCATION})
    path = f"{azure.group_id}/providers/Microsoft.EventGrid/namespaces/ns-{uuid.uuid4().hex[:12]}"
    made = azure.call("PUT", path, {"location": LOCATION})
    assert "topicSpacesConfiguration" not in made["properties"]
    namespace = make_namespace(made["name"], resource_id=made["id"], owner=ada)
    Namespace.objects.update(import_state=Namespace.Import.WAITING, hostname="")
    run_import(namespace.pk)
    refresh_namespace(Namespace.objects.get())
    return Namespace.objects.get()


def scope_of(namespace: Namespace) -> Scope:
    return Scope(namespace.pk, namespace.resource_id, namespace.name)


def test_a_bare_namespace_is_imported_with_azures_defaults(bare: Namespace) -> None:
    row = NamespaceConfiguration.objects.get()
    limits = {"state": "Disabled", "sources": [], "max_sessions": 1, "max_expiry_hours": 1}
    no_webhook = dict.fromkeys(
        (f"webhook_{part}" for part in ("audience", "identity", "tenant", "url", "user_identity")), ""
    )
    assert row.describe() == limits | no_webhook
    assert (bare.import_state, bare.hostname, row.rule_notes) == ("done", "", [])
    assert drift.scan(scope_of(bare)).found == 0


def test_mqtt_is_enabled_in_a_bare_namespace_and_its_host_name_follows(
    azure: EmulatorProcess, bare: Namespace, ada: User
) -> None:
    row = NamespaceConfiguration.objects.get()
    for state in ("Enabled", "Disabled"):
        row = update_configuration(
            ada, configuration=row, state=state, sources=["ClientCertificateDns"], max_sessions=2, max_expiry_hours=1
        )
        assert push(row) is Pushed.SUCCEEDED
        found = azure.call("GET", bare.resource_id)
        assert found["properties"]["topicSpacesConfiguration"]["state"] == state
        assert (found["tags"], found["properties"]["inboundIpRules"]) == (None, None)
        refresh_namespace(bare)
        assert bool(Namespace.objects.get().hostname) is (state == "Enabled")
        assert drift.scan(scope_of(bare)).found == 0
        row = NamespaceConfiguration.objects.get()


@pytest.mark.parametrize(
    ("authentication", "scheme", "thumbprints"),
    [
        ({"allowedThumbprints": [THUMBPRINT.upper()]}, "ThumbprintMatch", [THUMBPRINT]),
        ({"validationScheme": None, "allowedThumbprints": [THUMBPRINT]}, "ThumbprintMatch", [THUMBPRINT]),
        ({"validationScheme": "thumbprintmatch", "allowedThumbprints": [THUMBPRINT]}, "ThumbprintMatch", [THUMBPRINT]),
        ({"validationScheme": "DNSMATCHESAUTHENTICATIONNAME"}, "DnsMatchesAuthenticationName", []),
        ({"allowedThumbprints": []}, "SubjectMatchesAuthenticationName", []),
        (None, "SubjectMatchesAuthenticationName", []),
    ],
)
def test_thumbprints_without_a_scheme_are_read_as_thumbprint_match(
    authentication: dict[str, Any] | None, scheme: str, thumbprints: list[str]
) -> None:
    row = Client()
    row.adopt({"name": "press-4", "properties": {"clientCertificateAuthentication": authentication}})
    assert (row.validation_scheme, row.thumbprints, row.rule_problems()) == (scheme, thumbprints, [])


def test_enumerated_values_are_read_in_any_case() -> None:
    client, configuration, binding = Client(), NamespaceConfiguration(), PermissionBinding()
    client.adopt({"name": "press-4", "properties": {"state": "DISABLED"}})
    sources = {"alternativeAuthenticationNameSources": ["clientcertificateip"]}
    broker = {"state": "enabled", "clientAuthentication": sources}
    configuration.adopt({"name": "plant", "properties": {"topicSpacesConfiguration": broker}})
    names = {"clientGroupName": "$all", "topicSpaceName": "machines"}
    binding.adopt({"name": "all-read", "properties": {**names, "permission": "subscriber"}})
    assert (client.state, configuration.state, binding.permission) == ("Disabled", "Enabled", "Subscriber")
    assert configuration.sources == ["ClientCertificateIp"]
    assert client.rule_problems() == configuration.rule_problems() == binding.rule_problems() == []
