"""The files in deploy/ are accepted by systemd, nginx and Prometheus, and agree with the page and the code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulator.authority import Authority
from emulator.options import parse_arguments
from sync.pages import metrics
from sync.workers.periodic import EXPECTED
from tests.deployment.page import COMMANDS, ROOT, variables
from tests.support.programs import require_program
from tests.support.servers.nginx import write_configuration

DEPLOY = ROOT / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
BASE_IMAGES = re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)
PORTAL_PACKAGES = (
    "portal",
    "namespaces",
    "certificates",
    "lab",
    "sync",
    "emulator",
    "templates",
    "static",
    "manage.py",
)


def joined(arguments: list[str] | str) -> str:
    """Return a command without what differs between the page, a unit and a container: paths and names of hosts."""
    text = arguments if isinstance(arguments, str) else " ".join(arguments)
    text = re.sub(r" --(hostname|schedule) \S+", "", text.strip())
    return re.sub(r"\S*\.venv/bin/", "", text)


# systemd


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    verify = require_program("systemd-analyze")
    units = []
    for unit in (DEPLOY / "systemd").iterdir():
        copy = tmp_path / unit.name.replace("@.", "@1.")
        # The portal is not installed on this machine: the one fault that verify may find.
        text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(encoding="utf-8"))
        copy.write_text(text, encoding="utf-8")
        units.append(str(copy))
    run = subprocess.run([verify, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    about_ours = [line for line in run.stderr.splitlines() if "mqtt-portal" in line]
    assert (run.returncode, about_ours) == (0, [])


@pytest.mark.parametrize("name", ["web", "worker", "clock", "devices", "decisions"])
def test_a_unit_runs_the_command_of_the_page(name: str) -> None:
    (unit,) = (DEPLOY / "systemd").glob(f"mqtt-portal-{name}*.service")
    (command,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    assert joined(command) == joined(COMMANDS[name])


def test_the_emulator_of_a_class_runs_with_options_that_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    (unit,) = (DEPLOY / "systemd").glob("mqtt-portal-emulator.service")
    (command,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    assert joined(command) == "python -m emulator"
    overlay = yaml.safe_load((DEPLOY / "compose.class.yaml").read_text(encoding="utf-8"))["services"]
    options = parse_arguments([each.partition(":?")[0].lstrip("${") for each in overlay["emulator"]["command"][3:]])
    assert (options.host, options.host_name, options.mqtt_host) == ("0.0.0.0", ("emulator",), "CLASS_HOST")
    assert overlay.keys() - {"emulator", "devices"} <= compose().keys()
    assert joined(" ".join(overlay["devices"]["command"])) == joined(COMMANDS["devices"])


# nginx


def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    nginx = require_program("nginx")
    options = write_configuration(tmp_path, Authority(tmp_path))
    run = subprocess.run([nginx, "-t", *options], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "[warn]" not in run.stderr


# Prometheus


@pytest.mark.django_db
def test_alerts_use_only_metrics_that_exist() -> None:
    document = yaml.safe_load((DEPLOY / "prometheus-alerts.yaml").read_text(encoding="utf-8"))
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    existing = set(re.findall(r"^# TYPE (\S+) ", metrics.exposition().decode(), re.MULTILINE))
    used = {name for rule in rules for name in re.findall(r"\bportal_[a-z_]+", rule["expr"])}
    assert used
    assert used <= existing
    jobs = {name for rule in rules for name in re.findall(r'portal_periodic_age_seconds\{name="(\w+)"', rule["expr"])}
    assert jobs <= set(EXPECTED)
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]


def test_alerts_restart_units_that_exist() -> None:
    named = re.findall(r"systemctl restart '?(mqtt-portal-[a-z]+@?)", (DEPLOY / "prometheus-alerts.yaml").read_text())
    assert named
    assert {f"{unit}.service" for unit in named} <= {unit.name for unit in (DEPLOY / "systemd").iterdir()}


# Containers


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found["services"]  # type: ignore[no-any-return]


def test_compose_runs_the_commands_of_the_page() -> None:
    services = compose()
    (command,) = re.findall(r"^CMD (\[.*\])$", CONTAINERFILE, re.MULTILINE)
    assert joined(yaml.safe_load(command)) == joined(COMMANDS["web"])
    assert "command" not in services["web"]
    assert joined(services["worker"]["command"]) == joined(COMMANDS["worker"])
    assert joined(services["clock"]["command"]) == joined(COMMANDS["clock"])
    assert services["worker"]["deploy"]["replicas"] == 2
    assert "deploy" not in services["clock"]  # exactly one


def test_compose_sets_only_variables_that_are_read() -> None:
    for name in ("web", "worker", "clock", "migrate"):
        service = compose()[name]
        assert set(service["environment"]) <= set(variables())
        assert service["env_file"] == "portal.env"
    assert "/healthz" in " ".join(compose()["web"]["healthcheck"]["test"])


def test_images_are_named_without_a_registry() -> None:
    images = [service["image"] for service in compose().values()]
    images += BASE_IMAGES
    assert [image for image in images if "/" in image] == []


def test_the_image_has_all_parts_of_the_portal() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", CONTAINERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert sources >= {*PORTAL_PACKAGES, "requirements/production.txt", "deploy/gunicorn.conf.py"}
    assert [source for source in sources if not (ROOT / source).exists()] == []


@pytest.mark.long
def test_the_image_can_be_built() -> None:
    tool = shutil.which("podman") or shutil.which("buildah")
    if tool is None:
        pytest.skip("Neither podman nor buildah is installed: the Containerfile was only checked as text.")
    command = [tool, "build", "--file", "deploy/Containerfile", "--tag", "mqtt-namespace-portal:test", "."]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=540)
    if run.returncode != 0 and subprocess.run([tool, "pull", "--quiet", *BASE_IMAGES], check=False).returncode != 0:
        pytest.skip(f"{tool} cannot pull {', '.join(BASE_IMAGES)}: the Containerfile was only checked as text.")
    assert run.returncode == 0, run.stderr[-4000:]


# The page


def test_devices_do_not_run_beside_azure(tmp_path: Path) -> None:
    command = COMMANDS.get("devices", "").strip().replace(".venv/bin/python", sys.executable)
    environment = {"PATH": os.environ["PATH"], "PORTAL_STATE_DIR": str(tmp_path), "DEVICES_IN_BROWSER": "true"}
    run = subprocess.run(
        command.split(), cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 1
    assert "FAULT_CONTROL_GATEWAY" in run.stderr


def test_the_decision_service_needs_a_key_with_its_certificate(tmp_path: Path) -> None:
    command = COMMANDS.get("decisions", "").strip().replace(".venv/bin/python", sys.executable) + " --certificate x.pem"
    environment = {"PATH": os.environ["PATH"], "PORTAL_STATE_DIR": str(tmp_path)}
    run = subprocess.run(
        command.split(), cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 1
    assert "--key" in run.stderr


def test_every_tested_block_of_the_page_is_run() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
    assert [name for name in COMMANDS if f'("{name}"' not in source] == []


def test_the_page_names_only_files_that_exist() -> None:
    page = (ROOT / "docs/production.md").read_text(encoding="utf-8")
    linked = {target for target in re.findall(r"\]\(([^)#]+)\)", page) if "://" not in target}
    assert [target for target in linked if not (ROOT / "docs" / target).exists()] == []
    named = set(re.findall(r"/opt/mqtt-portal/(deploy/[\w./-]+)", page))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
