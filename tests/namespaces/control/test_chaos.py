"""Nothing is half applied, and nothing is sent without approval, when workers and Azure fail. This run has a fixed seed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.mark.long
@pytest.mark.parametrize(
    "options",
    [[], ["--postgresql-and-redis"], ["--sets=8", "--created=80"]],
    ids=["sqlite and files", "postgresql and redis", "large sets in pieces"],
)
def test_change_sets_end_whole_or_with_their_reason(options: list[str]) -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.namespaces.control.chaos", "--seed=17", *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert run.returncode == 0, (run.stdout + run.stderr)[-4000:]
