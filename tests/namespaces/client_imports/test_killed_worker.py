"""A worker that dies in the middle of an import loses no row, and the next one registers none twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.namespaces.client_imports.killed_import import ROWS
from tests.support.database.migrated_database import ROOT, kept_database

pytestmark = pytest.mark.long
STEPS = "tests.namespaces.client_imports.killed_import"


class Portal:
    """A database of its own, and processes that use it."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "portal.sqlite3"
        self.database.write_bytes(kept_database().read_bytes())
        self.environment = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "PORTAL_STATE_DIR": str(folder)}

    def run(self, step: str, ends_with: int = 0) -> str:
        command = [sys.executable, "-m", STEPS, step]
        ended = subprocess.run(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True, timeout=120)
        assert ended.returncode == ends_with
        return ended.stdout


def test_another_worker_ends_the_import_of_a_killed_one(tmp_path: Path) -> None:
    portal = Portal(tmp_path)
    portal.run("prepare")
    portal.run("work", ends_with=-signal.SIGKILL)
    assert portal.run("look").split() == ["running", "500", "500", "500", "500", "1"]
    portal.run("go-on")
    assert portal.run("look").split() == ["done", *[str(ROWS)] * 4, "1"]
