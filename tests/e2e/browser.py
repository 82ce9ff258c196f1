"""Find Chromium for the tests, or install it: `python -m tests.e2e.browser` prints its path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> Path | None:
    """Return the path of the browser, or None. The variable `CHROMIUM` overrides the search."""
    candidates = [os.environ.get("CHROMIUM"), *(shutil.which(name) for name in NAMES)]
    with sync_playwright() as playwright:
        candidates.append(playwright.chromium.executable_path)
    return next((Path(path) for path in candidates if path and _starts(path)), None)


def _starts(path: str) -> bool:
    """Return whether the browser runs: a name on the PATH may be a stub that only explains how to install it."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def ensure() -> Path:
    """Find a browser, or install one: Debian's package as root, otherwise Playwright's own."""
    found = find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "--quiet"], check=False, env=environment)
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"]
        subprocess.run(install, check=False, env=environment)
        found = find()
    if found is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
        found = find()
    if found is None:
        sys.exit("No Chromium was found and none could be installed. Install chromium, or set CHROMIUM to one.")
    return found


if __name__ == "__main__":
    print(f"Browser for the tests: {ensure()}")
