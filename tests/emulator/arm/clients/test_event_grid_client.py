"""azure-mgmt-eventgrid: every operation of the groups for MQTT, synchronous and asynchronous, stable and preview."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.emulator.event_grid_walk import Settings, walk_everything
from tests.support.azure.emulator_process import LOCATION, ROOT, EmulatorProcess
from tests.support.programs import require_azure_preview


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_every_operation_of_the_stable_version_works(emulator: EmulatorProcess, kind: str) -> None:
    emulator.call("PUT", emulator.group_id, {"location": LOCATION})
    asyncio.run(walk_everything(emulator, kind))


def test_every_operation_of_the_preview_version_works(emulator: EmulatorProcess) -> None:
    """Two versions of a package cannot be in one process: the preview is in a folder of its own, found first there."""
    folder = require_azure_preview()
    emulator.call("PUT", emulator.group_id, {"location": LOCATION})
    settings = Settings(emulator.url, emulator.ca, emulator.subscription, emulator.token())
    done = subprocess.run(
        [sys.executable, "-m", "tests.emulator.event_grid_walk", json.dumps(asdict(settings))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pinned = Path(ROOT, "requirements/azure-preview.txt").read_text().partition("==")[2].split()[0]
    assert done.stdout.strip() == pinned
