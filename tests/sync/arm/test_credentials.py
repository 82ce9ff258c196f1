"""The real credential classes against the emulator's token endpoints, chosen by environment variables alone."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import certifi
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from emulator.faults_client import EmulatorControl, Fault
from sync.arm.credentials import _default_credential
from sync.arm.error_hints import credential_hint
from sync.arm.gateway import AzureRefused, AzureUnreachable, arm_gateway
from sync.self_check import check_azure, is_allowed, needed
from tests.support.azure.emulator_process import EmulatorProcess

ENVIRONMENT = (
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
)


@pytest.fixture
def azure(emulator: EmulatorProcess, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorProcess]:
    """The portal as in production, with the emulator instead of Azure and Entra ID."""
    settings.AZURE_ARM_URL = emulator.url
    settings.AZURE_ARM_CA = emulator.ca
    settings.AZURE_ARM_SCOPE = f"{emulator.url}/.default"
    settings.AZURE_AUTHORITY_URL = ""
    settings.AZURE_DISABLE_INSTANCE_DISCOVERY = True
    settings.AZURE_SUBSCRIPTION_ID = emulator.subscription
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", emulator.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", emulator.ca)
    monkeypatch.setenv("PATH", "")  # no Azure CLI
    arm_gateway.cache_clear()
    yield emulator
    arm_gateway.cache_clear()


def as_environment(azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", azure.tenant)
    monkeypatch.setenv("AZURE_CLIENT_ID", azure.client_id)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", azure.client_secret)


def as_managed_identity(azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", azure.ready["identity_endpoint"])
    monkeypatch.setenv("IDENTITY_HEADER", azure.ready["identity_header"])


def as_workload_identity(azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", azure.tenant)
    monkeypatch.setenv("AZURE_CLIENT_ID", azure.client_id)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", azure.ready["federated_token_file"])


@pytest.mark.parametrize("become", [as_environment, as_managed_identity, as_workload_identity])
def test_each_credential_class_gets_a_token_that_arm_accepts(
    azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, become: Any
) -> None:
    become(azure, monkeypatch)
    namespace = azure.make_namespace(f"by-{become.__name__.replace('_', '-')}")
    assert arm_gateway().get(namespace)["id"] == namespace


def unreachable() -> AzureUnreachable:
    """Return the error that a call of a new gateway raises."""
    arm_gateway.cache_clear()
    with pytest.raises(AzureUnreachable) as fault:
        arm_gateway().list_namespaces()
    return fault.value


def as_own_authority(azure: EmulatorProcess, settings: Any) -> None:
    settings.AZURE_AUTHORITY_URL = azure.url
    settings.AZURE_TENANT_ID, settings.AZURE_CLIENT_ID = azure.tenant, azure.client_id
    settings.AZURE_CLIENT_SECRET = azure.client_secret


@pytest.mark.parametrize("has_own_authority", [False, True])
def test_a_wrong_secret_is_reported_in_one_sentence(
    azure: EmulatorProcess, settings: Any, monkeypatch: pytest.MonkeyPatch, has_own_authority: bool
) -> None:
    if has_own_authority:
        as_own_authority(azure, settings)
        settings.AZURE_CLIENT_SECRET = "wrong"
    else:
        as_environment(azure, monkeypatch)
        monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    fault = unreachable()
    assert (fault.code, fault.sent, fault.answered) == ("credential_rejected", False, True)
    assert "wrong client secret" in fault.reason  # the endpoint's own words
    assert "\n" not in fault.reason


def test_a_forged_federated_token_is_rejected(
    azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    as_workload_identity(azure, monkeypatch)
    wrong = tmp_path / "token"
    wrong.write_text("forged")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(wrong))
    with pytest.raises(AzureUnreachable):
        arm_gateway().list_namespaces()


@pytest.mark.parametrize("are_empty", [False, True])
def test_a_missing_credential_is_reported(
    azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, are_empty: bool
) -> None:
    for name in ENVIRONMENT[:3] if are_empty else ():
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")  # no machine identity either
    fault = unreachable()
    assert fault.code in {"no_credential", "managed_identity"}
    assert not fault.sent


def test_a_credential_that_cannot_be_created_is_reported_and_retried(azure: EmulatorProcess, settings: Any) -> None:
    as_own_authority(azure, settings)
    existing, settings.AZURE_ARM_CA = settings.AZURE_ARM_CA, "/nowhere/ca.pem"
    gateway = arm_gateway()
    with pytest.raises(AzureUnreachable, match=r"/nowhere/ca\.pem") as fault:
        gateway.list_namespaces()
    assert (fault.value.code, fault.value.sent) == ("credential_settings", False)
    settings.AZURE_ARM_CA, settings.AZURE_CLIENT_SECRET = existing, ""
    with pytest.raises(AzureUnreachable) as fault:
        gateway.list_namespaces()
    assert (fault.value.code, fault.value.sent) == ("credential_settings", False)
    settings.AZURE_CLIENT_SECRET = azure.client_secret
    gateway.list_namespaces()


@pytest.mark.parametrize("name", ["AZURE_ARM_URL", "AZURE_AUTHORITY_URL"])
@pytest.mark.parametrize("url", ["management.azure.com", "http://management.azure.com", "https://"])
def test_an_address_without_https_is_named(settings: Any, name: str, url: str) -> None:
    setattr(settings, name, url)
    (check,) = check_azure()
    assert (check.name, check.result.is_good, check.result.code) == ("target", False, name)
    assert url in check.result.message


def test_a_host_without_connection_is_named(azure: EmulatorProcess, settings: Any) -> None:
    as_own_authority(azure, settings)
    settings.AZURE_ARM_URL = "https://127.0.0.1:9"
    fault = unreachable()
    assert (fault.code, fault.answered) == ("no_connection", False)
    assert "127.0.0.1" in fault.reason


def test_an_untrusted_certificate_of_arm_is_named(
    azure: EmulatorProcess, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_environment(azure, monkeypatch)  # whose token endpoint is trusted by REQUESTS_CA_BUNDLE
    settings.AZURE_ARM_CA = certifi.where()
    assert unreachable().code == "untrusted_certificate"


def test_an_untrusted_certificate_of_the_token_endpoint_is_named(
    azure: EmulatorProcess, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_environment(azure, monkeypatch)
    settings.AZURE_ARM_CA = ""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert unreachable().code == "untrusted_certificate"
    as_own_authority(azure, settings)
    assert unreachable().code == "untrusted_certificate"
    settings.AZURE_ARM_CA = azure.ca
    arm_gateway.cache_clear()
    arm_gateway().list_namespaces()


def test_a_token_endpoint_without_connection_is_named(azure: EmulatorProcess, settings: Any) -> None:
    as_own_authority(azure, settings)
    settings.AZURE_AUTHORITY_URL = "https://127.0.0.1:9"
    fault = unreachable()
    assert (fault.code, fault.sent, fault.answered) == ("token_endpoint", False, False)


def test_a_wrong_subscription_is_named(azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    as_environment(azure, monkeypatch)
    settings.AZURE_SUBSCRIPTION_ID = "00000000-0000-4000-8000-000000000001"
    with pytest.raises(AzureRefused, match="AZURE_SUBSCRIPTION_ID") as refusal:
        arm_gateway().list_namespaces()
    assert refusal.value.code == "SubscriptionNotFound"


def test_several_subscriptions_are_seen(azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    as_environment(azure, monkeypatch)
    second = "22222222-3333-4444-8555-666666666666"
    azure.call("PUT", f"/subscriptions/{second}", {"displayName": "Second"}, api_version="2022-12-01")
    group = f"/subscriptions/{second}/resourceGroups/rg"
    azure.call("PUT", group, {"location": "westeurope"})
    path = f"{group}/providers/Microsoft.EventGrid/namespaces/in-the-second"
    azure.call(
        "PUT", path, {"location": "westeurope", "properties": {"topicSpacesConfiguration": {"state": "Enabled"}}}
    )
    azure.make_namespace("in-the-first")
    settings.AZURE_SUBSCRIPTION_ID = f"{azure.subscription}, {second}"
    names = {resource["name"] for resource in arm_gateway().list_namespaces()}
    assert {"in-the-first", "in-the-second"} <= names


@pytest.mark.django_db
def test_check_azure_reports_what_works_and_what_is_missing(
    azure: EmulatorProcess, own_subscription: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    as_environment(azure, monkeypatch)
    azure.make_namespace("checked", group_id=f"/subscriptions/{own_subscription}/resourceGroups/rg")
    out = StringIO()
    call_command("check_azure", stdout=out)
    assert "MISSING" not in out.getvalue()
    checks = {check.title: check for check in check_azure()}
    assert checks["checked: reading"].result.is_good
    assert "0 clients" in checks["checked: reading"].result.message
    assert {check.name for check in checks.values()} == {
        *("target", "credential", "provider", "namespaces", "reading", "rights"),
    }
    settings.AZURE_SUBSCRIPTION_ID = "00000000-0000-4000-8000-000000000001"
    arm_gateway.cache_clear()
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("check_azure", stdout=out)
    assert out.getvalue().count("MISSING") == 1
    assert settings.AZURE_SUBSCRIPTION_ID in out.getvalue()
    assert [check.result.code for check in check_azure()] == ["", "subscription"]


@pytest.mark.django_db
def test_a_role_below_the_subscription_is_no_fault(
    azure: EmulatorProcess, own_subscription: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_environment(azure, monkeypatch)
    azure.make_namespace("checked-below", group_id=f"/subscriptions/{own_subscription}/resourceGroups/rg")
    control = EmulatorControl.from_ready_file(azure.state_dir / "ready.json")
    forbidden = Fault(
        kind="error", status=403, code="AuthorizationFailed", path="/subscriptions/*/providers/Microsoft.EventGrid"
    )
    out = StringIO()
    with control.fault(forbidden):
        call_command("check_azure", stdout=out)
        results = {check.name: check.result for check in check_azure()}
    assert (results["provider"].is_good, results["provider"].code) == (None, "forbidden")
    assert "unknown" in out.getvalue()
    assert "MISSING" not in out.getvalue()


def test_a_failed_token_request_is_not_repeated_at_once(
    azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_environment(azure, monkeypatch)
    azure.token()  # cached, since later requests fail
    fault = {"kind": "error", "status": 503, "path": "/*/oauth2/v2.0/token*", "methods": ["POST"]}
    made = azure.call("POST", "/emulator/faults", fault, api_version=None)
    try:
        with pytest.raises(AzureUnreachable):
            arm_gateway().list_namespaces()
        rules = azure.call("GET", "/emulator/faults", api_version=None)["value"]
    finally:
        azure.call("DELETE", "/emulator/faults", api_version=None)
    assert [rule["hits"] for rule in rules if rule["id"] == made["id"]] == [1]


def test_actions_match_with_wildcards_and_exclusions() -> None:
    assert all(is_allowed(action, [{"actions": ["*"], "notActions": []}]) for action in needed())
    reading, writing = (f"Microsoft.EventGrid/namespaces/caCertificates/{verb}" for verb in ("read", "write"))
    assert is_allowed(writing, [{"actions": ["Microsoft.EventGrid/namespaces/*"]}])
    assert is_allowed(reading, [{"actions": ["*/read"]}])
    assert not is_allowed(writing, [{"actions": ["*/read"]}])
    assert not is_allowed(writing, [{"actions": ["*"], "notActions": ["Microsoft.EventGrid/*/write"]}])


def test_the_documented_role_has_exactly_the_needed_actions() -> None:
    page = (django_settings.BASE_DIR / "docs/azure.md").read_text(encoding="utf-8")
    role = json.loads(page.partition("```json")[2].partition("```")[0])
    actions = {action for action in role["Actions"] if action.startswith("Microsoft.EventGrid/")}
    assert actions == set(needed())
    assert set(role["Actions"]) - actions == {
        "Microsoft.Resources/subscriptions/resources/read",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
    }


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("AADSTS7000222: The provided client secret keys are expired.", "client_secret"),
        ("AADSTS90002: Tenant 'x' not found.", "tenant"),
        ("AADSTS700016: Application not found", "client_id"),
        ("DefaultAzureCredential failed to retrieve a token", "no_credential"),
        ("", "no_credential"),
        ("Something new\nwith much detail", "credential"),
    ],
)
def test_credential_faults_have_a_code_and_one_sentence(message: str, code: str) -> None:
    hint = credential_hint(message)
    assert hint.code == code
    assert hint.sentence
    assert "\n" not in hint.sentence


def test_credentials_of_a_signed_in_user_are_never_used(azure: EmulatorProcess) -> None:
    names = {type(each).__name__ for each in _default_credential().credentials}
    assert "ManagedIdentityCredential" in names
    assert not names & {"InteractiveBrowserCredential", "VisualStudioCodeCredential", "SharedTokenCacheCredential"}
