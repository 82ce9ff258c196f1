"""The emulator used alone: started from Python, by pytest's fixtures, with a seed, with chosen ids and names."""

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from emulator.faults_client import ControlError
from emulator.options import parse_arguments
from emulator.running import EmulatorStartError, RunningEmulator
from tests.support.emulator_process import ROOT, EmulatorProcess

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


def test_it_is_started_from_python_and_leaves_nothing_behind() -> None:
    with RunningEmulator() as emulator:
        namespace = emulator.make_namespace("plant-1")
        host, port = emulator.mqtt_endpoint(namespace)
        assert (host, port > 0) == ("127.0.0.1", True)
        made = emulator.arm("PUT", f"{namespace}/clients/device-1", {"properties": {"state": "Disabled"}})
        assert made["properties"]["state"] == "Disabled"
        with pytest.raises(ControlError, match="was not found") as caught:
            emulator.arm("GET", f"{namespace}/clients/none")
        assert caught.value.status == 404
        folder = Path(emulator.ca).parent
    assert emulator.process.returncode == 0
    assert not folder.exists()


def test_one_that_cannot_start_says_why() -> None:
    with pytest.raises(EmulatorStartError, match="--fault: 'flood' is not a kind of fault"):
        RunningEmulator("--fault", "flood")


def test_the_seed_is_there_at_the_start_and_after_a_reset(tmp_path: Path) -> None:
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


def test_a_seed_does_not_overwrite_what_is_kept(tmp_path: Path) -> None:
    seed = ("--seed", seed_file(tmp_path), "--subscription", SUBSCRIPTION)
    emulator = EmulatorProcess(tmp_path / "state", *seed)
    try:
        client = f"{NAMESPACE}/clients/press-7".replace("{subscription}", SUBSCRIPTION)
        changed = emulator.call("PUT", client, {"properties": {"description": "changed"}})
        emulator.restart()
        assert emulator.call("GET", client) == changed
    finally:
        emulator.stop()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "must be a JSON array"),
        ([{"location": "westeurope"}], "Entry 1 of the seed has no 'id'"),
        ([{"id": "/nothing"}], "is not the id of a resource"),
        ([{"id": f"{GROUP}/.."}], "cannot be part of a resource id"),
        ([{"id": GROUP}], "The location property is required"),
        ([*SEED, {"id": f"{NAMESPACE}/clients/x", "properties": {"state": "?"}}], "Entry 4 of the seed"),
    ],
)
def test_a_seed_that_cannot_be_is_told_in_a_sentence(tmp_path: Path, content: Any, message: str) -> None:
    ended = run(
        "-m", "emulator", "--in-memory", "--port=0", "--mqtt-port-base=0", "--seed", seed_file(tmp_path, content)
    )
    assert ended.returncode == 1
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_ids_and_secret_may_be_chosen_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {name: str(uuid.uuid4()) for name in ("SUBSCRIPTION", "TENANT", "CLIENT_ID", "CLIENT_SECRET")}
    for name, value in chosen.items():
        monkeypatch.setenv(f"EMULATOR_{name}", value)
    with RunningEmulator() as emulator:
        assert emulator.subscription == chosen["SUBSCRIPTION"]
        assert (emulator.tenant, emulator.client_id) == (chosen["TENANT"], chosen["CLIENT_ID"])
        assert emulator.client_secret == chosen["CLIENT_SECRET"]
        assert emulator.arm("GET", "/subscriptions")["value"][0]["subscriptionId"] == chosen["SUBSCRIPTION"]


def test_the_env_file_is_what_azures_tools_read() -> None:
    with RunningEmulator() as emulator:
        path = Path(emulator.ca).parent / "emulator.env"
        assert path.stat().st_mode & 0o777 == 0o600
        said = run("-c", "", environment=emulator.environment)
        assert said.returncode == 0
        shell = subprocess.run(
            ["sh", "-c", f". {path}; echo $ARM_ENDPOINT $AZURE_TENANT_ID"], capture_output=True, text=True, check=True
        )
        assert shell.stdout.split() == [emulator.url, emulator.tenant]
        assert set(emulator.environment) >= {"REQUESTS_CA_BUNDLE", "AZURE_CLIENT_SECRET", "AZURE_SUBSCRIPTION_ID"}


def test_more_host_names_may_be_given() -> None:
    with RunningEmulator("--host-name", "localhost,emulator.test") as emulator:
        assert emulator.url.startswith("https://localhost:")
        assert emulator.arm("GET", "/subscriptions")["value"]


@pytest.mark.parametrize(("word", "meant"), [("1", True), ("on", True), (" Yes ", True), ("off", False), ("", False)])
def test_a_switch_is_set_in_the_environment(monkeypatch: pytest.MonkeyPatch, word: str, meant: bool) -> None:
    for name in ("IN_MEMORY", "THROTTLE", "OPEN_TOPICS", "END_SESSIONS"):
        monkeypatch.setenv(f"EMULATOR_{name}", word)
    found = parse_arguments([])
    assert (found.in_memory, found.throttle) == (meant, meant)
    assert (found.open_topics, found.end_sessions) == (meant or not word, meant or not word)


@pytest.mark.parametrize("name", ["IN_MEMORY", "THROTTLE", "OPEN_TOPICS", "END_SESSIONS"])
def test_a_word_that_is_neither_yes_nor_no_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(f"EMULATOR_{name}", "maybe")
    with pytest.raises(SystemExit):
        parse_arguments([])
    assert f"EMULATOR_{name} must be one of: 1, true, yes, on" in capsys.readouterr().err


def test_it_warns_loudly_when_others_can_reach_it(tmp_path: Path) -> None:
    with RunningEmulator("--host", "0.0.0.0") as emulator:
        assert "EVERY MACHINE THAT REACHES THIS ADDRESS CAN CONNECT" in emulator.log()
        assert emulator.arm("GET", "/subscriptions")["value"]
    with RunningEmulator("--host", "localhost") as emulator:
        assert "CAN CONNECT" not in emulator.log()


def test_the_log_level_is_chosen() -> None:
    with RunningEmulator("--log-level", "warning") as emulator:
        assert emulator.log() == ""


def test_bad_ids_and_levels_are_refused() -> None:
    for option in (
        "--subscription=x",
        "--tenant=1",
        "--client-id=..",
        "--log-level=loud",
        "--host-name=ü",
        "--host-name=a b",
    ):
        ended = run("-m", "emulator", "--in-memory", "--port=0", "--mqtt-port-base=0", option)
        assert ended.returncode in (1, 2)
        assert option.partition("=")[0] in ended.stderr
        assert "Traceback" not in ended.stderr


TESTS_OF_SOMEBODY = """
import ssl, urllib.request

from emulator.faults_client import ControlError, Fault


def test_a_namespace_is_there(eventgrid_emulator, eventgrid_namespace):
    made = eventgrid_emulator.arm("PUT", eventgrid_namespace + "/clients/device-1", {})
    assert made["name"] == "device-1"
    assert eventgrid_emulator.mqtt_endpoint(eventgrid_namespace)[1]


def test_another_test_has_another_namespace(eventgrid_emulator, eventgrid_namespace):
    assert eventgrid_emulator.arm("GET", eventgrid_namespace + "/clients")["value"] == []


def test_it_fails_on_demand(eventgrid_faults, eventgrid_namespace):
    eventgrid_faults.control.add(Fault(kind="error", status=503))
    try:
        eventgrid_faults.arm("GET", eventgrid_namespace)
    except ControlError as error:
        assert error.status == 503
    else:
        raise AssertionError


def test_faults_from_the_start_are_still_there(eventgrid_emulator):
    assert [(fault.kind, fault.path) for fault in eventgrid_emulator.control.faults()] == [("error", "*/caCertificates/*")]


def test_a_reset_takes_the_namespace_too(eventgrid_emulator, eventgrid_namespace):
    eventgrid_emulator.control.reset()


def test_an_operation_is_left_under_way(eventgrid_faults, eventgrid_namespace):
    eventgrid_faults.control.add(Fault(kind="long-running", seconds=60))
    eventgrid_faults.arm("PATCH", eventgrid_namespace, {"tags": {"team": "a"}})


def test_a_namespace_is_there_whatever_goes_wrong(eventgrid_emulator):
    with eventgrid_emulator.control.fault(Fault(kind="failing", seconds=0), Fault(kind="token-buckets")):
        namespace = eventgrid_emulator.make_namespace("ns-1")
        assert eventgrid_emulator.arm("GET", namespace)["properties"]["provisioningState"] == "Succeeded"
        eventgrid_emulator.remove_namespace(namespace)


def test_options_come_from_the_configuration(eventgrid_emulator):
    assert eventgrid_emulator.subscription == "00000000-0000-0000-0000-000000000001"
"""


def test_the_fixtures_work_in_a_project_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(TESTS_OF_SOMEBODY)
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


def test_the_package_ships_entry_point_and_plugin() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert re.search(r'^eventgrid-emulator = "emulator.__main__:main"$', text, re.MULTILINE)
    assert re.search(r'pytest11\]\neventgrid-emulator = "emulator.pytest_plugin"$', text, re.MULTILINE)
