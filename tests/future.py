"""The tests that need no browser and no foreign server, ten years ahead: `python -m tests.future [pytest's arguments]`.

What a test hides of today's date shows here: a certificate that has ended by then, a year written down. The monotonic
clock stays true, since timeouts and leases measure with it.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

AHEAD = "+3652d"
IN_THE_PACKAGE = "vendor/libfaketime/src/libfaketime.so.1"
NEEDS_A_FOREIGN_SERVER = ("tests/sync/test_on_postgresql.py",)


def library() -> Path | None:
    """libfaketime, from its package or the system's."""
    package = find_spec("libfaketime")
    folders = [Path(place) / IN_THE_PACKAGE for place in package.submodule_search_locations or ()] if package else []
    system = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return next((path for path in (*folders, *system) if path.is_file()), None)


def main() -> None:
    found = library()
    if found is None:
        raise SystemExit("libfaketime is missing. Install it: pip install libfaketime, or apt install faketime.")
    ahead = {
        "LD_PRELOAD": str(found),
        "FAKETIME": AHEAD,
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    left_out = [f"--ignore={path}" for path in NEEDS_A_FOREIGN_SERVER]
    arguments = [sys.executable, "-m", "pytest", "-m", "not e2e", *left_out, *sys.argv[1:]]
    os.execve(sys.executable, arguments, os.environ | ahead)


if __name__ == "__main__":
    main()
