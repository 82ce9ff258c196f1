"""A test that hangs ends its run and is named; many tests that together take as long do not."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CONFTEST = """
from tests.support.hanging import HangingTests

def pytest_configure(config):
    config.pluginmanager.register(HangingTests(longest=1, beat=0.1))
"""

TESTS = """
import time
import pytest

@pytest.mark.parametrize("number", range(3))
def test_of_half_a_second(number):
    time.sleep(0.5)

def test_that_hangs():
    time.sleep(60)
"""


def test_the_run_ends_where_a_test_hangs(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_here.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n", encoding="utf-8")
    options = ("-v", "-pno:django", "-pno:randomly", "-pno:cacheprovider", f"--rootdir={tmp_path}", "test_here.py")
    command = [sys.executable, "-m", "pytest", *options]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert run.stdout.count("PASSED") == 3
    assert "Timeout" in run.stderr
    assert "in test_that_hangs" in run.stderr
