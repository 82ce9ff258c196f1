"""The configuration of custom webhook authentication in ARM, and the signed tokens that come with it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from certificates.decisions.tokens import ExpectedCaller, TokenError, UnknownKeyError, check_token
from emulator.credentials import TOKEN_LIFETIME
from emulator.token_issuer import KEY_FILE, MOST_KEYS, Identity, TokenIssuer
from tests.support.azure.emulator_process import EmulatorProcess

PREVIEW, STABLE, BEFORE = "2025-07-15-preview", "2025-02-15", "2024-06-01-preview"
PLANT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/plant"
HOOK: dict[str, Any] = {
    "identity": {"type": "SystemAssigned"},
    "endpointUrl": "https://decisions.example/decide/secret?code=1",
    "azureActiveDirectoryApplicationIdOrUri": "api://00000000-0000-0000-0000-00000000000a/.default",
    "azureActiveDirectoryTenantId": "00000000-0000-0000-0000-00000000000B",
}
PLACE = "properties.topicSpacesConfiguration.clientAuthentication"
BOTH = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {PLANT: {}}}


@pytest.fixture(scope="module")
def hooked(emulator: EmulatorProcess) -> Iterator[str]:
    """A namespace with both kinds of identities. Tests leave it without a webhook."""
    namespace = emulator.make_namespace("hooked", mqtt=False)
    emulator.call("PATCH", namespace, {"identity": BOTH})
    yield namespace
    emulator.request("DELETE", namespace)


def body_of(hook: Any, *, name: str = "webhookAuthentication") -> dict[str, Any]:
    return {"properties": {"topicSpacesConfiguration": {"clientAuthentication": {name: hook}}}}


def hook_of(found: dict[str, Any]) -> Any:
    configuration = found["properties"].get("topicSpacesConfiguration") or {}
    return (configuration.get("clientAuthentication") or {}).get("webhookAuthentication")


def hook_but(**changed: Any) -> dict[str, Any]:
    """Return the hook with other members; None leaves one out."""
    return {name: value for name, value in (HOOK | changed).items() if value is not None}


def test_both_spellings_are_stored_and_null_removes_it(emulator: EmulatorProcess, hooked: str) -> None:
    for name in ("webHookAuthentication", "webhookAuthentication"):
        made = emulator.call("PATCH", hooked, body_of(HOOK, name=name), api_version=PREVIEW)
        assert hook_of(made) == {**HOOK, "endpointBaseUrl": "https://decisions.example/decide/secret"}
        assert hook_of(emulator.call("PUT", hooked, made, api_version=PREVIEW)) == hook_of(made)
        removed = emulator.call("PATCH", hooked, body_of(None, name=name), api_version=PREVIEW)
        assert hook_of(removed) is None


def test_a_version_without_webhooks_keeps_hides_and_rejects_it(emulator: EmulatorProcess, hooked: str) -> None:
    emulator.call("PATCH", hooked, body_of(HOOK), api_version=PREVIEW)
    for version in (STABLE, BEFORE):
        assert emulator.request("PATCH", hooked, body_of(HOOK), api_version=version)[0] == 400
        seen = emulator.call("GET", hooked, api_version=version)
        assert hook_of(seen) is None
        emulator.call("PUT", hooked, seen, api_version=version)
        emulator.call("PATCH", hooked, {"tags": {"version": version}}, api_version=version)
        assert hook_of(emulator.call("GET", hooked, api_version=PREVIEW))["endpointUrl"] == HOOK["endpointUrl"]
    emulator.call("PATCH", hooked, body_of(None), api_version=PREVIEW)


@pytest.mark.parametrize(
    ("hook", "target"),
    [
        (hook_but(identity=None), "identity"),
        (hook_but(identity={}), "identity.type"),
        (hook_but(identity={"type": "None"}), "identity.type"),
        (hook_but(identity={"type": "UserAssigned"}), "identity.userAssignedIdentity"),
        (hook_but(identity={"type": "UserAssigned", "userAssignedIdentity": PLANT + "2"}), "identity.userAssignedIdentity"),
        (hook_but(identity={"type": "SystemAssigned", "tenant": "x"}), "identity.tenant"),
        (hook_but(endpointUrl=None), "endpointUrl"),
        (hook_but(endpointUrl=7), "endpointUrl"),
        (hook_but(endpointUrl="http://decisions.example/"), "endpointUrl"),
        (hook_but(endpointUrl="https://user:secret@decisions.example/"), "endpointUrl"),
        (hook_but(endpointUrl="https://decisions.example/" + "a" * 3000), "endpointUrl"),
        (hook_but(azureActiveDirectoryApplicationIdOrUri=None), "azureActiveDirectoryApplicationIdOrUri"),
        (hook_but(azureActiveDirectoryApplicationIdOrUri="api://a b"), "azureActiveDirectoryApplicationIdOrUri"),
        (hook_but(azureActiveDirectoryTenantId=None), "azureActiveDirectoryTenantId"),
        (hook_but(azureActiveDirectoryTenantId="common"), "azureActiveDirectoryTenantId"),
        (hook_but(audience="x"), "audience"),
        ("https://decisions.example/", ""),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_named(emulator: EmulatorProcess, hooked: str, hook: Any, target: str) -> None:
    before = emulator.call("GET", hooked, api_version=PREVIEW)
    status, _, answer = emulator.request("PATCH", hooked, body_of(hook), api_version=PREVIEW)
    at = ".".join(filter(None, (PLACE, "webhookAuthentication", target)))
    assert (status, answer["error"]["target"]) == (400, at)
    assert emulator.call("GET", hooked, api_version=PREVIEW) == before


def test_the_identity_has_to_be_the_namespaces(emulator: EmulatorProcess, hooked: str) -> None:
    user_assigned = hook_but(identity={"type": "userassigned", "userAssignedIdentity": PLANT.upper()})
    made = emulator.call("PATCH", hooked, body_of(user_assigned), api_version=PREVIEW)
    assert hook_of(made)["identity"]["type"] == "UserAssigned"
    back = emulator.call("PATCH", hooked, body_of({"identity": {"type": "SystemAssigned"}}), api_version=PREVIEW)
    assert hook_of(back)["identity"] == {"type": "SystemAssigned"}
    for identity in (None, {"type": "UserAssigned", "userAssignedIdentities": {PLANT: {}}}):
        answer = emulator.request("PATCH", hooked, {"identity": identity}, api_version=PREVIEW)[2]
        assert answer["error"]["target"] == f"{PLACE}.webhookAuthentication.identity.type"
    emulator.call("PATCH", hooked, body_of(None), api_version=PREVIEW)


def test_an_identity_has_stable_ids_in_the_tenant(emulator: EmulatorProcess, hooked: str) -> None:
    found = emulator.call("GET", hooked)["identity"]
    expected = Identity.of_resource(hooked)
    assert (found["principalId"], found["tenantId"]) == (expected.principal, emulator.tenant)
    other = Identity.of_resource(PLANT)
    assert found["userAssignedIdentities"][PLANT] == {"principalId": other.principal, "clientId": other.application}
    assert len({expected.principal, expected.application, other.principal, other.application}) == 4


# Tokens


def signed_token(emulator: EmulatorProcess, scope: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": emulator.client_id, "scope": scope}
    content = urlencode(form | {"client_secret": emulator.client_secret}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = emulator.send("POST", f"/{emulator.tenant}/oauth2/v2.0/token", content, headers)[2]
    return str(answer["access_token"])


def keys_of(emulator: EmulatorProcess) -> dict[str, Any]:
    answer = emulator.send("GET", f"/{emulator.tenant}/discovery/v2.0/keys")[2]
    return {each["kid"]: jwt.PyJWK(each, algorithm="RS256").key for each in answer["keys"]}


def caller_of(emulator: EmulatorProcess, **changed: Any) -> ExpectedCaller:
    issuer = f"{emulator.url}/{{tenant}}/"
    principals = frozenset({emulator.ready["object_id"]})
    return ExpectedCaller(**{"tenant": emulator.tenant, "audience": "api://portal", "principals": principals,
                             "v1_issuer": issuer, "v2_issuer": f"{issuer}v2.0", **changed})  # fmt: skip


def test_the_portals_token_for_another_application_is_signed(emulator: EmulatorProcess) -> None:
    token = signed_token(emulator, "api://portal/.default")
    now = datetime.now(UTC)
    checked = check_token(token, keys=keys_of(emulator), expected=caller_of(emulator), at=now)
    assert (checked.version, checked.claims["appid"]) == ("1.0", emulator.client_id)
    with pytest.raises(TokenError) as refused:
        check_token(token, keys=keys_of(emulator), expected=caller_of(emulator, audience="api://other"), at=now)
    assert refused.value.code == "token-audience"
    authorization = {"Authorization": f"Bearer {token}"}
    assert emulator.send("GET", "/subscriptions?api-version=2022-12-01", None, authorization)[0] == 401


def test_a_rotation_is_seen_at_once(emulator: EmulatorProcess) -> None:
    before = signed_token(emulator, "api://portal/.default")
    control, at, expected = emulator.control, datetime.now(UTC), caller_of(emulator)
    newest, *_ = control.rotate_signing_keys()
    after = signed_token(emulator, "api://portal/.default")
    assert jwt.get_unverified_header(after)["kid"] == newest == control.signing_keys()[0]
    for token in (before, after):
        check_token(token, keys=keys_of(emulator), expected=expected, at=at)
    assert len(control.rotate_signing_keys(keep_old=False)) == 1
    for token in (before, after):
        with pytest.raises(UnknownKeyError):
            check_token(token, keys=keys_of(emulator), expected=expected, at=at)
    status, _, answer = emulator.request("POST", "/emulator/signing-keys", {"keepOld": "no"})
    assert (status, answer["error"]["target"]) == (400, "keepOld")


def test_keys_outlive_a_restart_and_tokens_are_renewed(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, now = tmp_path_factory.mktemp("keys"), [1_800_000_000.0]
    identity = Identity.of_resource(PLANT)
    issuer = TokenIssuer(folder, "t", clock=lambda: now[0])
    first = issuer.issue(audience="api://a/.default", identity=identity)
    assert (folder / KEY_FILE).stat().st_mode & 0o077 == 0
    assert issuer.issue(audience="api://a/.default", identity=identity) == first
    now[0] += TOKEN_LIFETIME - 299
    second = issuer.issue(audience="api://a/.default", identity=identity)
    assert second != first
    issuer.forget(second)
    assert issuer.issue(audience="api://a/.default", identity=identity) not in (first, second)
    for _ in range(MOST_KEYS):
        issuer.rotate()
    assert TokenIssuer(folder, "t").published() == issuer.published()
    assert len(issuer.published()) == MOST_KEYS
