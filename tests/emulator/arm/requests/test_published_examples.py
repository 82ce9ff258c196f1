"""Bodies of clients and the other types that Microsoft publishes, the examples of the specification, and keys and operations."""

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


def put_client(emulator: EmulatorProcess, namespace: str, version: str, **properties: Any) -> dict[str, Any]:
    path = f"{namespace}/clients/c-{uuid.uuid4().hex}"
    made: dict[str, Any] = emulator.call("PUT", path, {"properties": properties}, api_version=version)["properties"]
    return made


@each_version
@pytest.mark.parametrize("scheme", [{}, {"validationScheme": None}, {"validationScheme": "thumbprintmatch"}])
def test_thumbprints_without_a_scheme_are_thumbprint_match(
    emulator: EmulatorProcess, shared: str, version: str, scheme: dict[str, Any]
) -> None:
    authentication = {"allowedThumbprints": [THUMBPRINT], **scheme}
    made = put_client(emulator, shared, version, state="Enabled", clientCertificateAuthentication=authentication)
    assert made["clientCertificateAuthentication"] == {
        "validationScheme": "ThumbprintMatch",
        "allowedThumbprints": [THUMBPRINT],
    }


@pytest.mark.parametrize(
    ("version", "properties", "target"),
    [
        (
            GA,
            {"clientCertificateAuthentication": {"allowedThumbprints": [THUMBPRINT, THUMBPRINT.upper()]}},
            "clientCertificateAuthentication.allowedThumbprints",
        ),
        (
            GA,
            {"clientCertificateAuthentication": {"allowedThumbprints": [THUMBPRINT, THUMBPRINT]}},
            "clientCertificateAuthentication.allowedThumbprints",
        ),
        (
            OLDEST,
            {
                "authentication": {
                    "certificateThumbprint": {"primary": THUMBPRINT.upper(), "secondary": THUMBPRINT.lower()}
                }
            },
            "authentication.certificateThumbprint.secondary",
        ),
    ],
)
def test_the_same_thumbprint_twice_is_rejected_as_in_the_portal(
    emulator: EmulatorProcess, shared: str, version: str, properties: dict[str, Any], target: str
) -> None:
    status, _, answer = emulator.request(
        "PUT", f"{shared}/clients/twice", {"properties": properties}, api_version=version
    )
    assert (status, answer["error"]["target"]) == (400, f"properties.{target}")


SUBJECTS: list[dict[str, str]] = [
    {"commonName": "Filler of hall 4", "organization": "Fabrikam", "organizationUnit": "Plant", "countryCode": "NZ"},
    {"commonName": "Filler of hall 4"},
    {"organization": "Fabrikam"},
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_legacy_subject_may_differ_from_the_clients_name(
    emulator: EmulatorProcess, shared: str, subject: dict[str, str]
) -> None:
    made = put_client(
        emulator,
        shared,
        OLDEST,
        state="Enabled",
        authentication={"certificateSubject": subject},
        attributes={"room": "17b", "floor": 2, "deviceTypes": ["Fan", "Pump"]},
        description="a client of the example's form",
    )
    found = made["authentication"]["certificateSubject"]
    assert {name: value for name, value in found.items() if value is not None} == subject
    assert made["clientCertificateAuthentication"] == {"validationScheme": "SubjectMatchesAuthenticationName"}


@each_version
def test_the_sample_script_of_the_private_preview_runs(emulator: EmulatorProcess, shared: str, version: str) -> None:
    made = put_client(
        emulator,
        shared,
        version,
        state="Enabled",
        clientCertificateAuthentication={"certificateSubject": {"commonName": "press-4"}},
        attributes={},
        description="publishes",
    )
    assert made["clientCertificateAuthentication"] == {"validationScheme": "SubjectMatchesAuthenticationName"}
    name = f"space-{uuid.uuid4().hex[:8]}"
    own = emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)
    space = {"topicTemplates": ["plant/#"], "subscriptionSupport": "lowfanout"}
    kept = emulator.call("PUT", f"{own}/topicSpaces/{name}", {"properties": space}, api_version=version)["properties"]
    assert "subscriptionSupport" not in kept
    for permission in ("Publisher", "subscriber"):
        binding = {"clientGroupName": "$all", "topicSpaceName": name, "permission": permission}
        path = f"{own}/permissionBindings/bind-{permission}"
        answer = emulator.call("PUT", path, {"location": LOCATION, "properties": binding}, api_version=version)
        assert answer["properties"]["permission"] == permission.capitalize()
    ca = emulator.call("PUT", f"{own}/caCertificates/issuer", {"properties": {"encodedCertificate": PEM}})
    assert ca["properties"]["encodedCertificate"] == PEM


# The bodies of the specification's examples, which differ in their version alone

EXAMPLES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("PUT", "/caCertificates/issuer-4", {"description": "of hall 4", "encodedCertificate": PEM}, {}),
    ("PUT", "/clientGroups/fillers", {"description": "all fillers", "query": "attributes.hall IN ['4', '5']"}, {}),
    ("PUT", "/topicSpaces/halls", {"topicTemplates": ["hall/4", "hall/5"]}, {"description": None}),
    (
        "PUT",
        "/permissionBindings/fillers-publish",
        {"clientGroupName": "fillers", "topicSpaceName": "halls", "permission": "Publisher"},
        {"description": None},
    ),
    (
        "PUT",
        "/clients/filler-4",
        {
            "description": "fills",
            "state": "Enabled",
            "clientCertificateAuthentication": {"validationScheme": "SubjectMatchesAuthenticationName"},
            "attributes": {"room": "17b", "floor": 2, "deviceTypes": ["Fan", "Pump", "Valve"]},
        },
        {"authenticationName": "filler-4"},
    ),
    (
        "PUT",
        "/topics/events-4",
        {"publisherType": "Custom", "inputSchema": CLOUD_EVENTS, "eventRetentionInDays": 1},
        {},
    ),
    (
        "PATCH",
        "/topics/events-4",
        {"eventRetentionInDays": 1},
        {"publisherType": "Custom", "inputSchema": CLOUD_EVENTS},
    ),
]


@each_version
def test_the_examples_of_the_specification_are_accepted(emulator: EmulatorProcess, new_id: str, version: str) -> None:
    topic = f"{emulator.group_id}/providers/Microsoft.EventGrid/topics/plant"
    configuration = {"state": "Enabled", "routeTopicResourceId": topic}
    tags = {"plant": "4", "line": "b"}
    body = {"location": "westus", "tags": tags, "properties": {"topicSpacesConfiguration": configuration}}
    made = emulator.call("PUT", new_id, body, api_version=version)
    assert made["tags"] == tags
    assert configuration.items() <= made["properties"]["topicSpacesConfiguration"].items()
    patched = emulator.call("PATCH", new_id, {"tags": {"plant": "5"}}, api_version=version)
    assert (patched["tags"], patched["properties"]) == ({"plant": "5"}, made["properties"])
    for method, tail, properties, added in EXAMPLES:
        found = emulator.call(method, new_id + tail, {"properties": properties}, api_version=version)["properties"]
        assert (properties | added).items() <= found.items(), tail
    for holder in (new_id, f"{new_id}/topics/events-4"):
        before = emulator.call("POST", f"{holder}/listKeys", api_version=version)
        after = emulator.call("POST", f"{holder}/regenerateKey", {"keyName": "key1"}, api_version=version)
        assert (before["key1"] == after["key1"], before["key2"] == after["key2"]) == (False, True)
    for tail in dict.fromkeys(tail for _, tail, _, _ in reversed(EXAMPLES)):
        assert emulator.request("DELETE", new_id + tail, api_version=version)[0] == 200
    assert emulator.request("DELETE", new_id, api_version=version)[0] == 200


@each_version
def test_a_namespace_has_no_private_endpoints_but_can_be_asked(
    emulator: EmulatorProcess, shared: str, version: str
) -> None:
    connections = f"{shared}/privateEndpointConnections"
    assert emulator.call("GET", connections, api_version=version) == {"value": []}
    approval = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved", "description": "by us"}}}
    for method in ("GET", "PUT"):
        status, _, answer = emulator.request(method, f"{connections}/pe-1", approval, api_version=version)
        assert (status, answer["error"]["code"]) == (404, "ResourceNotFound")
    assert emulator.request("DELETE", f"{connections}/pe-1", api_version=version)[0] == 204
    assert emulator.request("POST", connections, {}, api_version=version)[0] == 405


def test_private_link_resources_name_both_hosts_of_a_namespace(emulator: EmulatorProcess, shared: str) -> None:
    found = emulator.call("GET", f"{shared}/privateLinkResources")["value"]
    assert [each["properties"]["groupId"] for each in found] == ["topic", "topicspace"]
    for each in found:
        assert emulator.call("GET", each["id"]) == each
    assert emulator.request("GET", f"{shared}/privateLinkResources/domain")[0] == 404
    assert emulator.request("PUT", f"{shared}/privateLinkResources/topic", {})[0] == 405
    missing = f"{shared}-none/privateLinkResources"
    assert emulator.request("GET", missing)[2]["error"]["code"] == "ParentResourceNotFound"


def test_the_provider_lists_its_operations(emulator: EmulatorProcess) -> None:
    for path in ("/providers/Microsoft.EventGrid/operations", "/providers/microsoft.eventgrid/Operations"):
        found = emulator.call("GET", path)["value"]
        names = [each["name"] for each in found]
        assert len(set(names)) == len(names)
        assert {each["origin"] for each in found} == {"UserAndSystem"}
        for name in ("namespaces/caCertificates/write", "namespaces/topics/listKeys/action", "namespaces/read"):
            assert f"Microsoft.EventGrid/{name}" in names
        assert {each["name"].rpartition("/")[0] for each in found if each["isDataAction"]} == {
            "Microsoft.EventGrid/topicSpaces/publish",
            "Microsoft.EventGrid/topicSpaces/subscribe",
        }


@pytest.mark.parametrize(
    ("method", "path", "version", "status", "code"),
    [
        ("GET", "/providers/Microsoft.Storage/operations", GA, 404, "InvalidResourceNamespace"),
        ("GET", "/providers/Microsoft.EventGrid/topicTypes", GA, 404, "InvalidResourceType"),
        ("GET", "/providers/Microsoft.EventGrid/operations/read", GA, 404, "InvalidResourceType"),
        ("GET", "/providers/Microsoft.EventGrid/operations", None, 400, "MissingApiVersionParameter"),
        ("GET", "/providers/Microsoft.EventGrid/operations", "2021-12-01", 400, "NoRegisteredProviderFound"),
        ("PUT", "/providers/Microsoft.EventGrid/operations", GA, 405, "MethodNotAllowed"),
    ],
)
def test_what_is_no_list_of_operations_is_rejected(
    emulator: EmulatorProcess, method: str, path: str, version: str | None, status: int, code: str
) -> None:
    answered, _, answer = emulator.request(method, path, {} if method == "PUT" else None, api_version=version)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert emulator.send("GET", path)[0] == 401, "operations need a token, as everything below ARM"
