"""The blast radius of a CA certificate in a large namespace: counted, and on the page, at the 95th percentile.

BENCH_FEW clients (default 10,000) and BENCH_MANY (default 100,000) with every validation scheme, of 50 teams, below 10 CA
certificates, half of which have name constraints. Parts: `sqlite` and `postgresql`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.bench_lists import browser_of_administrator, database
from benchmarks.blast.stage import CAS, TEAMS, make_plant
from benchmarks.lists.stage import analyze
from benchmarks.report import Measurement, report

SIZES = (
    (int(os.environ.get("BENCH_FEW", "10000")), 100),
    (int(os.environ.get("BENCH_MANY", "100000")), 300),
)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "20"))  # of each CA certificate


def percentile(took: list[float], share: float) -> float:
    return sorted(took)[min(len(took) - 1, round(share * len(took)))]


def timed(asked: Callable[[], object]) -> float:
    began = time.perf_counter()
    asked()
    return (time.perf_counter() - began) * 1000


def measured(vendor: str) -> Iterator[Measurement]:
    """Yield the time of a count for each size, of every CA certificate by turns; and of the check of a file before its upload."""
    from django.conf import settings
    from django.urls import reverse

    settings.MAX_CA_CERTIFICATES = 2 * CAS  # one more fits
    browser = browser_of_administrator()
    for clients, goal in SIZES:
        namespace, rows, fresh = make_plant(clients)
        analyze()
        what = f"{clients:,} clients, {len(rows)} CAs, {TEAMS} teams, {vendor}"
        took: dict[str, list[float]] = {"without name constraints": [], "with name constraints": []}
        for _ in range(ROUNDS):
            for row in rows:
                took[row.description].append(timed(partial(_count, row, namespace, clients)))
        for kind, times in took.items():
            yield Measurement(f"blast radius p95, {kind} ({what})", percentile(times, 0.95), " ms", goal)
        every = [each for times in took.values() for each in times]
        yield Measurement(f"blast radius p95 ({what})", percentile(every, 0.95), " ms", goal)
        url = reverse("certificates:ca_certificate_check_file", args=[namespace.pk])
        for kind, pem in fresh.items():
            times = [timed(_checked(browser, url, pem)) for _ in range(ROUNDS)]
            name = f"blast radius p95, whole check of a file, {kind} ({what})"
            yield Measurement(name, percentile(times, 0.95), " ms", None)


def _count(row: Any, namespace: Any, clients: int) -> None:
    from certificates.reach.counting import reach_of

    reach = reach_of(row.certificate, namespace)
    assert reach.clients + reach.out_of_reach == clients, (reach.clients, reach.out_of_reach, clients)
    assert len(reach.team_pks) == TEAMS


def _checked(browser: Any, url: str, pem: str) -> Callable[[], object]:
    def ask() -> object:
        answer = browser.post(url, {"pem": pem}, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        assert b"data-reach=" in answer.content
        return answer

    return ask


def main() -> int:
    chosen = sys.argv[1:] or ["sqlite", "postgresql"]
    if len(chosen) > 1:  # Django is set up once in a process
        command = [sys.executable, "-m", "benchmarks.bench_blast"]
        return max(subprocess.run([*command, part], check=False).returncode for part in chosen)
    with database(chosen[0]):
        passed = [report(measurement) for measurement in measured(chosen[0])]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
