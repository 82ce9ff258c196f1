"""Run the tests that depend on the date, with the clock ten years ahead: `python -m tests.future [arguments of pytest]`.

They show what depends on today's date without need: a certificate that has expired by then, a year in the code. The
monotonic clock stays true, since timeouts and leases measure with it.

Tests that fail are run again, in one process and with the same clock, and only what fails twice fails the run. A fault of
the date fails each time. A test that passes the second time failed for another reason, such as a busy machine: it is named
at the end. `make test` and `make test-long` run the same tests without a second try, and fail for such reasons too.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

AHEAD = "+3652d"
IN_THE_PACKAGE = "vendor/libfaketime/src/libfaketime.so.1"
# Measured with a profile of their calls: these never read the clock, as pure packages take the time as an argument.
WITHOUT_A_CLOCK = (
    "tests/certificates/authentication",
    "tests/certificates/diagnosis",
    "tests/certificates/samples/test_chain.py",
    "tests/certificates/x509",
    "tests/emulator/mqtt/wire/test_fast_reading.py",
    "tests/namespaces/authorization",
    "tests/namespaces/rules",
    "tests/test_architecture.py",
    "tests/test_policy.py",
)


def library() -> Path | None:
    """Return the path of libfaketime, from its package or the system's."""
    package = find_spec("libfaketime")
    folders = [Path(place) / IN_THE_PACKAGE for place in package.submodule_search_locations or ()] if package else []
    system = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return next((path for path in (*folders, *system) if path.is_file()), None)


def run_twice(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run pytest, then the tests that failed once more. Return the exit code, which is 0 if they pass then."""
    with TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}", *arguments]
        code = subprocess.run(command, env=environment, check=False).returncode
        failed = _failed(cache)
        if code != pytest.ExitCode.TESTS_FAILED or not failed:
            return code
        print(f"\n*** SECOND TRY for what failed ({len(failed)}). A fault of the date fails again.", flush=True)
        again = [*command, "-n", "0", "--last-failed", "--last-failed-no-failures=none"]
        code = subprocess.run(again, env=environment, check=False).returncode
        failed_twice = _failed(cache) if code else set()
    for title, tests in (
        ("PASSED ON THE SECOND TRY, so the date is not the cause", failed - failed_twice),
        ("FAILED TWICE", failed_twice),
    ):
        if tests:
            print("\n".join([f"*** {title}:", *(f"***   {test}" for test in sorted(tests))]), flush=True)
    return code


def _failed(cache: str) -> set[str]:
    """Return the tests that failed, as pytest keeps them for --last-failed."""
    kept = Path(cache, "v", "cache", "lastfailed")
    return set(json.loads(kept.read_text(encoding="utf-8"))) if kept.is_file() else set()


def main() -> int:
    """Run pytest with the clock ahead, and return the exit code."""
    found = library()
    if found is None:
        raise SystemExit("libfaketime is missing. Install it: pip install libfaketime, or apt install faketime.")
    ahead = {
        "LD_PRELOAD": str(found),
        "FAKETIME": AHEAD,
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    ignored = [f"--ignore={path}" for path in WITHOUT_A_CLOCK]
    return run_twice(["-m", "not e2e and not long", *ignored, *sys.argv[1:]], os.environ | ahead)


if __name__ == "__main__":
    sys.exit(main())
