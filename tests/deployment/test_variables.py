"""Page, example and code know the same environment variables; production settings pass Django's own checks."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.options import parse_arguments
from tests.deployment.page import COMMANDS, ROOT, variables

IN_SETTINGS = re.compile(r'\b(text|secret|flag|whole_number|seconds|words)\(\s*"([A-Z_]+)"')
IN_GUNICORN = re.compile(r'os\.environ\.get\("([A-Z_]+)"')
IN_EXAMPLE = re.compile(r"^#?([A-Z_]+)=(.*)$", re.MULTILINE)
OF_LIBRARIES = {"MALLOC_ARENA_MAX"}  # glibc


def read_by_the_code() -> dict[str, bool]:
    """Return the variables that settings and gunicorn's configuration read, and whether each may come from a file."""
    places = ("portal/settings.py", "portal/single_sign_on/configuration.py")
    settings = "".join((ROOT / place).read_text(encoding="utf-8") for place in places)
    gunicorn = (ROOT / "deploy/gunicorn.conf.py").read_text(encoding="utf-8")
    found = {name: reader == "secret" for reader, name in IN_SETTINGS.findall(settings)}
    return found | dict.fromkeys(IN_GUNICORN.findall(gunicorn), False)


def example() -> dict[str, str]:
    return dict(IN_EXAMPLE.findall((ROOT / "deploy/portal.env.example").read_text(encoding="utf-8")))


def test_the_page_explains_every_variable_and_no_other() -> None:
    explained = variables()
    assert set(explained) - OF_LIBRARIES == set(read_by_the_code())


def test_the_page_marks_what_may_come_from_a_file() -> None:
    assert {n for n, is_secret in variables().items() if is_secret} == {n for n, s in read_by_the_code().items() if s}


def test_the_example_has_only_variables_that_are_read() -> None:
    known = read_by_the_code()
    from_files = {f"{name}_FILE" for name, is_secret in known.items() if is_secret}
    assert set(example()) <= set(known) | from_files | OF_LIBRARIES


def test_the_example_of_a_class_has_only_variables_that_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(IN_EXAMPLE.findall((ROOT / "deploy/class.env.example").read_text(encoding="utf-8")))
    of_the_emulator = {name: value for name, value in given.items() if name.startswith("EMULATOR_")}
    assert set(given) - of_the_emulator.keys() <= set(read_by_the_code())
    for name, value in of_the_emulator.items():
        monkeypatch.setenv(name, value or "00000000-0000-0000-0000-000000000001")
    parsed = parse_arguments([])
    known = {f"EMULATOR_{name.upper()}" for name in vars(parsed)}
    assert of_the_emulator.keys() <= known
    assert str(parsed.endpoints_file) == given["MQTT_ENDPOINTS"]
    assert given["AZURE_ARM_CA"] == f"{parsed.state}/emulator-ca.pem"
    assert (parsed.host, given["AZURE_ARM_URL"]) == ("127.0.0.1", f"https://127.0.0.1:{parsed.port}")


def test_the_example_passes_the_deployment_check_of_django(tmp_path: Path) -> None:
    key = tmp_path / "secret-key"
    make_key = COMMANDS["secret-key"].replace("/etc/mqtt-portal", str(tmp_path))
    subprocess.run(["sh", "-e", "-c", make_key], check=True)
    assert key.stat().st_mode & 0o777 == 0o640
    text = (ROOT / "deploy/portal.env.example").read_text(encoding="utf-8")
    text = text.replace("/etc/mqtt-portal", str(tmp_path)).replace("/var/lib/mqtt-portal", str(tmp_path / "state"))
    settings = {name: value for name, value in IN_EXAMPLE.findall(text) if f"\n{name}=" in text}
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "portal.settings", **settings}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
