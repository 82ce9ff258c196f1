"""Nothing is lost when workers, broker and Azure fail. This run has a fixed seed; `make chaos` runs longer with random ones."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.servers import own_broker
from tests.sync.chaos import WRONG, overlapping

ROOT = Path(__file__).resolve().parent.parent.parent
REAL = ["--postgresql-and-redis", "--outage=15"]
SERVERS = {
    "sqlite and files": [],
    **{f"postgresql and redis, {pool}": [*REAL, f"--pool={pool}"] for pool in ("threads", "prefork", "solo")},
}
if own_broker.URL:
    SERVERS["sqlite and a broker of one's own"] = ["--broker", own_broker.URL]


@pytest.mark.long
@pytest.mark.parametrize("servers", SERVERS.values(), ids=SERVERS)
def test_three_workers_on_a_bad_network_lose_and_double_nothing(servers: list[str]) -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.sync.chaos", "--rows=500", "--seed=5", *servers]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, (run.stdout + run.stderr)[-4000:]
    report = json.loads(run.stdout)
    assert report["acknowledged"] > 900
    assert report["workers killed"] >= 3
    assert report["restarts of broker or Azure"] >= 2  # each at least once
    assert not any(report[wrong] for wrong in WRONG)


def test_two_pushes_of_one_row_at_once_would_be_noticed() -> None:
    at = [datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC) for second in range(9)]
    one_after_the_other = [("client", 1, at[0], at[2]), ("client", 1, at[3], at[4]), ("client", 2, at[1], at[8])]
    assert overlapping(one_after_the_other) == []
    assert overlapping([*one_after_the_other, ("client", 1, at[1], at[6])]) == ["client 1"]
