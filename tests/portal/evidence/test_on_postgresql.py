"""Repeat the tests of this folder on a real PostgreSQL server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers.postgresql_and_redis import postgresql


@pytest.mark.long
def test_the_same_tests_hold_on_postgresql() -> None:
    here = Path(__file__).parent
    with postgresql() as url:
        run = subprocess.run(
            [
                sys.executable,
                *["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m"],
                "not long",
                str(here),
            ],
            cwd=here.parents[2],
            env={**os.environ, "DATABASE_URL": url},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert run.returncode == 0, run.stdout[-4000:]
