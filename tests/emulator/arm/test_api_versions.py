"""What each API version returns, keeps and rejects."""

import uuid
from typing import Any

import pytest

from tests.support.azure.emulator_process import LOCATION, EmulatorProcess
from tests.support.waiting import until

GA = "2025-02-15"
OLDEST = "2023-06-01-preview"
NEWEST = "2025-07-15-preview"
THUMBPRINTS = ["ab" * 32, "cd" * 32]
SOURCES = {"alternativeAuthenticationNameSources": ["ClientCertificateSubject", "ClientCertificateDns"]}
JWT = {"customJwtAuthentication": {"tokenIssuer": "https://example"}}
LEGACY = {"certificateThumbprint": {"primary": THUMBPRINTS[0], "secondary": THUMBPRINTS[1]}}


@pytest.fixture
def namespace(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)


def configuration_of(emulator: EmulatorProcess, namespace: str, version: str) -> dict[str, Any]:
    found: dict[str, Any] = emulator.call("GET", namespace, api_version=version)["properties"][
        "topicSpacesConfiguration"
    ]
    return found


def configure(emulator: EmulatorProcess, namespace: str, version: str, **configuration: Any) -> None:
    emulator.call("PATCH", namespace, {"properties": {"topicSpacesConfiguration": configuration}}, api_version=version)


def test_every_listed_version_supports_every_type(emulator: EmulatorProcess, namespace: str) -> None:
    provider = emulator.call(
        "GET", f"/subscriptions/{emulator.subscription}/providers/Microsoft.EventGrid", api_version="2021-04-01"
    )
    versions = provider["resourceTypes"][0]["apiVersions"]
    assert versions[0] == provider["resourceTypes"][0]["defaultApiVersion"] == GA
    assert len(versions) == 8
    for version in versions:
        assert emulator.call("GET", namespace, api_version=version)["name"]
        for segment in ("caCertificates", "clients", "clientGroups", "topicSpaces", "permissionBindings"):
            assert "value" in emulator.call("GET", f"{namespace}/{segment}", api_version=version)


def test_a_version_neither_returns_nor_changes_unknown_properties(emulator: EmulatorProcess, namespace: str) -> None:
    configure(emulator, namespace, NEWEST, clientAuthentication={**SOURCES, **JWT})
    for version in (GA, OLDEST):
        whole = emulator.call("GET", namespace, api_version=version)
        emulator.call("PUT", namespace, whole, api_version=version)
        configure(emulator, namespace, version, maximumSessionExpiryInHours=3)
    assert "clientAuthentication" not in configuration_of(emulator, namespace, GA)
    assert configuration_of(emulator, namespace, OLDEST)["clientAuthentication"] == SOURCES
    assert configuration_of(emulator, namespace, "2024-06-01-preview")["clientAuthentication"] == {**SOURCES, **JWT}
    kept = configuration_of(emulator, namespace, NEWEST)
    assert kept["clientAuthentication"] == {**SOURCES, **JWT}
    assert kept["maximumSessionExpiryInHours"] == 3


def test_a_put_keeps_only_properties_that_its_version_does_not_have(emulator: EmulatorProcess, namespace: str) -> None:
    configure(emulator, namespace, NEWEST, clientAuthentication={**SOURCES, **JWT})
    emulator.call("PUT", namespace, {"location": LOCATION}, api_version=OLDEST)
    assert configuration_of(emulator, namespace, NEWEST)["clientAuthentication"] == JWT
    emulator.call("PUT", namespace, {"location": LOCATION}, api_version=NEWEST)
    assert "topicSpacesConfiguration" not in emulator.call("GET", namespace, api_version=NEWEST)["properties"]


@pytest.mark.parametrize(
    ("version", "configuration", "target", "supported_by"),
    [
        (
            GA,
            {"clientAuthentication": SOURCES},
            "properties.topicSpacesConfiguration.clientAuthentication",
            NEWEST,
        ),
        (
            OLDEST,
            {"clientAuthentication": JWT},
            "properties.topicSpacesConfiguration.clientAuthentication.customJwtAuthentication",
            NEWEST,
        ),
        (
            OLDEST,
            {"customDomains": [{"fullyQualifiedDomainName": "a.example"}]},
            "properties.topicSpacesConfiguration.customDomains",
            GA,
        ),
    ],
)
def test_a_property_of_another_version_is_rejected(
    emulator: EmulatorProcess,
    namespace: str,
    version: str,
    configuration: dict[str, Any],
    target: str,
    supported_by: str,
) -> None:
    body = {"properties": {"topicSpacesConfiguration": configuration}}
    status, _, answer = emulator.request("PATCH", namespace, body, api_version=version)
    assert (status, answer["error"]["target"]) == (400, target)
    assert f"'{version}'" in answer["error"]["message"]
    assert supported_by in answer["error"]["message"]


def test_name_sources_keep_their_order_and_ignore_casing(emulator: EmulatorProcess, namespace: str) -> None:
    given = {"alternativeAuthenticationNameSources": ["clientcertificateip", "CLIENTCERTIFICATEEMAIL"]}
    configure(emulator, namespace, NEWEST, clientAuthentication=given)
    assert configuration_of(emulator, namespace, NEWEST)["clientAuthentication"] == {
        "alternativeAuthenticationNameSources": ["ClientCertificateIp", "ClientCertificateEmail"]
    }


# The legacy `authentication` of 2023-06-01-preview


def put_client(
    emulator: EmulatorProcess, path: str, version: str, **properties: Any
) -> tuple[int, dict[str, str], dict[str, Any]]:
    return emulator.request("PUT", path, {"properties": properties}, api_version=version)


def test_legacy_thumbprints_are_thumbprint_match_in_later_versions(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/clients/legacy"
    status, _, made = put_client(emulator, path, OLDEST, authentication=LEGACY)
    assert status == 200
    assert made["properties"]["authentication"] == LEGACY
    later = emulator.call("GET", path)["properties"]
    assert "authentication" not in later
    assert later["clientCertificateAuthentication"] == {
        "validationScheme": "ThumbprintMatch",
        "allowedThumbprints": THUMBPRINTS,
    }
    emulator.call("PUT", path, {"properties": {**later, "description": "changed by a later version"}})
    kept = emulator.call("GET", path, api_version=OLDEST)
    assert kept["properties"]["authentication"] == LEGACY
    assert emulator.call("PUT", path, kept, api_version=OLDEST)["properties"] == kept["properties"]


def test_a_change_by_a_later_version_drops_the_legacy_settings(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/clients/legacy"
    put_client(emulator, path, OLDEST, authentication=LEGACY)
    emulator.call("PUT", path, {"properties": {}})
    found = emulator.call("GET", path, api_version=OLDEST)["properties"]
    assert "authentication" not in found
    assert found["clientCertificateAuthentication"] == {"validationScheme": "SubjectMatchesAuthenticationName"}


def test_a_legacy_subject_is_the_subject_scheme(emulator: EmulatorProcess, namespace: str) -> None:
    subject = {"commonName": "Press-7", "countryCode": "DE", "organization": "Example", "organizationUnit": None}
    status, _, made = put_client(
        emulator, f"{namespace}/clients/press-7", OLDEST, authentication={"certificateSubject": subject}
    )
    assert (status, made["properties"]["authentication"]) == (200, {"certificateSubject": subject})
    assert made["properties"]["clientCertificateAuthentication"] == {
        "validationScheme": "SubjectMatchesAuthenticationName"
    }


@pytest.mark.parametrize(
    ("version", "properties", "field"),
    [
        (GA, {"authentication": LEGACY}, "authentication"),
        ("2023-12-15-preview", {"authentication": LEGACY}, "authentication"),
        (OLDEST, {"authentication": {}}, "authentication"),
        (OLDEST, {"authentication": {"certificateThumbprint": {}}}, "authentication.certificateThumbprint.primary"),
        (
            OLDEST,
            {"authentication": {"certificateThumbprint": {"primary": "ab"}}},
            "authentication.certificateThumbprint.primary",
        ),
        (
            OLDEST,
            {"authentication": {"certificateSubject": {"commonName": "x" * 65}}},
            "authentication.certificateSubject.commonName",
        ),
        (
            OLDEST,
            {"authentication": {"certificateSubject": {"commonName": "invalid", "countryCode": "DEU"}}},
            "authentication.certificateSubject.countryCode",
        ),
        (
            OLDEST,
            {
                "authentication": LEGACY,
                "clientCertificateAuthentication": {"validationScheme": "DnsMatchesAuthenticationName"},
            },
            "authentication",
        ),
    ],
)
def test_an_invalid_legacy_authentication_is_rejected(
    emulator: EmulatorProcess, namespace: str, version: str, properties: dict[str, Any], field: str
) -> None:
    status, _, answer = put_client(emulator, f"{namespace}/clients/invalid", version, **properties)
    assert (status, answer["error"]["target"]) == (400, f"properties.{field}")


def test_a_legacy_authentication_of_null_is_ignored(emulator: EmulatorProcess, namespace: str) -> None:
    status, _, made = put_client(emulator, f"{namespace}/clients/c", GA, authentication=None)
    assert (status, "authentication" in made["properties"]) == (200, False)


# Namespaces, where versions agree


def test_a_namespace_returns_its_settings_and_azures_defaults(emulator: EmulatorProcess, namespace: str) -> None:
    topic = f"{emulator.group_id}/providers/Microsoft.EventGrid/topics/routed"
    configure(
        emulator,
        namespace,
        GA,
        routeTopicResourceId=topic,
        routingEnrichments={"static": [{"key": "a", "value": "b"}], "dynamic": [{"key": "c", "value": "${d}"}]},
        routingIdentityInfo={"type": "systemassigned"},
        customDomains=[{"fullyQualifiedDomainName": "mqtt.example", "validationState": "Approved"}],
    )
    emulator.call("PATCH", namespace, {"identity": {"type": "SystemAssigned"}, "sku": {"capacity": 3}})
    found = emulator.call("GET", namespace)
    configuration = found["properties"]["topicSpacesConfiguration"]
    assert configuration["routeTopicResourceId"] == topic
    assert configuration["routingEnrichments"]["static"] == [{"key": "a", "value": "b", "valueType": "String"}]
    assert configuration["routingIdentityInfo"] == {"type": "SystemAssigned", "userAssignedIdentity": None}
    assert configuration["customDomains"][0]["validationState"] == "Pending"
    assert uuid.UUID(found["identity"]["principalId"])
    assert found["sku"] == {"name": "Standard", "capacity": 3}
    assert emulator.call("PUT", namespace, found)["properties"] == found["properties"]


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"identity": {"type": "Mine"}}, "identity.type"),
        ({"identity": {"type": "UserAssigned"}}, "identity.userAssignedIdentities"),
        (
            {"identity": {"type": "UserAssigned", "userAssignedIdentities": {"x": {}}}},
            "identity.userAssignedIdentities",
        ),
        ({"properties": {"publicNetworkAccess": "Never"}}, "properties.publicNetworkAccess"),
        ({"properties": {"publicNetworkAccess": "SecuredByPerimeter"}}, "properties.publicNetworkAccess"),
        (
            {"properties": {"topicSpacesConfiguration": {"routeTopicResourceId": "topic"}}},
            "properties.topicSpacesConfiguration.routeTopicResourceId",
        ),
        (
            {"properties": {"topicSpacesConfiguration": {"routingEnrichments": {"static": [{}]}}}},
            "properties.topicSpacesConfiguration.routingEnrichments.static",
        ),
        (
            {"properties": {"topicSpacesConfiguration": {"routingIdentityInfo": {"type": "UserAssigned"}}}},
            "properties.topicSpacesConfiguration.routingIdentityInfo.userAssignedIdentity",
        ),
        (
            {"properties": {"topicSpacesConfiguration": {"customDomains": [{}]}}},
            "properties.topicSpacesConfiguration.customDomains",
        ),
        ({"properties": {"topicsConfiguration": {"a": 1}}}, "properties.topicsConfiguration.a"),
    ],
)
def test_an_invalid_patch_is_rejected_and_changes_nothing(
    emulator: EmulatorProcess, namespace: str, body: dict[str, Any], target: str
) -> None:
    before = emulator.call("GET", namespace)
    status, _, answer = emulator.request("PATCH", namespace, body)
    assert (status, answer["error"]["target"]) == (400, target)
    assert emulator.call("GET", namespace) == before


def test_a_patch_cannot_move_a_namespace(emulator: EmulatorProcess, namespace: str) -> None:
    assert emulator.request("PATCH", namespace, {"location": "eastus"})[0] == 409
    assert emulator.request("PATCH", namespace, {"location": "West Europe", "tags": {"a": "b"}})[0] == 200


def test_the_mqtt_broker_is_enabled_and_disabled_again(emulator: EmulatorProcess, namespace: str) -> None:
    for state, listens in (("Enabled", True), ("Disabled", False)):
        configure(emulator, namespace, GA, state=state)
        assert configuration_of(emulator, namespace, GA)["state"] == state
        until(lambda wanted=listens: (namespace in emulator.mqtt_endpoints) is wanted, "the listener follows")  # type: ignore[misc]


def test_a_version_keeps_a_value_that_it_would_not_accept(emulator: EmulatorProcess, namespace: str) -> None:
    perimeter = {"properties": {"publicNetworkAccess": "SecuredByPerimeter"}}
    emulator.call("PATCH", namespace, perimeter, api_version=NEWEST)
    emulator.call("PATCH", namespace, {"tags": {"a": "b"}}, api_version=GA)
    found = emulator.call("GET", namespace, api_version=NEWEST)
    assert (found["tags"], found["properties"]["publicNetworkAccess"]) == ({"a": "b"}, "SecuredByPerimeter")
