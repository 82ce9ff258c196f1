"""Bodies of namespaces that Microsoft publishes, in every API version."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_azure_pem
from emulator.arm.resource_types.api_versions import EVENT_GRID_VERSIONS
from tests.support.azure.emulator_process import LOCATION, EmulatorProcess

CHAIN = make_sample_chain([ClientName("press-4")], at=datetime(2026, 6, 1, 12, tzinfo=UTC))
PEM = to_azure_pem(CHAIN.intermediate.certificate_der)
GA = "2025-02-15"
OLDEST = "2023-06-01-preview"
CLOUD_EVENTS = "CloudEventSchemaV1_0"
ENABLED = {"state": "Enabled"}
THUMBPRINT = "3f" * 32
each_version = pytest.mark.parametrize("version", EVENT_GRID_VERSIONS)


@pytest.fixture(scope="module")
def shared(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")


# Namespaces

NAMESPACES: dict[str, dict[str, Any]] = {
    "quickstart with az": {"inputSchema": CLOUD_EVENTS, "topicSpacesConfiguration": ENABLED},
    "sample script": {"topicsConfiguration": {"inputSchema": CLOUD_EVENTS}, "topicSpacesConfiguration": ENABLED},
    "setup of the samples": {
        "isZoneRedundant": True,
        "topicsConfiguration": {"inputSchema": CLOUD_EVENTS},
        "topicSpacesConfiguration": ENABLED,
    },
    "the schema in the other configuration": {"topicSpacesConfiguration": {**ENABLED, "inputSchema": CLOUD_EVENTS}},
    "another case": {"inputSchema": "cloudeventschemav1_0", "topicSpacesConfiguration": {"state": "ENABLED"}},
    "routing page": {
        "inputSchema": CLOUD_EVENTS,
        "topicSpacesConfiguration": {
            **ENABLED,
            "routeTopicResourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/plant",
        },
        "isZoneRedundant": True,
    },
}


@each_version
@pytest.mark.parametrize("kind", NAMESPACES)
def test_a_published_namespace_is_created(emulator: EmulatorProcess, new_id: str, kind: str, version: str) -> None:
    body = {"location": "West Europe", "sku": {"name": "standard", "capacity": 1}, "properties": NAMESPACES[kind]}
    status, _, made = emulator.request("PUT", new_id, body, api_version=version)
    assert status == 201, made
    properties = made["properties"]
    assert properties["topicSpacesConfiguration"]["state"] == "Enabled"
    for holder in (properties, properties["topicsConfiguration"], properties["topicSpacesConfiguration"]):
        assert "inputSchema" not in holder
    patched = emulator.call("PATCH", new_id, {"properties": NAMESPACES[kind]}, api_version=version)
    assert patched["properties"] == properties


@pytest.mark.parametrize("holder", ["", "topicsConfiguration", "topicSpacesConfiguration"])
def test_another_input_schema_is_rejected_with_the_field(emulator: EmulatorProcess, shared: str, holder: str) -> None:
    other = {"inputSchema": "EventGridSchema"}
    status, _, answer = emulator.request("PATCH", shared, {"properties": {holder: other} if holder else other})
    path = ".".join(part for part in ("properties", holder, "inputSchema") if part)
    assert (status, answer["error"]["target"]) == (400, path)


def test_a_misspelt_property_is_still_rejected(emulator: EmulatorProcess, shared: str) -> None:
    status, _, answer = emulator.request("PATCH", shared, {"properties": {"inputschema": CLOUD_EVENTS}})
    assert (status, answer["error"]["target"]) == (400, "properties.inputschema")


def in_capitals(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: in_capitals(each) for name, each in value.items()}
    if isinstance(value, list):
        return [in_capitals(each) for each in value]
    return value.upper() if isinstance(value, str) else value


USER_ASSIGNED = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/plant".upper()
)
ENUMERATED: dict[str, Any] = {
    "publicNetworkAccess": "Disabled",
    "inboundIpRules": [{"ipMask": "10.1.0.0/16", "action": "Allow"}],
    "topicSpacesConfiguration": {
        "state": "Enabled",
        "routingEnrichments": {"static": [{"key": "PLANT", "valueType": "String", "value": "4"}], "dynamic": []},
        "routingIdentityInfo": {"type": "UserAssigned", "userAssignedIdentity": USER_ASSIGNED},
        "clientAuthentication": {
            "alternativeAuthenticationNameSources": ["ClientCertificateEmail"],
            "customJwtAuthentication": {
                "tokenIssuer": "HTTPS://ISSUER.EXAMPLE",
                "issuerCertificates": [
                    {"certificateUrl": "HTTPS://KEYS.EXAMPLE/1", "identity": {"type": "SystemAssigned"}}
                ],
            },
            "webhookAuthentication": {
                "identity": {"type": "UserAssigned", "userAssignedIdentity": USER_ASSIGNED},
                "endpointUrl": "HTTPS://HOOK.EXAMPLE",
                "endpointBaseUrl": "HTTPS://HOOK.EXAMPLE",
                "azureActiveDirectoryApplicationIdOrUri": "API://HOOK",
                "azureActiveDirectoryTenantId": "AAAAAAAA-0000-0000-0000-000000000001",
            },
        },
        "customDomains": [
            {
                "fullyQualifiedDomainName": "MQTT.EXAMPLE",
                "identity": {"type": "SystemAssigned"},
                "validationState": "Pending",
            }
        ],
    },
}


def test_every_enumerated_value_of_a_namespace_is_accepted_in_any_case(emulator: EmulatorProcess, new_id: str) -> None:
    identity = {"type": "SYSTEMASSIGNED,USERASSIGNED", "userAssignedIdentities": {USER_ASSIGNED: {}}}
    body = {"location": LOCATION, "identity": identity, "properties": in_capitals(ENUMERATED)}
    newest = "2025-07-15-preview"
    emulator.call("PUT", new_id, body, api_version=newest)
    found = emulator.call("GET", new_id, api_version=newest)
    assert found["identity"]["type"] == "SystemAssigned, UserAssigned"
    for name, value in ENUMERATED.items():
        if name != "topicSpacesConfiguration":
            assert found["properties"][name] == value
    configuration = found["properties"]["topicSpacesConfiguration"]
    for name, value in ENUMERATED["topicSpacesConfiguration"].items():
        assert configuration[name] == value
    again = emulator.call("PUT", new_id, found, api_version=newest)
    assert again["properties"] == found["properties"]


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        ({"inboundIpRules": [{"ipMask": "10.1.0.0/16", "action": "Deny"}]}, "inboundIpRules[0].action"),
        (
            {
                "topicSpacesConfiguration": {
                    "routingEnrichments": {"static": [{"key": "a", "value": "b", "valueType": "Int"}]}
                }
            },
            "topicSpacesConfiguration.routingEnrichments.static[0].valueType",
        ),
        (
            {"topicSpacesConfiguration": {"routingEnrichments": {"dynamic": [{"key": "a"}]}}},
            "topicSpacesConfiguration.routingEnrichments.dynamic",
        ),
        (
            {
                "topicSpacesConfiguration": {
                    "customDomains": [{"fullyQualifiedDomainName": "a.b", "identity": {"type": "None"}}]
                }
            },
            "topicSpacesConfiguration.customDomains[0].identity.type",
        ),
    ],
)
def test_an_unknown_enumerated_value_is_rejected_with_the_field(
    emulator: EmulatorProcess, shared: str, properties: dict[str, Any], target: str
) -> None:
    status, _, answer = emulator.request("PATCH", shared, {"properties": properties})
    assert (status, answer["error"]["target"]) == (400, f"properties.{target}")
