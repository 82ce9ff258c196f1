"""Bodies that break a rule of the resource: refused with the field and the reason, and nothing is stored."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_azure_pem, to_pem
from tests.support.emulator_process import LOCATION, EmulatorProcess

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


BAD_CLIENTS: list[tuple[dict[str, Any], str, str]] = [
    (scheme("NoSuchScheme"), "validationScheme", "'NoSuchScheme' is not a value"),
    (scheme("ThumbprintMatch"), "allowedThumbprints", "needs 1 or 2 thumbprints; there are 0"),
    (scheme("ThumbprintMatch", *[THUMBPRINT] * 3), "allowedThumbprints", "there are 3"),
    (scheme("ThumbprintMatch", "ab" * 20), "allowedThumbprints", "64 hex digits"),
    (scheme("ThumbprintMatch", "zz" * 32), "allowedThumbprints", "64 hex digits"),
    (scheme("ThumbprintMatch", ":".join(["ab"] * 32)), "allowedThumbprints", "without colons"),
    (scheme("ThumbprintMatch", 1), "allowedThumbprints", "array of strings"),
    (scheme("DnsMatchesAuthenticationName", THUMBPRINT), "allowedThumbprints", "'ThumbprintMatch' only"),
    (scheme(None, THUMBPRINT), "validationScheme", "Use 'ThumbprintMatch'"),
    ({"clientCertificateAuthentication": []}, "clientCertificateAuthentication", "must be an object"),
    ({"state": "Paused"}, "state", "Use one of: Enabled, Disabled"),
    ({"state": 1}, "state", "must be a string"),
    ({"authenticationName": ""}, "authenticationName", "1 to 128 characters"),
    ({"authenticationName": "x" * 129}, "authenticationName", "1 to 128 characters"),
    ({"authenticationName": "\ud800"}, "authenticationName", "UTF-8"),
    ({"description": "\ud800"}, "description", "UTF-8"),
    ({"attributes": {"a": "\ud800"}}, "attributes", "UTF-8"),
    ({"attributes": {"a": ["b", "\ud800"]}}, "attributes", "UTF-8"),
    ({"authenticationName": 5}, "authenticationName", "must be a string"),
    ({"attributes": {"a": 1.5}}, "attributes.a", "a string, an integer"),
    ({"attributes": {"a": None}}, "attributes.a", "a string, an integer"),
    ({"attributes": {"a": {"b": "c"}}}, "attributes.a", "a string, an integer"),
    ({"attributes": {"a": ["b", 1]}}, "attributes.a", "array of strings"),
    ({"attributes": {"a": 2**63}}, "attributes.a", "an integer"),
    ({"attributes": {"a b": "c"}}, "attributes", "letters, digits and underscores"),
    ({"attributes": {"": "c"}}, "attributes", "letters, digits and underscores"),
    ({"attributes": []}, "attributes", "must be an object"),
    ({"attributes": {"a": "ü" * 2044}}, "attributes", "below 4 KB"),
    ({"authenticationname": "x"}, "authenticationname", "does not exist. Known here: "),
]


@pytest.mark.parametrize(("properties", "field", "message"), BAD_CLIENTS)
def test_a_client_that_breaks_a_rule_is_refused(
    emulator: EmulatorProcess, namespace: str, properties: dict[str, Any], field: str, message: str
) -> None:
    path = f"{namespace}/clients/refused"
    status, _, body = emulator.request("PUT", path, {"properties": properties})
    assert (status, body["error"]["code"]) == (400, "InvalidRequest")
    assert body["error"]["target"].endswith(field)
    assert message in body["error"]["message"]
    assert emulator.request("HEAD", path)[0] == 404


GOOD_CLIENTS: list[dict[str, Any]] = [
    scheme("ThumbprintMatch", THUMBPRINT.upper(), "cd" * 32),
    scheme("thumbprintmatch", THUMBPRINT),
    scheme("UriMatchesAuthenticationName"),
    {"attributes": {"a": "x", "B_1": 2**63 - 1, "c": ["x", "y"], "d": True}},
    {"attributes": {"a": "x" * 4087}},  # {"a":"…"} of 4095 bytes
    {"authenticationName": "Müller / " + "x" * 119},
    {"description": None, "clientCertificateAuthentication": None, "attributes": None, "state": None},
]


@pytest.mark.parametrize("properties", GOOD_CLIENTS)
def test_a_client_that_keeps_the_rules_is_taken(
    emulator: EmulatorProcess, namespace: str, properties: dict[str, Any]
) -> None:
    made = emulator.call("PUT", f"{namespace}/clients/c-{uuid.uuid4().hex}", {"properties": properties})
    for name, value in properties.items():
        if value is not None and name != "clientCertificateAuthentication":
            assert made["properties"][name] == value


@pytest.mark.parametrize("name", ["x" * 129, "a b", "a%5Cb", "%C3%BC", "a$", "a%0A"])
def test_a_client_name_outside_the_rule_is_refused(emulator: EmulatorProcess, namespace: str, name: str) -> None:
    status, _, body = emulator.request("PUT", f"{namespace}/clients/{name.replace(' ', '%20')}", {})
    assert (status, body["error"]["code"]) == (400, "InvalidResourceName")


@pytest.mark.parametrize("name", ["ab", "x" * 51, "a_b", "a.b", "a:b"])
def test_a_certificate_or_namespace_name_outside_the_rule_is_refused(
    emulator: EmulatorProcess, namespace: str, name: str
) -> None:
    for path, body in (
        (f"{namespace}/caCertificates/{name}", {"properties": {"encodedCertificate": to_pem(DER)}}),
        (f"{namespace.rpartition('/')[0]}/{name}", {"location": LOCATION}),
    ):
        status, _, answer = emulator.request("PUT", path, body)
        assert (status, answer["error"]["code"]) == (400, "InvalidResourceName")
        assert "3 to 50 characters" in answer["error"]["message"]


def test_authentication_names_are_unique_whatever_their_casing(emulator: EmulatorProcess, namespace: str) -> None:
    emulator.call("PUT", f"{namespace}/clients/unique-1", {"properties": {"authenticationName": "Straße"}})
    for name in ("STRASSE", "strasse"):
        status, _, body = emulator.request(
            "PUT", f"{namespace}/clients/unique-2", {"properties": {"authenticationName": name}}
        )
        assert (status, body["error"]["code"]) == (409, "Conflict")
        assert "is taken by client 'unique-1'" in body["error"]["message"]
    emulator.call("DELETE", f"{namespace}/clients/unique-1")
    emulator.call("PUT", f"{namespace}/clients/unique-2", {"properties": {"authenticationName": "STRASSE"}})


def test_an_authentication_name_cannot_be_changed(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/clients/fixed-name"
    emulator.call("PUT", path, {"properties": {"authenticationName": "first"}})
    for name in ("second", "First"):
        status, _, body = emulator.request("PUT", path, {"properties": {"authenticationName": name}})
        assert (status, body["error"]["code"]) == (409, "Conflict")
        assert "cannot be changed" in body["error"]["message"]
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
BAD_CERTIFICATES: list[tuple[Any, str]] = [
    (None, "is missing"),
    ("", "is missing"),
    (" \n", "is missing"),
    (5, "must be a string"),
    ("hello", "must be a valid PEM certificate"),
    ("-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----", "must be a valid PEM certificate"),
    (PEM + to_pem(OTHER.intermediate.certificate_der), "There are 2 certificates where one belongs"),
    (to_pem(CHAIN.clients[0].certificate_der), "is not a CA certificate"),
    (CHAIN.clients[0].key_pem, "private key"),
    ("\0" + PEM, "must be a valid PEM certificate"),
]


@pytest.mark.parametrize("notation", list(NOTATIONS))
def test_a_certificate_is_taken_in_any_notation(emulator: EmulatorProcess, notation: str) -> None:
    own = emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")
    body = {"properties": {"encodedCertificate": NOTATIONS[notation]}}
    made = emulator.call("PUT", f"{own}/caCertificates/ca-1", body)
    assert made["properties"]["encodedCertificate"] == NOTATIONS[notation]
    assert made["properties"]["issueTimeInUtc"].endswith("+00:00")


@pytest.mark.parametrize(("text", "message"), BAD_CERTIFICATES)
def test_what_is_no_ca_certificate_is_refused(
    emulator: EmulatorProcess, namespace: str, text: Any, message: str
) -> None:
    if isinstance(text, bytes):
        text = text.decode()
    path = f"{namespace}/caCertificates/refused"
    status, _, body = emulator.request("PUT", path, {"properties": {"encodedCertificate": text}})
    assert (status, body["error"]["code"]) == (400, "InvalidRequest")
    assert body["error"]["target"] == "properties.encodedCertificate"
    assert message in body["error"]["message"]
    assert emulator.request("HEAD", path)[0] == 404


def test_a_certificate_cannot_be_replaced_under_its_name(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/caCertificates/fixed"
    emulator.call("PUT", path, {"properties": {"encodedCertificate": PEM}})
    other = to_pem(OTHER.intermediate.certificate_der)
    status, _, body = emulator.request("PUT", path, {"properties": {"encodedCertificate": other}})
    assert (status, body["error"]["code"]) == (409, "Conflict")
    same = emulator.call("PUT", path, {"properties": {"encodedCertificate": to_azure_pem(DER), "description": "d"}})
    assert same["properties"]["description"] == "d"


def test_the_same_certificate_is_taken_again_in_any_notation(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/caCertificates/again"
    first = emulator.call("PUT", path, {"properties": {"encodedCertificate": PEM}})
    for text in (PEM, to_azure_pem(DER), PEM.replace("\n", "\r\n")):
        status, _, body = emulator.request("PUT", path, {"properties": {"encodedCertificate": text}})
        assert (status, body["properties"]["provisioningState"]) == (200, "Succeeded")
        assert body["properties"]["expiryTimeInUtc"] == first["properties"]["expiryTimeInUtc"]
        assert body["systemData"]["createdAt"] == first["systemData"]["createdAt"]
        assert body["systemData"]["lastModifiedAt"] >= first["systemData"]["lastModifiedAt"]


def test_the_description_of_a_certificate_is_what_the_last_put_says(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/caCertificates/described"
    for wanted in ("press line", "oven line", None):
        said = {"encodedCertificate": PEM} | ({"description": wanted} if wanted else {})
        emulator.call("PUT", path, {"properties": said})
        assert emulator.call("GET", path)["properties"].get("description") == wanted


def test_a_long_description_is_taken(emulator: EmulatorProcess, namespace: str) -> None:
    long = "d" * 10_000
    for path, needed in (
        (f"{namespace}/caCertificates/long", {"encodedCertificate": PEM}),
        (f"{namespace}/clients/long", {}),
    ):
        answer = emulator.call("PUT", path, {"properties": {**needed, "description": long}})
        assert answer["properties"]["description"] == long


def test_a_namespace_holds_no_more_than_its_limit(emulator: EmulatorProcess) -> None:
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
def test_a_namespace_that_breaks_a_rule_is_refused(
    emulator: EmulatorProcess, namespace: str, body: dict[str, Any], status: int, code: str
) -> None:
    path = f"{namespace.rpartition('/')[0]}/refused"
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


def test_a_patch_of_what_is_missing_is_refused(emulator: EmulatorProcess, namespace: str) -> None:
    status, _, answer = emulator.request("PATCH", f"{namespace}-none", {"tags": {}})
    assert (status, answer["error"]["code"]) == (404, "ResourceNotFound")
