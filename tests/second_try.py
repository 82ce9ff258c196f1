"""Run pytest, and what failed once more: `python -m tests.second_try [arguments of pytest]`.

`.ci/run` uses it, so that one test that fails by luck among 22,000 does not throw away a day's work, and `make test-future`, since
a fault of the date fails each time. A test that passes the second time is named at the end, to be mended: something depends on the
speed of the machine or on the order of threads. Many failures have no second try. `make test` and `make test-long` are strict.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

MOST = 5  # tests that failed: more have one cause, and it is not luck


def run_twice(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run pytest, then the tests that failed once more if they are few. Return the exit code, which is 0 if they pass then."""
    with TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}", *arguments]
        code = subprocess.run(command, env=environment, check=False).returncode
        failed = _failed(cache)
        if code != pytest.ExitCode.TESTS_FAILED or not 0 < len(failed) <= MOST:
            return code
        print(f"\n*** SECOND TRY for what failed ({len(failed)}).", flush=True)
        again = [*command, "-n", "0", "--last-failed", "--last-failed-no-failures=none"]
        code = subprocess.run(again, env=environment, check=False).returncode
        failed_twice = _failed(cache) if code else set()
    for title, tests in (
        ("PASSED ON THE SECOND TRY: find out why", failed - failed_twice),
        ("FAILED TWICE", failed_twice),
    ):
        if tests:
            print("\n".join([f"*** {title}:", *(f"***   {test}" for test in sorted(tests))]), flush=True)
    return code


def _failed(cache: str) -> set[str]:
    """Return the tests that failed, as pytest keeps them for --last-failed."""
    kept = Path(cache, "v", "cache", "lastfailed")
    return set(json.loads(kept.read_text(encoding="utf-8"))) if kept.is_file() else set()


if __name__ == "__main__":
    sys.exit(run_twice(sys.argv[1:], os.environ))
