"""Thousands of malformed requests: each gets a response in the format of ARM, and none an internal error."""

import contextlib
import http.client
import json
import random
import ssl
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_azure_pem
from emulator.storage.resources import PUBLISHER_ROLE
from tests.support.azure.emulator_process import LOCATION, EmulatorProcess

REQUESTS = 2000
SEED = 20_261_124
CHAIN = make_sample_chain([ClientName("sensor-1")], at=datetime(2026, 6, 1, 12, tzinfo=UTC))
ODD: list[Any] = [
    *(None, True, False, 0, -1, 2**63, 1.5, 1e400, "", " ", "x" * 5000, "\0", "\ud800", "ü", "${client.", "a/#/b"),
    *([], {}, [None], [[]], {"": None}, {"a": {"b": []}}, ["x"] * 50, {"properties": {"properties": {}}}),
]
BODIES: dict[str, Any] = {
    "": {
        "location": LOCATION,
        "tags": {"a": "b"},
        "sku": {"name": "Standard", "capacity": 1},
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {}},
        "properties": {
            "inputSchema": "CloudEventSchemaV1_0",
            "isZoneRedundant": True,
            "inboundIpRules": [{"ipMask": "10.0.0.0/8", "action": "Allow"}],
            "topicSpacesConfiguration": {
                "state": "Disabled",
                "routingEnrichments": {"static": [{"key": "a", "value": "b"}], "dynamic": []},
                "routingIdentityInfo": {"type": "None"},
                "clientAuthentication": {"alternativeAuthenticationNameSources": ["ClientCertificateDns"]},
                "customDomains": [{"fullyQualifiedDomainName": "a.example"}],
            },
        },
    },
    "/caCertificates/ca-1": {
        "properties": {"encodedCertificate": to_azure_pem(CHAIN.intermediate.certificate_der), "description": "x"}
    },
    "/clients/c-1": {
        "properties": {
            "authenticationName": "x",
            "attributes": {"a": 1, "b": ["c"]},
            "authentication": {"certificateThumbprint": {"primary": "ab" * 32}},
            "clientCertificateAuthentication": {"validationScheme": "ThumbprintMatch", "allowedThumbprints": []},
        }
    },
    "/clientGroups/group-1": {"properties": {"query": "attributes.a = 1 and authenticationName IN ['x']"}},
    "/topicSpaces/space-1": {"properties": {"topicTemplates": ["a/${client.authenticationName}/#"]}},
    "/permissionBindings/bind-1": {
        "properties": {"clientGroupName": "$all", "topicSpaceName": "space-1", "permission": "Publisher"}
    },
    "/regenerateKey": {"keyName": "key1"},
    "/topics/topic-1": {"properties": {"publisherType": "Custom", "eventRetentionInDays": 1}},
    "/topics/topic-1/regenerateKey": {"keyName": "key1"},
    "/privateEndpointConnections/pe-1": {
        "properties": {"privateLinkServiceConnectionState": {"status": "Approved", "description": "x"}}
    },
    "/privateLinkResources/topic": {},
    "/providers/Microsoft.Authorization/roleAssignments/11111111-2222-3333-4444-555555555555": {
        "properties": {
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{PUBLISHER_ROLE}",
            "principalId": "11111111-2222-3333-4444-555555555555",
            "principalType": "User",
        }
    },
}
QUERIES = (
    "",
    "&$top=5",
    "&$top=-1",
    "&$filter=name%20eq%20'a'",
    "&$filter=(((",
    "&$skiptoken=%00",
    "&$filter=%ff",
    "&$top=%F0",
)
VERSIONS = (
    "2025-02-15",
    "2025-02-15",
    "2025-07-15-preview",
    "2025-07-15-preview",
    "2023-06-01-preview",
    "",
    "x",
    "2025-02-15&api-version=y",
)
METHODS = ("GET", "PUT", "PUT", "PUT", "PATCH", "DELETE", "POST", "HEAD", "OPTIONS", "TRACE")


def mutated(value: Any, chance: random.Random) -> Any:
    """Return the value with one odd value somewhere in it."""
    if chance.random() < 0.25 or not isinstance(value, dict | list) or not value:
        return chance.choice(ODD)
    if isinstance(value, list):
        at = chance.randrange(len(value))
        return [mutated(each, chance) if n == at else each for n, each in enumerate(value)]
    if chance.random() < 0.1:
        return {**value, chance.choice(["", "x", "properties", "provisioningState", "\ud800"]): chance.choice(ODD)}
    name = chance.choice(list(value))
    return {**value, name: mutated(value[name], chance)}


@contextlib.contextmanager
def sender(emulator: EmulatorProcess) -> Iterator[Callable[[str, str, bytes | None], tuple[int, bytes]]]:
    tls = ssl.create_default_context(cafile=emulator.ca)
    connection = http.client.HTTPSConnection(emulator.url.removeprefix("https://"), timeout=60, context=tls)
    headers = {"Authorization": f"Bearer {emulator.token()}", "Content-Type": "application/json"}

    def send(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    with contextlib.closing(connection):
        yield send


def send_something(
    send: Callable[[str, str, bytes | None], tuple[int, bytes]],
    emulator: EmulatorProcess,
    chance: random.Random,
    namespaces: list[str],
) -> bool:
    """Send one mutated request. Return whether it succeeded."""
    tail = chance.choice(list(BODIES))
    path = chance.choice(namespaces) + tail
    if chance.random() < 0.15:
        path = path.replace(
            chance.choice(path.split("/")[1:]), chance.choice(["", ".", "%2e%2e", "%ff", "%00", "a%2Fb"])
        )
    method = chance.choice(METHODS)
    content = json.dumps(mutated(BODIES[tail], chance) if chance.random() < 0.6 else BODIES[tail]).encode()
    body = content[: chance.randrange(len(content))] if chance.random() < 0.05 else content
    target = f"{path}?api-version={chance.choice(VERSIONS)}{chance.choice(QUERIES)}"
    status, answer = send(method, target, body if method in ("PUT", "PATCH", "POST") else None)
    assert status < 500, (method, target, body, answer)
    if status >= 400 and method != "HEAD":
        assert json.loads(answer)["error"]["code"], (method, target)
    if path in namespaces and method == "DELETE" and status == 200:
        emulator.make_namespace(path.rpartition("/")[2], mqtt=False)
    return status < 300


def test_thousands_of_mutated_requests_get_responses_of_arm(emulator: EmulatorProcess) -> None:
    logged = len(emulator.log())
    chance = random.Random(SEED)
    namespaces = [emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False) for _ in range(2)]
    with sender(emulator) as send:
        succeeded = sum(send_something(send, emulator, chance, namespaces) for _ in range(REQUESTS))
    assert succeeded > REQUESTS / 20, "some of them are valid"
    assert "Traceback" not in emulator.log()[logged:]
    last = emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)
    by_name = f"$filter=name%20eq%20'{last.rpartition('/')[2]}'"
    found = emulator.call("GET", f"/subscriptions/{emulator.subscription}/resources?{by_name}")["value"]
    assert [each["id"] for each in found] == [last]
