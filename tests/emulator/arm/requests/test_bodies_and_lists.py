"""Requests to ARM: versions, methods, bodies and lists."""

import uuid
from datetime import UTC, datetime

import pytest

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.key_masking import mask_of
from certificates.x509.reading import to_azure_pem
from tests.certificates.x509.key_notations import NOTATIONS
from tests.certificates.x509.written_keys import keys
from tests.support.azure.emulator_process import GROUP, LOCATION, EmulatorProcess

CHAIN = make_sample_chain([ClientName("sensor-1")], at=datetime(2026, 6, 1, 12, tzinfo=UTC))
PEM = to_azure_pem(CHAIN.intermediate.certificate_der)


def error_of(answer: tuple[int, dict[str, str], dict[str, dict[str, str]]]) -> tuple[int, str]:
    status, _, body = answer
    assert set(body["error"]) >= {"code", "message"}
    return status, body["error"]["code"]


def test_an_api_version_is_required_and_validated(emulator: EmulatorProcess, namespace: str) -> None:
    for path in (namespace, f"{namespace}/clients/c", emulator.group_id, "/subscriptions"):
        assert error_of(emulator.request("GET", path, api_version=None)) == (400, "MissingApiVersionParameter")
        assert error_of(emulator.request("GET", path, api_version="latest")) == (400, "InvalidApiVersionParameter")
    for version in ("2019-01-01", "2022-10-15-preview"):
        answer = emulator.request("GET", namespace, api_version=version)
        assert error_of(answer) == (400, "NoRegisteredProviderFound")
        assert "2025-02-15" in answer[2]["error"]["message"]


def test_an_unsupported_method_is_rejected(emulator: EmulatorProcess, namespace: str) -> None:
    for method, path in (("PATCH", f"{namespace}/clients/c"), ("POST", namespace), ("PUT", f"{namespace}/clients")):
        status, headers, body = emulator.request(method, path, {})
        assert (status, body["error"]["code"]) == (405, "MethodNotAllowed")
        assert "GET" in headers["allow"]


def test_properties_can_be_wrapped_twice_as_in_the_guide(emulator: EmulatorProcess, namespace: str) -> None:
    body = {"location": LOCATION, "properties": {"properties": {"encodedCertificate": PEM, "description": "twice"}}}
    made = emulator.call("PUT", f"{namespace}/caCertificates/twice", body)
    assert made["properties"]["description"] == "twice"
    assert "location" not in made


def test_a_response_can_be_sent_back_unchanged(emulator: EmulatorProcess, namespace: str) -> None:
    for path, properties in (
        ("clients/c", {"attributes": {"a": 1}}),
        ("caCertificates/ca-1", {"encodedCertificate": PEM}),
    ):
        made = emulator.call("PUT", f"{namespace}/{path}", {"properties": properties})
        again = emulator.call("PUT", f"{namespace}/{path}", made)
        assert again["properties"] == made["properties"]
    whole = emulator.call("GET", namespace)
    assert emulator.call("PUT", namespace, whole)["properties"] == whole["properties"]


def test_system_data_contains_authors_and_times(emulator: EmulatorProcess, namespace: str) -> None:
    made = emulator.call("PUT", f"{namespace}/clients/c", {})["systemData"]
    changed = emulator.call("PUT", f"{namespace}/clients/c", {"properties": {"state": "Disabled"}})["systemData"]
    assert made["createdBy"] == made["lastModifiedBy"] == emulator.client_id
    assert made["createdByType"] == "Application"
    assert changed["createdAt"] == made["createdAt"] < changed["lastModifiedAt"]
    assert len(made["createdAt"]) == len("2026-01-01T00:00:00.0000000Z")


def test_every_response_has_the_headers_of_arm(emulator: EmulatorProcess, namespace: str) -> None:
    for method, kind in (("GET", "reads"), ("PUT", "writes"), ("DELETE", "deletes")):
        _, headers, _ = emulator.request(method, f"{namespace}/clients/c", {} if method == "PUT" else None)
        assert uuid.UUID(headers["x-ms-request-id"])
        assert headers["x-ms-correlation-request-id"]
        if method == "PUT":
            assert headers["cache-control"] == "no-cache"
            assert 0 <= int(headers[f"x-ms-ratelimit-remaining-subscription-{kind}"]) < 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"properties": []}',
        b"null",
        b'{"a": NaN}',
        b'{"a": 1e999}',
    ],
)
def test_a_body_that_is_not_a_json_object_is_rejected(emulator: EmulatorProcess, namespace: str, body: bytes) -> None:
    assert error_of(emulator.request("PUT", f"{namespace}/clients/c", body)) == (400, "InvalidRequestContent")


def test_a_body_larger_than_the_limit_of_arm_is_rejected(emulator: EmulatorProcess, namespace: str) -> None:
    body = b'{"properties": {"description": "' + b"x" * (4 * 1024 * 1024) + b'"}}'
    assert error_of(emulator.request("PUT", f"{namespace}/clients/c", body)) == (413, "RequestContentTooLarge")


def test_no_request_so_far_caused_an_internal_error(emulator: EmulatorProcess) -> None:
    assert "Traceback" not in emulator.log()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("$top=0", "InvalidTop"),
        ("$top=101", "InvalidTop"),
        ("$top=x", "InvalidTop"),
        ("$top=%C2%B2", "InvalidTop"),
        ("$skiptoken=%21", "InvalidSkipToken"),
        ("$filter=state%20eq%20'Enabled'", "InvalidFilter"),
        ("$filter=name", "InvalidFilter"),
        ("$filter=name%20gt%20'a'", "InvalidFilter"),
        ("$filter=(name%20eq%20'a'", "InvalidFilter"),
        ("$filter=name%20eq%20a", "InvalidFilter"),
        ("$filter=%3B", "InvalidFilter"),
    ],
)
def test_an_invalid_list_query_is_rejected(emulator: EmulatorProcess, namespace: str, query: str, code: str) -> None:
    assert error_of(emulator.request("GET", f"{namespace}/clients?{query}")) == (400, code)


def test_the_list_of_resources_filters_by_type_and_group(emulator: EmulatorProcess, namespace: str) -> None:
    everything = f"/subscriptions/{emulator.subscription}/resources"
    emulator.call("PATCH", namespace, {"tags": {"team": "a", "floor": "2"}})
    for query, there in (
        ("", True),
        ("?$filter=resourceType%20eq%20'microsoft.eventgrid/namespaces'", True),
        (f"?$filter=resourceGroup%20eq%20'{GROUP}'%20and%20name%20eq%20'{namespace.rpartition('/')[2]}'", True),
        ("?$filter=resourceType%20eq%20'Microsoft.Web/sites'", False),
        ("?$filter=tagname%20eq%20'team'%20and%20tagvalue%20eq%20'a'", True),
        ("?$filter=tagname%20eq%20'team'%20and%20tagvalue%20eq%20'b'", False),
    ):
        found = emulator.call("GET", everything + query, api_version="2021-04-01")["value"]
        assert (namespace in [resource["id"] for resource in found]) is there
        assert all("properties" not in resource for resource in found)


def test_a_preview_version_returns_preview_properties(emulator: EmulatorProcess, namespace: str) -> None:
    preview = "2025-07-15-preview"
    sources = ["ClientCertificateSubject", "ClientCertificateDns"]
    wanted = {"clientAuthentication": {"alternativeAuthenticationNameSources": sources}}
    patch = {"properties": {"topicSpacesConfiguration": wanted}}
    emulator.call("PATCH", namespace, patch, api_version=preview)
    stable = emulator.call("GET", namespace)
    assert "clientAuthentication" not in stable["properties"]["topicSpacesConfiguration"]
    emulator.call("PUT", namespace, stable)
    kept = emulator.call("GET", namespace, api_version=preview)["properties"]["topicSpacesConfiguration"]
    assert kept["clientAuthentication"] == wanted["clientAuthentication"]
    assert kept["state"] == "Enabled"


def test_the_connection_log_starts_empty_and_keeps_the_cursor(emulator: EmulatorProcess, namespace: str) -> None:
    nobody: dict[str, object] = {"value": [], "connectedClients": 0}
    assert emulator.call("GET", f"{namespace}/connectionLog?after=0&limit=5") == nobody | {"cursor": 0}
    assert emulator.call("GET", f"{namespace}/connectionLog?after=7", api_version=None) == nobody | {"cursor": 7}
    assert error_of(emulator.request("GET", f"{namespace}/connectionLog?after=-1"))[0] == 400
    assert error_of(emulator.request("GET", f"{namespace}x/connectionLog")) == (404, "ParentResourceNotFound")


@pytest.mark.parametrize("path", ["/clients/c", "/emulator/faults"])
def test_compressed_content_is_rejected(emulator: EmulatorProcess, namespace: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {emulator.token()}", "Content-Encoding": "gzip"}
    target, method = (path, "POST") if path.startswith("/emulator") else (f"{namespace}{path}", "PUT")
    answer = emulator.send(method, f"{target}?api-version=2025-02-15", b"this is no gzip", headers)
    assert error_of(answer) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded; charset=nope", b"grant_type=client_credentials"),
        ("multipart/form-data", b"grant_type"),
        ("multipart/form-data; boundary=x", b"grant_type"),
    ],
)
def test_an_unreadable_form_gets_no_token(emulator: EmulatorProcess, content_type: str, body: bytes) -> None:
    path = f"/{emulator.tenant}/oauth2/v2.0/token"
    status, _, answer = emulator.send("POST", path, body, {"Content-Type": content_type})
    assert (status, answer["error"]) in ((400, "invalid_request"), (400, "unsupported_grant_type"))


def test_errors_report_the_number_of_requests_left(emulator: EmulatorProcess, namespace: str) -> None:
    for method, header in (("GET", "reads"), ("PUT", "writes"), ("PATCH", "writes")):
        status, headers, _ = emulator.request(method, f"{namespace}/clients/nobody!", {})
        assert status >= 400
        assert headers[f"x-ms-ratelimit-remaining-subscription-{header}"].isdigit()


@pytest.mark.parametrize("member", ["state", "Properties", "encodedCertificate"])
def test_a_misplaced_member_is_rejected(emulator: EmulatorProcess, namespace: str, member: str) -> None:
    emulator.call("PUT", f"{namespace}/clients/c", {"properties": {"state": "Disabled"}})
    for method, path in (("PUT", f"{namespace}/clients/c"), ("PATCH", namespace)):
        status, _, answer = emulator.request(method, path, {member: "Enabled"})
        assert (status, answer["error"]["target"]) == (400, member)
    assert emulator.call("GET", f"{namespace}/clients/c")["properties"]["state"] == "Disabled"


def test_members_that_generic_clients_send_are_accepted(emulator: EmulatorProcess, namespace: str) -> None:
    body: dict[str, object] = {
        "location": "westeurope",
        "tags": {},
        "kind": None,
        "sku": None,
        "identity": None,
        "etag": "x",
    }
    emulator.call("PUT", f"{namespace}/clients/c", {**body, "properties": {}})


def test_list_filters_ignore_case_and_unknown_options_are_ignored(emulator: EmulatorProcess, namespace: str) -> None:
    emulator.call("PUT", f"{namespace}/clients/Press-1", {"properties": {}})
    emulator.call("PUT", f"{namespace}/clients/other", {"properties": {}})
    found = emulator.call("GET", f"{namespace}/clients?$filter=NAME%20eq%20'pRESS-1'&$skip=1&$orderby=name")["value"]
    assert [each["name"] for each in found] == ["Press-1"]


def test_a_body_is_json_whatever_its_content_type(emulator: EmulatorProcess, namespace: str) -> None:
    headers = {"Authorization": f"Bearer {emulator.token()}", "Content-Type": "text/plain"}
    path = f"{namespace}/clients/plain?api-version=2025-02-15"
    assert emulator.send("PUT", path, b'{"properties": {"state": "Disabled"}}', headers)[0] == 200
    assert emulator.call("GET", f"{namespace}/clients/plain")["properties"]["state"] == "Disabled"


@pytest.mark.parametrize("name", ["PEM", "JSON object", "hex", "base64 twice", "JSON Web Key"])
def test_the_emulator_keeps_the_hash_of_a_private_key(emulator: EmulatorProcess, namespace: str, name: str) -> None:
    key = keys()[1]
    text = NOTATIONS[name](key)
    properties = {"description": text, "attributes": {"key": text, "floor": "3"}}
    made = emulator.call("PUT", f"{namespace}/clients/with-a-key", {"properties": properties})
    expected = {"description": mask_of(text), "attributes": {"key": mask_of(text), "floor": "3"}}
    for answer in (made, emulator.call("GET", f"{namespace}/clients/with-a-key")):
        assert {name: answer["properties"][name] for name in expected} == expected


def test_a_private_key_is_no_name(emulator: EmulatorProcess, namespace: str) -> None:
    name = NOTATIONS["base64url of DER"](keys()[3])
    answer = emulator.request("PUT", f"{namespace}/clients/{name}", {"properties": {}})
    assert error_of(answer) == (400, "InvalidResourceName")
    assert name not in str(answer)
