"""Programs of others that tests run: mosquitto's clients, and Node with the packages of tests/node.

`python -m tests.support.programs` installs what Debian has, as root. A program that is missing skips its tests and says how to
get it; in CI it fails them, because there a skipped test would be a proof that nobody gives.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NODE_FOLDER = Path(__file__).resolve().parent.parent / "node"
PACKAGES = {"mosquitto_pub": "mosquitto-clients", "mosquitto_sub": "mosquitto-clients"}


def require_program(name: str) -> str:
    """The path of a program; skips the test, or fails it in CI, where it is missing."""
    found = shutil.which(name)
    if found is None:
        _miss(f"{name} is not installed (Debian: {PACKAGES.get(name, name)}).")
    return str(found)


def require_node(*packages: str) -> str:
    """The path of Node, when it and these npm packages are there; else as `require_program`."""
    found = shutil.which("node")
    missing = [package for package in packages if not (NODE_FOLDER / "node_modules" / package).is_dir()]
    if found is None or missing:
        _miss(f"{', '.join(missing) or 'Node'} is not installed: make node (needs Node.js and npm).")
    return str(found)


def _miss(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def ensure() -> list[str]:
    """Install what is missing and Debian has, as root. Returns what is missing after that."""
    packages = sorted({package for name, package in PACKAGES.items() if shutil.which(name) is None})
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "--quiet"], check=False, env=environment)
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
        subprocess.run(install, check=False, env=environment)
    return sorted(name for name in PACKAGES if shutil.which(name) is None)


if __name__ == "__main__":
    absent = ensure()
    print(f"Missing, so their tests are skipped: {', '.join(absent)}" if absent else "mosquitto's clients are there.")
