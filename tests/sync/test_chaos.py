"""Whatever dies on the way, it ends well. A fixed seed here; `make chaos` runs longer with seeds of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sync.chaos import WRONG

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("servers", [[], ["--postgresql-and-redis"]], ids=["sqlite and files", "postgresql and redis"])
def test_three_workers_and_a_bad_network_lose_and_double_nothing(servers: list[str]) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.sync.chaos", "--rows=500", "--seed=5", *servers]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, (run.stdout + run.stderr)[-4000:]
    report = json.loads(run.stdout)
    assert report["acknowledged"] > 900
    assert report["workers killed"] >= 1
    assert not any(report[wrong] for wrong in WRONG)
