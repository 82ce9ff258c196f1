"""The rules of resources: an invalid body is rejected with the field, and nothing is stored."""

import uuid
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_azure_pem, to_pem
from tests.certificates.uploads import Upload, unfit_cas, warned_cas
from tests.support.azure.emulator_process import LOCATION, EmulatorProcess

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHAIN = make_sample_chain([ClientName("sensor-1")], at=AT)
OTHER = make_sample_chain([ClientName("sensor-2")], at=AT)
DER = CHAIN.intermediate.certificate_der
THUMBPRINT = "ab" * 32


@pytest.fixture(scope="module")
def namespace(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")


def scheme(name: str | None, *thumbprints: Any) -> dict[str, Any]:
    return {"clientCertificateAuthentication": {"validationScheme": name, "allowedThumbprints": list(thumbprints)}}


AUTHENTICATION = "clientCertificateAuthentication"
INVALID_CLIENTS: list[tuple[dict[str, Any], str]] = [
    (scheme("NoSuchScheme"), f"{AUTHENTICATION}.validationScheme"),
    (scheme("ThumbprintMatch"), f"{AUTHENTICATION}.allowedThumbprints"),
    (scheme("ThumbprintMatch", *[THUMBPRINT] * 3), f"{AUTHENTICATION}.allowedThumbprints"),
    (scheme("ThumbprintMatch", "ab" * 20), f"{AUTHENTICATION}.allowedThumbprints"),
    (scheme("ThumbprintMatch", "zz" * 32), f"{AUTHENTICATION}.allowedThumbprints"),
    (scheme("ThumbprintMatch", ":".join(["ab"] * 32)), f"{AUTHENTICATION}.allowedThumbprints"),
    (scheme("ThumbprintMatch", 1), f"{AUTHENTICATION}.allowedThumbprints"),
    (scheme("DnsMatchesAuthenticationName", THUMBPRINT), f"{AUTHENTICATION}.allowedThumbprints"),
    ({"clientCertificateAuthentication": []}, AUTHENTICATION),
    ({"state": "Paused"}, "state"),
    ({"state": 1}, "state"),
    ({"authenticationName": ""}, "authenticationName"),
    ({"authenticationName": "x" * 129}, "authenticationName"),
    ({"authenticationName": "\ud800"}, "authenticationName"),
    ({"description": "\ud800"}, "description"),
    ({"attributes": {"a": "\ud800"}}, "attributes"),
    ({"attributes": {"a": ["b", "\ud800"]}}, "attributes"),
    ({"authenticationName": 5}, "authenticationName"),
    ({"attributes": {"a": 1.5}}, "attributes.a"),
    ({"attributes": {"a": None}}, "attributes.a"),
    ({"attributes": {"a": {"b": "c"}}}, "attributes.a"),
    ({"attributes": {"a": ["b", 1]}}, "attributes.a"),
    ({"attributes": {"a": 2**63}}, "attributes.a"),
    ({"attributes": {"a b": "c"}}, "attributes"),
    ({"attributes": {"": "c"}}, "attributes"),
    ({"attributes": []}, "attributes"),
    ({"attributes": {"a": "ü" * 2044}}, "attributes"),
    ({"authenticationname": "x"}, "authenticationname"),
]


@pytest.mark.parametrize(("properties", "field"), INVALID_CLIENTS)
def test_an_invalid_client_is_rejected_with_the_field(
    emulator: EmulatorProcess, namespace: str, properties: dict[str, Any], field: str
) -> None:
    path = f"{namespace}/clients/invalid"
    status, _, body = emulator.request("PUT", path, {"properties": properties})
    assert (status, body["error"]["code"]) == (400, "InvalidRequest")
    assert body["error"]["target"] == f"properties.{field}"
    assert emulator.request("HEAD", path)[0] == 404


VALID_CLIENTS: list[dict[str, Any]] = [
    scheme("ThumbprintMatch", THUMBPRINT.upper(), "cd" * 32),
    scheme("thumbprintmatch", THUMBPRINT),
    scheme(None, THUMBPRINT),
    scheme("UriMatchesAuthenticationName"),
    {"attributes": {"a": "x", "B_1": 2**63 - 1, "c": ["x", "y"], "d": True}},
    {"attributes": {"a": "x" * 4087}},  # {"a":"…"} of 4095 bytes
    {"authenticationName": "Müller / " + "x" * 119},
    {"description": None, "clientCertificateAuthentication": None, "attributes": None, "state": None},
]


@pytest.mark.parametrize("properties", VALID_CLIENTS)
def test_a_valid_client_is_stored(emulator: EmulatorProcess, namespace: str, properties: dict[str, Any]) -> None:
    made = emulator.call("PUT", f"{namespace}/clients/c-{uuid.uuid4().hex}", {"properties": properties})
    for name, value in properties.items():
        if value is not None and name != "clientCertificateAuthentication":
            assert made["properties"][name] == value


@pytest.mark.parametrize("name", ["x" * 129, "a b", "a%5Cb", "%C3%BC", "a$", "a%0A"])
def test_an_invalid_client_name_is_rejected(emulator: EmulatorProcess, namespace: str, name: str) -> None:
    status, _, body = emulator.request("PUT", f"{namespace}/clients/{name.replace(' ', '%20')}", {})
    assert (status, body["error"]["code"]) == (400, "InvalidResourceName")


@pytest.mark.parametrize("name", ["ab", "x" * 51, "a_b", "a.b", "a:b"])
def test_an_invalid_certificate_or_namespace_name_is_rejected(
    emulator: EmulatorProcess, namespace: str, name: str
) -> None:
    for path, body in (
        (f"{namespace}/caCertificates/{name}", {"properties": {"encodedCertificate": to_pem(DER)}}),
        (f"{namespace.rpartition('/')[0]}/{name}", {"location": LOCATION}),
    ):
        status, _, answer = emulator.request("PUT", path, body)
        assert (status, answer["error"]["code"], answer["error"]["target"]) == (400, "InvalidResourceName", "name")


def test_authentication_names_are_unique_in_any_casing(emulator: EmulatorProcess, namespace: str) -> None:
    emulator.call("PUT", f"{namespace}/clients/unique-1", {"properties": {"authenticationName": "Straße"}})
    for name in ("STRASSE", "strasse"):
        status, _, body = emulator.request(
            "PUT", f"{namespace}/clients/unique-2", {"properties": {"authenticationName": name}}
        )
        assert (status, body["error"]["code"]) == (409, "Conflict")
        assert body["error"]["target"] == "properties.authenticationName"
        assert "'unique-1'" in body["error"]["message"]
    emulator.call("DELETE", f"{namespace}/clients/unique-1")
    emulator.call("PUT", f"{namespace}/clients/unique-2", {"properties": {"authenticationName": "STRASSE"}})


def test_an_authentication_name_cannot_be_changed(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/clients/fixed-name"
    emulator.call("PUT", path, {"properties": {"authenticationName": "first"}})
    for name in ("second", "First"):
        status, _, body = emulator.request("PUT", path, {"properties": {"authenticationName": name}})
        assert (status, body["error"]["code"]) == (409, "Conflict")
        assert body["error"]["target"] == "properties.authenticationName"
    assert emulator.call("PUT", path, {})["properties"]["authenticationName"] == "first"


def test_a_put_replaces_the_whole_client(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/clients/replaced"
    emulator.call("PUT", path, {"properties": {"description": "old", "state": "Disabled", "attributes": {"a": 1}}})
    assert emulator.call("PUT", path, {"properties": {}})["properties"] == {
        "description": None,
        "authenticationName": "replaced",
        "clientCertificateAuthentication": {"validationScheme": "SubjectMatchesAuthenticationName"},
        "state": "Enabled",
        "attributes": {},
        "provisioningState": "Succeeded",
    }


# CA certificates

PEM = to_pem(DER)
NOTATIONS = {
    "64 columns": PEM,
    "no line breaks, as the guide sends it": to_azure_pem(DER),
    "windows line ends": PEM.replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + PEM,
    "text around": "Bag Attributes\n  friendlyName: x\n" + PEM + "\n",
    "base64 without markers": "".join(PEM.splitlines()[1:-1]),
}
INVALID_CERTIFICATES: dict[str, Any] = {
    "null": None,
    "empty": "",
    "white space": " \n",
    "a number": 5,
    "plain text": "hello",
    "PEM of no certificate": "-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----",
    "two certificates": PEM + to_pem(OTHER.intermediate.certificate_der),
    "a client certificate": to_pem(CHAIN.clients[0].certificate_der),
    "a private key": CHAIN.clients[0].key_pem.decode(),
    "a NUL before the PEM": "\0" + PEM,
    "PEM encoded once more in base64": b64encode(PEM.encode()).decode(),
    "PEM with escaped line breaks": PEM.replace("\n", "\\n"),
}


@pytest.mark.parametrize("notation", list(NOTATIONS))
def test_a_certificate_is_accepted_in_any_notation(emulator: EmulatorProcess, notation: str) -> None:
    own = emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")
    body = {"properties": {"encodedCertificate": NOTATIONS[notation]}}
    made = emulator.call("PUT", f"{own}/caCertificates/ca-1", body)
    assert made["properties"]["encodedCertificate"] == NOTATIONS[notation]
    assert made["properties"]["issueTimeInUtc"].endswith("+00:00")


@pytest.mark.parametrize("kind", list(INVALID_CERTIFICATES))
def test_anything_but_one_ca_certificate_is_rejected(emulator: EmulatorProcess, namespace: str, kind: str) -> None:
    path = f"{namespace}/caCertificates/invalid"
    status, _, body = emulator.request("PUT", path, {"properties": {"encodedCertificate": INVALID_CERTIFICATES[kind]}})
    assert (status, body["error"]["code"]) == (400, "InvalidRequest")
    assert body["error"]["target"] == "properties.encodedCertificate"
    assert emulator.request("HEAD", path)[0] == 404


@pytest.mark.parametrize("upload", unfit_cas(), ids=lambda upload: upload.id)
def test_what_no_client_can_connect_with_is_rejected_as_by_the_pane(
    emulator: EmulatorProcess, namespace: str, upload: Upload
) -> None:
    """Dates pass, and a name in the portal is not one in ARM: the pane alone refuses those."""
    accepted = upload.code in {"expired", "not-yet-valid", "duplicate"}
    path = f"{namespace}/caCertificates/unfit"
    status, _, body = emulator.request("PUT", path, {"properties": {"encodedCertificate": upload.data.decode()}})
    if accepted:
        assert status == 200
        emulator.call("DELETE", path)
    else:
        assert (status, body["error"]["target"]) == (400, "properties.encodedCertificate")
        assert emulator.request("HEAD", path)[0] == 404


@pytest.mark.parametrize("upload", warned_cas(), ids=lambda upload: upload.id)
def test_what_the_pane_accepts_is_accepted(emulator: EmulatorProcess, namespace: str, upload: Upload) -> None:
    path = f"{namespace}/caCertificates/warned"
    status, _, body = emulator.request("PUT", path, {"properties": {"encodedCertificate": upload.data.decode()}})
    assert (status, body["properties"]["provisioningState"]) == (200, "Succeeded")
    emulator.call("DELETE", path)


def test_a_certificate_cannot_be_replaced_under_its_name(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/caCertificates/fixed"
    emulator.call("PUT", path, {"properties": {"encodedCertificate": PEM}})
    other = to_pem(OTHER.intermediate.certificate_der)
    status, _, body = emulator.request("PUT", path, {"properties": {"encodedCertificate": other}})
    assert (status, body["error"]["code"]) == (409, "Conflict")
    assert body["error"]["target"] == "properties.encodedCertificate"
    same = emulator.call("PUT", path, {"properties": {"encodedCertificate": to_azure_pem(DER), "description": "d"}})
    assert same["properties"]["description"] == "d"


def test_the_same_certificate_is_accepted_again_in_any_notation(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/caCertificates/again"
    first = emulator.call("PUT", path, {"properties": {"encodedCertificate": PEM}})
    for text in (PEM, to_azure_pem(DER), PEM.replace("\n", "\r\n")):
        status, _, body = emulator.request("PUT", path, {"properties": {"encodedCertificate": text}})
        assert (status, body["properties"]["provisioningState"]) == (200, "Succeeded")
        assert body["properties"]["expiryTimeInUtc"] == first["properties"]["expiryTimeInUtc"]
        assert body["systemData"]["createdAt"] == first["systemData"]["createdAt"]
        assert body["systemData"]["lastModifiedAt"] >= first["systemData"]["lastModifiedAt"]


def test_a_put_replaces_the_description_of_a_certificate(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/caCertificates/described"
    for wanted in ("press line", "oven line", None):
        properties = {"encodedCertificate": PEM} | ({"description": wanted} if wanted else {})
        emulator.call("PUT", path, {"properties": properties})
        assert emulator.call("GET", path)["properties"].get("description") == wanted


def test_a_long_description_is_accepted(emulator: EmulatorProcess, namespace: str) -> None:
    long = "d" * 10_000
    for path, needed in (
        (f"{namespace}/caCertificates/long", {"encodedCertificate": PEM}),
        (f"{namespace}/clients/long", {}),
    ):
        answer = emulator.call("PUT", path, {"properties": {**needed, "description": long}})
        assert answer["properties"]["description"] == long


def test_a_namespace_has_a_quota_of_ca_certificates(emulator: EmulatorProcess) -> None:
    own = emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")
    body = {"properties": {"encodedCertificate": PEM}}
    for number in range(10):
        emulator.call("PUT", f"{own}/caCertificates/ca-{number}", body)
    status, _, answer = emulator.request("PUT", f"{own}/caCertificates/ca-10", body)
    assert (status, answer["error"]["code"]) == (400, "QuotaExceeded")
    assert "10" in answer["error"]["message"]
    emulator.call("PUT", f"{own}/caCertificates/ca-9", body)
    emulator.call("DELETE", f"{own}/caCertificates/ca-0")
    emulator.call("PUT", f"{own}/caCertificates/ca-10", body)


# Namespaces


def mqtt(**configuration: Any) -> dict[str, Any]:
    return {"location": LOCATION, "properties": {"topicSpacesConfiguration": configuration}}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "LocationRequired"),
        ({"location": 5}, 400, "LocationRequired"),
        ({"location": "../etc"}, 400, "LocationNotAvailableForResourceType"),
        ({"location": LOCATION, "sku": {"name": "Premium"}}, 400, "InvalidRequest"),
        ({"location": LOCATION, "sku": {"capacity": 0}}, 400, "InvalidRequest"),
        ({"location": LOCATION, "sku": {"capacity": 41}}, 400, "InvalidRequest"),
        ({"location": LOCATION, "tags": {"a": 1}}, 400, "InvalidRequest"),
        ({"location": LOCATION, "tags": []}, 400, "InvalidRequest"),
        (mqtt(state="On"), 400, "InvalidRequest"),
        (mqtt(maximumSessionExpiryInHours=9), 400, "InvalidRequest"),
        (mqtt(maximumClientSessionsPerAuthenticationName=0), 400, "InvalidRequest"),
        (mqtt(maximumClientSessionsPerAuthenticationName=True), 400, "InvalidRequest"),
        (mqtt(clientAuthentication={"alternativeAuthenticationNameSources": ["Nose"]}), 400, "InvalidRequest"),
        (mqtt(sate="Enabled"), 400, "InvalidRequest"),
        ({"location": LOCATION, "properties": {"inboundIpRules": [{}]}}, 400, "InvalidRequest"),
        ({"location": LOCATION, "properties": {"minimumTlsVersionAllowed": "1.0"}}, 400, "InvalidRequest"),
    ],
)
def test_an_invalid_namespace_is_rejected(
    emulator: EmulatorProcess, namespace: str, body: dict[str, Any], status: int, code: str
) -> None:
    path = f"{namespace.rpartition('/')[0]}/invalid"
    answered, _, answer = emulator.request("PUT", path, body)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert emulator.request("HEAD", path)[0] == 404


def test_a_namespace_keeps_its_location(emulator: EmulatorProcess, namespace: str) -> None:
    status, _, answer = emulator.request("PUT", namespace, {"location": "eastus"})
    assert (status, answer["error"]["code"]) == (409, "InvalidResourceLocation")


def test_a_namespace_name_is_unique_in_its_location(emulator: EmulatorProcess, namespace: str) -> None:
    group = f"/subscriptions/{emulator.subscription}/resourceGroups/rg-{uuid.uuid4().hex[:8]}"
    emulator.call("PUT", group, {"location": LOCATION})
    path = f"{group}/providers/Microsoft.EventGrid/namespaces/{namespace.rpartition('/')[2]}"
    status, _, answer = emulator.request("PUT", path, {"location": LOCATION})
    assert (status, answer["error"]["code"]) == (409, "NamespaceNameNotAvailable")
    emulator.call("PUT", path, {"location": "eastus"})


def test_a_patch_of_a_missing_namespace_is_rejected(emulator: EmulatorProcess, namespace: str) -> None:
    status, _, answer = emulator.request("PATCH", f"{namespace}-none", {"tags": {}})
    assert (status, answer["error"]["code"]) == (404, "ResourceNotFound")
