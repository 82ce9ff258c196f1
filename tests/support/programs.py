"""External programs that tests run: mosquitto and its clients, GnuTLS's client, OpenSSL, strace, nginx, systemd, Node with the
packages of tests/node, and the preview of azure-mgmt-eventgrid.

`python -m tests.support.programs` installs the Debian packages when run as root. When a program is missing, its tests are
skipped with a hint how to install it; in CI they fail instead.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NODE_FOLDER = Path(__file__).resolve().parent.parent / "node"
AZURE_PREVIEW = NODE_FOLDER.parent.parent / ".local/azure-preview"
PACKAGES = {
    "mosquitto_pub": "mosquitto-clients",
    "mosquitto_sub": "mosquitto-clients",
    "gnutls-cli": "gnutls-bin",
    "openssl": "openssl",
    "strace": "strace",
}
# Installing these starts services, so that is left to people, except on a CI machine.
BY_HAND = {"mosquitto": "mosquitto", "nginx": "nginx-light", "systemd-analyze": "systemd"}


def require_program(name: str) -> str:
    """Return the path of a program. If it is missing, skip the test, or fail it in CI."""
    found = _which(name)
    if found is None:
        _miss(f"{name} is not installed (Debian: {(PACKAGES | BY_HAND).get(name, name)}).")
    return str(found)


def _which(name: str) -> str | None:
    """Return the path of a program; Debian keeps those of services outside the path of ordinary users."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def require_node(*packages: str) -> str:
    """Return the path of Node. If it or one of these npm packages is missing, act as `require_program`."""
    found = shutil.which("node")
    missing = [package for package in packages if not (NODE_FOLDER / "node_modules" / package).is_dir()]
    if found is None or missing:
        _miss(f"{', '.join(missing) or 'Node'} is not installed: make node (needs Node.js and npm).")
    return str(found)


def require_azure_preview() -> str:
    """Return the folder of azure-mgmt-eventgrid's preview. If it is not installed, act as `require_program`."""
    if not (AZURE_PREVIEW / ".installed").is_file():
        _miss("The preview of azure-mgmt-eventgrid is not installed: make azure-preview.")
    return str(AZURE_PREVIEW)


def _miss(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def ensure() -> list[str]:
    """Install missing Debian packages when run as root. Return the programs that are still missing."""
    wanted = PACKAGES | BY_HAND if os.environ.get("CI") else PACKAGES
    packages = sorted({package for name, package in wanted.items() if _which(name) is None})
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "--quiet"], check=False, env=environment)
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
        subprocess.run(install, check=False, env=environment)
    return sorted(name for name in wanted if _which(name) is None)


if __name__ == "__main__":
    absent = ensure()
    print(
        f"Missing, so their tests are skipped: {', '.join(absent)}"
        if absent
        else "All programs that can be installed here are installed."
    )
