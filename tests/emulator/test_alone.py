"""The emulator without the portal: started from Python, by its pytest fixtures, with a seed and other options."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from emulator.arm.application import ArmService
from emulator.arm.faults.session_endings import SessionEnding
from emulator.arm.requests.throttle import Throttle
from emulator.arm.resource_types.child_type import Limits
from emulator.arm.seed import SeedError, read_seed
from emulator.credentials import Credentials
from emulator.fault_rules import WebhookPlan
from emulator.faults_client import ControlError
from emulator.options import parse_arguments
from emulator.running import EmulatorStartError, RunningEmulator
from emulator.storage.store import Store
from tests.support.azure.emulator_process import ROOT, EmulatorProcess

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = "/subscriptions/{subscription}/resourceGroups/rg-seed"
NAMESPACE = f"{GROUP}/providers/Microsoft.EventGrid/namespaces/seeded"
SEED: list[dict[str, Any]] = [
    {"id": GROUP, "location": "westeurope"},
    {
        "id": NAMESPACE,
        "location": "westeurope",
        "properties": {
            "topicSpacesConfiguration": {
                "state": "Enabled",
                "clientAuthentication": {"alternativeAuthenticationNameSources": ["ClientCertificateDns"]},
            }
        },
    },
    {"id": f"{NAMESPACE}/clients/press-7", "properties": {"description": "from the seed"}},
]


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def seed_file(folder: Path, content: Any = None) -> str:
    path = folder / "seed.json"
    path.write_text(json.dumps(SEED if content is None else content))
    return str(path)


def test_it_can_be_started_from_python_and_leaves_nothing_behind() -> None:
    with RunningEmulator() as emulator:
        namespace = emulator.make_namespace("plant-1")
        host, port = emulator.mqtt_endpoint(namespace)
        assert (host, port > 0) == ("127.0.0.1", True)
        made = emulator.arm("PUT", f"{namespace}/clients/device-1", {"properties": {"state": "Disabled"}})
        assert made["properties"]["state"] == "Disabled"
        with pytest.raises(ControlError) as caught:
            emulator.arm("GET", f"{namespace}/clients/none")
        assert caught.value.status == 404
        folder = Path(emulator.ca).parent
    assert emulator.process.returncode == 0
    assert not folder.exists()


def test_an_error_at_the_start_includes_the_log() -> None:
    with pytest.raises(EmulatorStartError, match="--fault: 'flood'"):
        RunningEmulator("--fault", "flood")


def test_the_seed_exists_at_the_start_and_after_a_reset(tmp_path: Path) -> None:
    with RunningEmulator("--seed", seed_file(tmp_path), "--subscription", SUBSCRIPTION) as emulator:
        namespace = NAMESPACE.replace("{subscription}", SUBSCRIPTION)
        client = f"{namespace}/clients/press-7"
        assert emulator.arm("GET", client)["properties"]["description"] == "from the seed"
        emulator.arm("PUT", client, {})
        emulator.make_namespace("another")
        emulator.control.reset()
        assert emulator.arm("GET", client)["properties"]["description"] == "from the seed"
        found = emulator.arm("GET", f"/subscriptions/{SUBSCRIPTION}/resources")["value"]
        assert [each["name"] for each in found] == ["seeded"]


def test_a_seed_does_not_overwrite_stored_resources(tmp_path: Path) -> None:
    seed = ("--seed", seed_file(tmp_path), "--subscription", SUBSCRIPTION)
    emulator = EmulatorProcess(tmp_path / "state", *seed)
    try:
        client = f"{NAMESPACE}/clients/press-7".replace("{subscription}", SUBSCRIPTION)
        changed = emulator.call("PUT", client, {"properties": {"description": "changed"}})
        emulator.restart()
        assert emulator.call("GET", client) == changed
    finally:
        emulator.stop()


class NoMqtt:
    """MQTT endpoints without any client."""

    def live_state(self, namespace_id: str, owner: str) -> Mapping[str, Any]:
        return {}

    def connected_clients(self, namespace_id: str) -> int:
        return 0

    def end_sessions(self, ending: SessionEnding) -> int:
        return 0

    def set_webhook_faults(self, plan_of: Callable[[str], WebhookPlan]) -> None:
        """No endpoint is there."""

    def set_outages(self, patterns: Sequence[str]) -> None:
        assert not patterns


def service_with_seed(folder: Path, content: Any) -> ArmService:
    return ArmService(
        Store(None),
        Credentials.load(folder),
        limits=Limits(),
        throttle=Throttle(),
        mqtt_endpoints=dict,
        mqtt_ca="",
        mqtt=NoMqtt(),
        seed=read_seed(Path(seed_file(folder, content))),
    )


@pytest.mark.parametrize(
    ("content", "entry", "code"),
    [
        ({}, 0, None),
        (["text"], 0, None),
        ([{"location": "westeurope"}], 1, None),
        ([{"id": "/nothing"}], 1, None),
        ([{"id": f"{GROUP}/.."}], 1, "InvalidResourceName"),
        ([{"id": "/subscriptions/{subscription}"}, {"id": GROUP}], 2, "LocationRequired"),
        (
            [
                {"id": "/subscriptions/{subscription}"},
                *SEED,
                {"id": f"{NAMESPACE}/clients/x", "properties": {"state": "?"}},
            ],
            5,
            "InvalidRequest",
        ),
    ],
)
def test_an_invalid_seed_is_rejected_with_the_entry(tmp_path: Path, content: Any, entry: int, code: str | None) -> None:
    with pytest.raises(SeedError) as caught:
        service_with_seed(tmp_path, content).apply_seed()
    assert caught.value.entry == entry
    assert getattr(caught.value.__cause__, "code", None) == code


@pytest.mark.parametrize("content", [{}, [*SEED, {"id": f"{NAMESPACE}/clients/x", "properties": {"state": "?"}}]])
def test_an_emulator_with_an_invalid_seed_does_not_start(tmp_path: Path, content: Any) -> None:
    stopped = run(
        "-m", "emulator", "--in-memory", "--port=0", "--mqtt-port-base=0", "--seed", seed_file(tmp_path, content)
    )
    assert stopped.returncode == 1
    assert ("Entry 4" if content else "seed.json") in stopped.stderr.splitlines()[-1]
    assert "Traceback" not in stopped.stderr


CHOSEN = {
    "SUBSCRIPTION": SUBSCRIPTION,
    "TENANT": "00000000-0000-0000-0000-000000000002",
    "CLIENT_ID": "00000000-0000-0000-0000-000000000003",
    "CLIENT_SECRET": "a secret of the test",
}


@pytest.fixture(scope="module")
def configured() -> Iterator[RunningEmulator]:
    """An emulator with ids, a secret, host names and a log level of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CHOSEN.items():
            patch.setenv(f"EMULATOR_{name}", value)
        with RunningEmulator("--host-name", "localhost,emulator.test", "--log-level", "warning") as emulator:
            yield emulator


def test_ids_and_secret_can_be_set_in_the_environment(configured: RunningEmulator) -> None:
    assert configured.subscription == CHOSEN["SUBSCRIPTION"]
    assert (configured.tenant, configured.client_id) == (CHOSEN["TENANT"], CHOSEN["CLIENT_ID"])
    assert configured.client_secret == CHOSEN["CLIENT_SECRET"]
    assert configured.arm("GET", "/subscriptions")["value"][0]["subscriptionId"] == CHOSEN["SUBSCRIPTION"]


def test_the_env_file_is_readable_by_a_shell_and_private(configured: RunningEmulator) -> None:
    path = Path(configured.ca).parent / "emulator.env"
    assert path.stat().st_mode & 0o777 == 0o600
    started = run("-c", "", environment=configured.environment)
    assert started.returncode == 0
    shell = subprocess.run(
        ["sh", "-c", f". {path}; echo $ARM_ENDPOINT $AZURE_TENANT_ID"], capture_output=True, text=True, check=True
    )
    assert shell.stdout.split() == [configured.url, configured.tenant]
    assert set(configured.environment) >= {"REQUESTS_CA_BUNDLE", "AZURE_CLIENT_SECRET", "AZURE_SUBSCRIPTION_ID"}


def test_host_names_can_be_added_to_the_certificate(configured: RunningEmulator) -> None:
    assert configured.url.startswith("https://localhost:")
    assert configured.arm("GET", "/subscriptions")["value"]


def test_the_log_level_can_be_set(configured: RunningEmulator) -> None:
    assert configured.log() == ""


@pytest.mark.parametrize(
    ("word", "expected"), [("1", True), ("on", True), (" Yes ", True), ("off", False), ("", False)]
)
def test_a_switch_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch, word: str, expected: bool) -> None:
    for name in ("IN_MEMORY", "THROTTLE", "OPEN_TOPICS", "END_SESSIONS"):
        monkeypatch.setenv(f"EMULATOR_{name}", word)
    found = parse_arguments([])
    assert (found.in_memory, found.throttle) == (expected, expected)
    assert (found.open_topics, found.end_sessions) == (expected or not word, expected or not word)


@pytest.mark.parametrize("name", ["IN_MEMORY", "THROTTLE", "OPEN_TOPICS", "END_SESSIONS"])
def test_a_switch_that_is_neither_yes_nor_no_is_rejected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(f"EMULATOR_{name}", "maybe")
    with pytest.raises(SystemExit):
        parse_arguments([])
    assert f"EMULATOR_{name}" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("option", ["--subscription=x", "--tenant=1", "--client-id=..", "--log-level=loud"])
def test_an_invalid_option_is_rejected(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["--in-memory", option])
    assert caught.value.code == 2
    assert option.partition("=")[0] in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("name", ["ü", "a b"])
def test_an_emulator_with_an_invalid_host_name_does_not_start(name: str) -> None:
    stopped = run("-m", "emulator", "--in-memory", "--port=0", "--mqtt-port-base=0", f"--host-name={name}")
    assert stopped.returncode == 1
    assert "--host-name" in stopped.stderr.splitlines()[-1]
    assert "Traceback" not in stopped.stderr


TESTS_OF_ANOTHER_PROJECT = """
import ssl, urllib.request

from emulator.faults_client import ControlError, Fault


def test_a_namespace_exists(eventgrid_emulator, eventgrid_namespace):
    made = eventgrid_emulator.arm("PUT", eventgrid_namespace + "/clients/device-1", {})
    assert made["name"] == "device-1"
    assert eventgrid_emulator.mqtt_endpoint(eventgrid_namespace)[1]


def test_another_test_has_another_namespace(eventgrid_emulator, eventgrid_namespace):
    assert eventgrid_emulator.arm("GET", eventgrid_namespace + "/clients")["value"] == []


def test_a_fault_is_injected(eventgrid_faults, eventgrid_namespace):
    eventgrid_faults.control.add(Fault(kind="error", status=503))
    try:
        eventgrid_faults.arm("GET", eventgrid_namespace)
    except ControlError as error:
        assert error.status == 503
    else:
        raise AssertionError


def test_faults_of_the_command_line_stay(eventgrid_emulator):
    assert [(fault.kind, fault.path) for fault in eventgrid_emulator.control.faults()] == [("error", "*/caCertificates/*")]


def test_a_reset_also_deletes_the_namespace(eventgrid_emulator, eventgrid_namespace):
    eventgrid_emulator.control.reset()


def test_an_operation_is_left_in_progress(eventgrid_faults, eventgrid_namespace):
    eventgrid_faults.control.add(Fault(kind="long-running", seconds=60))
    eventgrid_faults.arm("PATCH", eventgrid_namespace, {"tags": {"team": "a"}})


def test_a_namespace_can_be_created_during_faults(eventgrid_emulator):
    with eventgrid_emulator.control.fault(Fault(kind="failing", seconds=0), Fault(kind="token-buckets")):
        namespace = eventgrid_emulator.make_namespace("ns-1")
        assert eventgrid_emulator.arm("GET", namespace)["properties"]["provisioningState"] == "Succeeded"
        eventgrid_emulator.remove_namespace(namespace)


def test_options_come_from_the_configuration(eventgrid_emulator):
    assert eventgrid_emulator.subscription == "00000000-0000-0000-0000-000000000001"
"""


def test_the_fixtures_work_in_another_project(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(TESTS_OF_ANOTHER_PROJECT)
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\neventgrid_emulator_arguments =\n    --subscription {SUBSCRIPTION}\n    --fault\n"
        "    'error,status=503,path=*/caCertificates/*'\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "emulator.pytest_plugin", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "8 passed" in ended.stdout


def test_the_package_has_an_entry_point_and_a_plugin() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert re.search(r'^eventgrid-emulator = "emulator.__main__:main"$', text, re.MULTILINE)
    assert re.search(r'pytest11\]\neventgrid-emulator = "emulator.pytest_plugin"$', text, re.MULTILINE)
