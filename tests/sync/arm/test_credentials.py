"""The real credential classes against the emulator's token endpoints, chosen by environment variables alone."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import certifi
import pytest
from azure.core.exceptions import ServiceRequestError
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from emulator.faults_client import EmulatorControl, Fault
from sync.arm.credentials import ClientCredentials, make_credential
from sync.arm.error_hints import credential_trouble
from sync.arm.gateway import AzureRefused, AzureUnreachable, arm_gateway
from sync.self_check import check_azure, is_allowed, needed
from tests.support.emulator_process import EmulatorProcess
from tests.support.waiting import until

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
    """The portal as in production, with the emulator in Azure's and Entra ID's place."""
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
def test_each_credential_class_brings_a_token_that_arm_accepts(
    azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, become: Any
) -> None:
    become(azure, monkeypatch)
    namespace = azure.make_namespace(f"by-{become.__name__.replace('_', '-')}")
    assert arm_gateway().get(namespace)["id"] == namespace


def test_a_wrong_secret_is_told_in_one_sentence(azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    as_environment(azure, monkeypatch)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    with pytest.raises(AzureUnreachable, match="wrong client secret"):
        arm_gateway().list_namespaces()


def test_a_federated_token_that_is_not_ours_is_refused(
    azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    as_workload_identity(azure, monkeypatch)
    wrong = tmp_path / "token"
    wrong.write_text("forged")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(wrong))
    with pytest.raises(AzureUnreachable):
        arm_gateway().list_namespaces()


@pytest.mark.parametrize("are_empty", [False, True])
def test_no_credential_at_all_is_told_with_what_to_do(
    azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, are_empty: bool
) -> None:
    for name in ENVIRONMENT[:3] if are_empty else ():
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")  # no machine identity either
    with pytest.raises(AzureUnreachable) as fault:
        arm_gateway().list_namespaces()
    assert "no credential" in fault.value.reason or "managed identity" in fault.value.reason
    assert not fault.value.sent


def test_a_credential_that_cannot_be_made_is_told_and_tried_again(azure: EmulatorProcess, settings: Any) -> None:
    settings.AZURE_AUTHORITY_URL = azure.url
    settings.AZURE_TENANT_ID, settings.AZURE_CLIENT_ID = azure.tenant, azure.client_id
    settings.AZURE_CLIENT_SECRET = azure.client_secret
    there, settings.AZURE_ARM_CA = settings.AZURE_ARM_CA, "/nowhere/ca.pem"
    gateway = arm_gateway()
    with pytest.raises(AzureUnreachable, match=r"AZURE_ARM_CA names /nowhere/ca\.pem, which is not there") as fault:
        gateway.list_namespaces()
    assert not fault.value.sent
    settings.AZURE_ARM_CA = there
    gateway.list_namespaces()


@pytest.mark.parametrize("name", ["AZURE_ARM_URL", "AZURE_AUTHORITY_URL"])
@pytest.mark.parametrize("url", ["management.azure.com", "http://management.azure.com", "https://"])
def test_an_address_without_https_is_named(settings: Any, name: str, url: str) -> None:
    setattr(settings, name, url)
    (answer,) = check_azure()
    assert (answer.is_good, answer.said) == (False, f"{name} is {url}, which does not begin with https:// and a host.")


def test_what_cannot_be_reached_is_named(
    azure: EmulatorProcess, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_environment(azure, monkeypatch)
    settings.AZURE_ARM_URL = "https://127.0.0.1:9"
    with pytest.raises(AzureUnreachable, match=r"no connection to 127\.0\.0\.1"):
        arm_gateway().list_namespaces()
    arm_gateway.cache_clear()
    settings.AZURE_ARM_URL, settings.AZURE_ARM_CA = azure.url, certifi.where()
    with pytest.raises(AzureUnreachable, match="a certificate that this machine does not trust"):  # of ARM
        arm_gateway().list_namespaces()
    arm_gateway.cache_clear()
    settings.AZURE_ARM_CA = ""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(AzureUnreachable, match="a certificate that this machine does not trust"):  # of Entra ID
        arm_gateway().list_namespaces()
    arm_gateway.cache_clear()
    settings.AZURE_AUTHORITY_URL = "https://127.0.0.1:9"
    with pytest.raises(AzureUnreachable, match="the token endpoint cannot be reached"):
        arm_gateway().list_namespaces()


def test_a_wrong_subscription_is_told(azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    as_environment(azure, monkeypatch)
    settings.AZURE_SUBSCRIPTION_ID = "00000000-0000-4000-8000-000000000001"
    with pytest.raises(AzureRefused, match="AZURE_SUBSCRIPTION_ID"):
        arm_gateway().list_namespaces()


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
def test_check_azure_says_what_works_and_what_is_missing(
    azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    as_environment(azure, monkeypatch)
    azure.make_namespace("checked")
    said = StringIO()
    call_command("check_azure", stdout=said)
    assert "checked: reading: 0 clients" in said.getvalue() or "0 CA certificates" in said.getvalue()
    assert "Everything the portal needs is there." in said.getvalue()
    settings.AZURE_SUBSCRIPTION_ID = "00000000-0000-4000-8000-000000000001"
    arm_gateway.cache_clear()
    said = StringIO()
    with pytest.raises(CommandError, match="missing"):
        call_command("check_azure", stdout=said)
    assert "does not see 00000000-0000-4000-8000-000000000001" in said.getvalue()


@pytest.mark.django_db
def test_a_role_that_does_not_reach_up_to_the_subscription_is_no_fault(
    azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_environment(azure, monkeypatch)
    azure.make_namespace("checked")
    control = EmulatorControl.from_ready_file(azure.state_dir / "ready.json")
    forbidden = Fault(
        kind="error", status=403, code="AuthorizationFailed", path="/subscriptions/*/providers/Microsoft.EventGrid"
    )
    said = StringIO()
    with control.fault(forbidden):
        call_command("check_azure", stdout=said)
    assert "unknown  Microsoft.EventGrid in" in said.getvalue()
    assert "MISSING" not in said.getvalue()


def test_a_token_is_asked_for_once_and_not_again_and_again_while_a_push_waits(
    azure: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_environment(azure, monkeypatch)
    azure.token()  # from now on there are none
    fault = {"kind": "error", "status": 503, "path": "/*/oauth2/v2.0/token*", "methods": ["POST"]}
    azure.call("POST", "/emulator/faults", fault, api_version=None)
    try:
        with pytest.raises(AzureUnreachable):
            arm_gateway().list_namespaces()
        (rule,) = azure.call("GET", "/emulator/faults", api_version=None)["value"]
    finally:
        azure.call("DELETE", "/emulator/faults", api_version=None)
    assert rule["hits"] == 1


class CountedTurns:
    """A lock that knows how many have come to it."""

    def __init__(self) -> None:
        self.wanted = 0
        self._count, self._lock = threading.Lock(), threading.Lock()

    def __enter__(self) -> None:
        with self._count:
            self.wanted += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_threads_that_wait_for_a_token_share_the_failure_of_the_one_that_asked(settings: Any) -> None:
    asked = threading.Semaphore(0)
    go = threading.Event()

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.release()
            go.wait(20)
            self.send_error(503)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    credentials = ClientCredentials(
        authority=f"http://127.0.0.1:{server.server_address[1]}",
        tenant="t",
        client_id="c",
        client_secret="s",
        ca_file="",
    )
    turns = CountedTurns()
    credentials._lock = turns  # type: ignore[assignment]  # what `with` needs of a lock it has
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(credentials.get_token, "scope") for _ in range(8)]
        until(lambda: turns.wanted == 8, "all of them wait")
        go.set()
        faults = [type(each.exception(20)) for each in waiting]
    server.shutdown()
    server.server_close()
    assert faults == [ServiceRequestError] * 8
    assert [asked.acquire(blocking=False) for _ in range(2)] == [True, False]


def test_rights_are_read_as_azure_means_them() -> None:
    assert all(is_allowed(action, [{"actions": ["*"], "notActions": []}]) for action in needed())
    reading, writing = (f"Microsoft.EventGrid/namespaces/caCertificates/{verb}" for verb in ("read", "write"))
    assert is_allowed(writing, [{"actions": ["Microsoft.EventGrid/namespaces/*"]}])
    assert is_allowed(reading, [{"actions": ["*/read"]}])
    assert not is_allowed(writing, [{"actions": ["*/read"]}])
    assert not is_allowed(writing, [{"actions": ["*"], "notActions": ["Microsoft.EventGrid/*/write"]}])


def test_the_role_of_the_docs_gives_what_the_portal_takes_and_no_more() -> None:
    page = (django_settings.BASE_DIR / "docs/azure.md").read_text(encoding="utf-8")
    role = json.loads(page.partition("```json")[2].partition("```")[0])
    actions = {action for action in role["Actions"] if action.startswith("Microsoft.EventGrid/")}
    assert actions == set(needed())
    assert set(role["Actions"]) - actions == {
        "Microsoft.Resources/subscriptions/resources/read",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
    }


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("AADSTS7000222: The provided client secret keys are expired.", "expired"),
        ("AADSTS90002: Tenant 'x' not found.", "no tenant"),
        ("AADSTS700016: Application not found", "no application"),
        ("DefaultAzureCredential failed to retrieve a token", "no credential"),
        ("Something new\nwith much detail", "Something new"),
    ],
)
def test_credential_troubles_are_told_in_one_sentence(said: str, sentence: str) -> None:
    assert sentence in credential_trouble(said)
    assert "\n" not in credential_trouble(said)


def test_the_credential_is_never_that_of_a_person(azure: EmulatorProcess) -> None:
    names = {type(each).__name__ for each in make_credential().credentials}  # type: ignore[attr-defined]
    assert "ManagedIdentityCredential" in names
    assert not names & {"InteractiveBrowserCredential", "VisualStudioCodeCredential", "SharedTokenCacheCredential"}
