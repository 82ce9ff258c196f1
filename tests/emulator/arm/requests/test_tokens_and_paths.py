"""Requests to ARM: their tokens, paths and the ids in them."""

import uuid
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_azure_pem
from emulator.profile import NEWEST
from tests.support.azure.emulator_process import FORM, GROUP, EmulatorProcess

CHAIN = make_sample_chain([ClientName("sensor-1")], at=datetime(2026, 6, 1, 12, tzinfo=UTC))
PEM = to_azure_pem(CHAIN.intermediate.certificate_der)


def error_of(answer: tuple[int, dict[str, str], dict[str, dict[str, str]]]) -> tuple[int, str]:
    status, _, body = answer
    assert set(body["error"]) >= {"code", "message"}
    return status, body["error"]["code"]


def test_a_call_without_a_token_is_rejected_with_the_token_endpoint(emulator: EmulatorProcess) -> None:
    for headers in ({}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic Og=="}):
        for path in ("/subscriptions?api-version=2022-12-01", "/emulator/endpoints"):
            status, received, body = emulator.send("GET", path, headers=headers)
            assert status == 401
            assert f"{emulator.url}/{emulator.tenant}" in received["www-authenticate"]
            assert body["error"]["code"] in ("AuthenticationFailed", "InvalidAuthenticationToken")


def test_health_and_metadata_need_no_token(emulator: EmulatorProcess) -> None:
    assert emulator.send("GET", "/healthz")[2] == {"status": "ok", "azure_profile": NEWEST.name}
    metadata = emulator.send("GET", "/metadata/endpoints?api-version=2022-09-01")[2]
    assert metadata["resourceManager"] == emulator.url + "/"
    login = metadata["authentication"]["loginEndpoint"].removeprefix(emulator.url)
    openid = emulator.send("GET", f"{login}/{emulator.tenant}/v2.0/.well-known/openid-configuration")[2]
    assert openid["token_endpoint"] == f"{emulator.url}/{emulator.tenant}/oauth2/v2.0/token"


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": str(uuid.uuid4())}, 401, "invalid_client"),
        ({"client_id": "", "client_secret": ""}, 401, "invalid_client"),
        ({"client_secret": "ü"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_token_requires_valid_credentials(
    emulator: EmulatorProcess, change: dict[str, str], status: int, error: str
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": emulator.client_id,
        "client_secret": emulator.client_secret,
        **change,
    }
    answered, _, body = emulator.send("POST", f"/{emulator.tenant}/oauth2/v2.0/token", urlencode(form).encode(), FORM)
    assert (answered, body["error"]) == (status, error)
    assert "access_token" not in body


def test_a_token_is_not_cached(emulator: EmulatorProcess) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": emulator.client_id,
        "client_secret": emulator.client_secret,
    }
    status, headers, _ = emulator.send("POST", f"/{emulator.tenant}/oauth2/v2.0/token", urlencode(form).encode(), FORM)
    assert (status, headers["cache-control"]) == (200, "no-store")


def test_an_unknown_tenant_gets_no_token(emulator: EmulatorProcess) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": emulator.client_id,
        "client_secret": emulator.client_secret,
    }
    status, _, _ = emulator.send("POST", f"/{uuid.uuid4()}/oauth2/v2.0/token", urlencode(form).encode(), FORM)
    assert status == 400


def test_ids_match_in_any_casing_and_come_back_canonical(emulator: EmulatorProcess, namespace: str) -> None:
    made = emulator.call("PUT", f"{namespace}/clients/Dev-1".upper().replace("DEV-1", "Dev-1"), {})
    assert made["id"] == f"{namespace}/clients/Dev-1"
    assert made["type"] == "Microsoft.EventGrid/namespaces/clients"
    for path in (
        f"{namespace}/CLIENTS/dev-1",
        f"{namespace}/clients/DEV-1".replace("resourceGroups", "resourcegroups"),
    ):
        assert emulator.call("GET", path) == made
    assert len(emulator.call("GET", f"{namespace}/clients")["value"]) == 1


def test_double_slashes_count_as_one(emulator: EmulatorProcess, namespace: str) -> None:
    made = emulator.call("PUT", f"/{namespace}//clients//c-1", {})
    assert made["id"] == f"{namespace}/clients/c-1"


def test_a_colon_can_be_percent_encoded(emulator: EmulatorProcess, namespace: str) -> None:
    made = emulator.call("PUT", f"{namespace}/clients/urn%3Adev:1", {})
    assert made["name"] == "urn:dev:1"
    assert emulator.call("GET", f"{namespace}/clients/urn:dev%3a1")["id"] == f"{namespace}/clients/urn:dev:1"


@pytest.mark.parametrize("dots", [".", "..", "%2e", "%2E%2e"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_dots_as_a_name_never_reach_another_resource(
    emulator: EmulatorProcess, namespace: str, dots: str, method: str
) -> None:
    answer = emulator.request(method, f"{namespace}/clients/{dots}", {} if method == "PUT" else None)
    assert error_of(answer) == (400, "InvalidResourceName")
    assert emulator.request("HEAD", namespace)[0] == 204


def test_an_encoded_slash_in_a_name_is_rejected(emulator: EmulatorProcess, namespace: str) -> None:
    answer = emulator.request("DELETE", f"{namespace}/clients/..%2f..%2fx")
    assert error_of(answer) == (400, "InvalidResourceName")
    assert "'../../x'" in answer[2]["error"]["message"]


def test_missing_resources_have_distinct_error_codes(emulator: EmulatorProcess, namespace: str) -> None:
    group = emulator.group_id
    provider = "providers/Microsoft.EventGrid"
    nowhere = f"{group}/{provider}/namespaces/nowhere"
    cases = {
        f"{namespace}/clients/none": "ResourceNotFound",
        nowhere: "ResourceNotFound",
        f"{nowhere}/clients/c": "ParentResourceNotFound",
        f"{nowhere}/clients": "ParentResourceNotFound",
        f"{group}x/{provider}/namespaces/n": "ResourceGroupNotFound",
        f"{group}x": "ResourceGroupNotFound",
        f"/subscriptions/{uuid.uuid4()}/resourceGroups/{GROUP}": "SubscriptionNotFound",
        f"/subscriptions/{uuid.uuid4()}/resourceGroups/{GROUP}/{provider}/namespaces/n": "SubscriptionNotFound",
        f"{namespace}/toasters/t": "InvalidResourceType",
        f"{group}/{provider}/topics/t": "InvalidResourceType",
        f"/subscriptions/{emulator.subscription}/providers/Microsoft.Toast": "InvalidResourceNamespace",
        "/nothing": "InvalidResourceId",
    }
    for path, code in cases.items():
        assert error_of(emulator.request("GET", path)) == (404, code), path
    assert emulator.request("HEAD", f"{namespace}/clients/none")[0] == 404


def test_deleting_a_missing_resource_is_not_an_error(emulator: EmulatorProcess, namespace: str) -> None:
    emulator.call("PUT", f"{namespace}/clients/c", {})
    assert emulator.request("DELETE", f"{namespace}/clients/c")[0] == 200
    assert emulator.request("DELETE", f"{namespace}/clients/c")[0] == 204


def test_deleting_a_namespace_deletes_its_children(emulator: EmulatorProcess, namespace: str) -> None:
    emulator.call("PUT", f"{namespace}/clients/c", {})
    longer = emulator.make_namespace(namespace.rpartition("/")[2] + "-x")
    emulator.call("PUT", f"{longer}/clients/c", {})
    emulator.call("DELETE", namespace)
    assert error_of(emulator.request("GET", f"{namespace}/clients/c")) == (404, "ParentResourceNotFound")
    assert emulator.make_namespace(namespace.rpartition("/")[2]) == namespace
    assert emulator.call("GET", f"{namespace}/clients")["value"] == []
    assert len(emulator.call("GET", f"{longer}/clients")["value"]) == 1, "a namespace with a longer name is another one"
