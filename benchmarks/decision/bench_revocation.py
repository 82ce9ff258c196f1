"""How soon a change of a rule counts in each of two decision processes: revoked, released, CA bound to a team, CRL uploaded.

BENCH_CLIENTS clients (default 10,000). Each change is made by the action behind its page, from the commit on both processes are asked
about one device as fast as they answer, and the slower one counts. BENCH_ROUNDS rounds (default 10); the slowest change of all counts.
"""

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.decision.bench_decision import use_database
from benchmarks.report import Measurement, report

CLIENTS = int(os.environ.get("BENCH_CLIENTS", "10000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "10"))
GOAL = 1.0  # seconds
AT_ONCE = 2000
LONGEST = 10.0  # seconds; then it is a fault


def measured(folder: Path) -> dict[str, list[float]]:
    """Return the seconds until each kind of change counted in both processes."""
    from namespaces.models import Client
    from tests.certificates.decision_service.conftest import make_asking
    from tests.certificates.decision_service.deciding import DecidingPortal
    from tests.certificates.decision_service.rule_changes import rule_changes
    from tests.support.waiting import until

    database = folder / "portal.sqlite3"
    asking: Any = make_asking(None, "bench")  # type: ignore[arg-type]
    for first in range(0, CLIENTS, AT_ONCE):
        names = [f"sensor-{number:07d}" for number in range(first, min(first + AT_ONCE, CLIENTS))]
        scheme = "SubjectMatchesAuthenticationName"
        made = [Client(namespace=asking.namespace, name=name, validation_scheme=scheme) for name in names]
        for row in made:
            row.set_authentication_name(row.name)
        Client.objects.bulk_create(made)
    portals = [DecidingPortal(folder / f"{number}", processes=1, database=database) for number in range(2)]
    try:

        def answer(portal: DecidingPortal, step: str) -> bool:
            status, found = portal.ask(asking.key, asking.body())
            return status == 200 and (step in found.get("errorReason", "") if step else found["decision"] == "allow")

        def until_it_counts(portal: DecidingPortal, step: str, since: float) -> float:
            until(lambda: answer(portal, step), f"it counts: {step or 'allowed'}", LONGEST, every=0.005)
            return time.perf_counter() - since

        taken = defaultdict(list)
        for portal in portals:
            until(lambda portal=portal: answer(portal, ""), "the device is allowed")  # type: ignore[misc]
        with ThreadPoolExecutor(len(portals)) as pool:
            for number in range(1, ROUNDS + 1):
                for change in rule_changes(asking.namespace, asking.device, asking.line, number):
                    change.apply()
                    since = time.perf_counter()
                    waits = [pool.submit(until_it_counts, each, change.step, since) for each in portals]
                    taken[change.name].append(max(wait.result() for wait in waits))
        return taken
    finally:
        for portal in portals:
            portal.stop()


def every() -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory(prefix="bench-revocation-") as name:
        use_database(Path(name))
        taken = measured(Path(name))
    for change, seconds in taken.items():
        yield Measurement(f"seconds until it counts in both processes: {change}, slowest", max(seconds), " s", None)
    slowest = max(max(seconds) for seconds in taken.values())
    yield Measurement(f"seconds until any change counts in both processes ({CLIENTS:,} clients)", slowest, " s", GOAL)


if __name__ == "__main__":
    reached = [report(each) for each in every()]
    sys.exit(0 if all(reached) else 1)
