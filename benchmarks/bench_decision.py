"""The decision service beside a hello of the same server that reads the same body, parses the certificate and checks the same token.

BENCH_FEW clients (default 10,000) and BENCH_MANY (default 100,000), on one process and on two, over kept TLS connections. Both are
measured by turns in short rounds; the median of the ratios counts. Then the service's latency at half of its rate, and a hello that
does nothing, for comparison only. Decisions are recorded meanwhile, as they always are. The load runs on the same machine.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.report import Measurement, report

SIZES = (int(os.environ.get("BENCH_FEW", "10000")), int(os.environ.get("BENCH_MANY", "100000")))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
HALF_LOAD_SECONDS = 5 * SECONDS
CONNECTIONS = 32
PROCESSES = (1, 2)
GOAL, P99_GOAL = 0.5, 20.0  # of the hello's rate; milliseconds at half load


def use_database(folder: Path) -> None:
    """Let the models of this process use a migrated database in the folder."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "PORTAL_STATE_DIR": str(folder)}
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def load(server: Any, requests: Path, *, rate: float = 0.0, seconds: float = SECONDS) -> dict[str, float]:
    """Send requests to a server, and return requests a second, p50, p99 in milliseconds, and the number of wrong answers."""
    command = [sys.executable, "-m", "benchmarks.decision.load", str(server.port), server.ca, str(requests)]
    arguments = [str(CONNECTIONS), str(seconds), str(rate)]
    output = subprocess.run([*command, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, float] = json.loads(output)
    return found


@contextmanager
def hello(portal: Any, kind: str, processes: int, caller: dict[str, Any]) -> Iterator[Any]:
    """Run a hello with the service's certificate for the block."""
    from benchmarks.decision.servers import HelloServer

    server = HelloServer(portal, kind, processes, caller)
    try:
        yield server
    finally:
        server.stop()


def measured(folder: Path, clients: int, processes: int, key: str, bodies: list[Any]) -> Iterator[Measurement]:
    from benchmarks.decision.stage import never_seen, write_requests
    from tests.certificates.decision_service.deciding import (
        AUDIENCE,
        PRINCIPAL,
        TENANT,
        DecidingPortal,
        claims,
        signed,
    )

    own = folder / f"{processes}"
    portal = DecidingPortal(own, processes=processes, database=folder / "portal.sqlite3")
    again, first, token = own / "again.json", own / "first.json", signed(claims(portal))
    write_requests(again, key, bodies, token)
    write_requests(first, key, never_seen(bodies), token)
    issuer = f"{portal.authority.url}/{{tenant}}/"
    caller = {"tenant": TENANT, "audience": AUDIENCE, "principals": [PRINCIPAL], "v1_issuer": issuer}
    caller["authority"] = portal.authority.url
    what = f"{clients:,} clients, {processes} process{'es' if processes > 1 else ''}"
    kinds = {"devices that reconnect": again, "devices never seen": first}
    rounds: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {kind: [] for kind in kinds}
    half = {}
    try:
        with hello(portal, "checked", processes, caller) as checked, hello(portal, "bare", processes, caller) as bare:
            for _ in range(ROUNDS):
                for kind, requests in kinds.items():
                    rounds[kind].append((load(portal, requests), load(checked, requests)))
            nothing = load(bare, again)["rate"]
        for kind, requests in kinds.items():
            rate = statistics.median(each["rate"] for each, _ in rounds[kind]) / 2
            half[kind] = load(portal, requests, rate=rate, seconds=HALF_LOAD_SECONDS)
    finally:
        portal.stop()
    for kind in kinds:
        yield from figures(f"{kind}, {what}", rounds[kind], half[kind])
    yield Measurement(f"a bare hello ({what})", nothing, "/s", None, more_is_better=True)


def figures(
    what: str, rounds: list[tuple[dict[str, float], dict[str, float]]], half: dict[str, float]
) -> Iterator[Measurement]:
    ours = statistics.median(each["rate"] for each, _ in rounds)
    peer = statistics.median(each["rate"] for _, each in rounds)
    ratio = statistics.median(each["rate"] / other["rate"] for each, other in rounds)
    yield Measurement(f"decisions ({what})", ours, "/s", GOAL, peer, more_is_better=True, median_ratio=ratio)
    for name in ("p50", "p99"):
        yield Measurement(f"{name} at full load ({what})", statistics.median(e[name] for e, _ in rounds), " ms", None)
    yield Measurement(f"p50 at half load ({what})", half["p50"], " ms", None)
    yield Measurement(f"p99 at half load ({what})", half["p99"], " ms", P99_GOAL)
    yield Measurement(f"wrong answers ({what})", half["wrong"] + sum(each["wrong"] for each, _ in rounds), "", 0)


def every() -> Iterator[Measurement]:
    for clients in SIZES:
        with tempfile.TemporaryDirectory(prefix="bench-decision-") as name:
            folder = Path(name)
            child = [sys.executable, "-m", "benchmarks.decision.prepare", str(folder), str(clients)]
            prepared = json.loads(subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True).stdout)
            for processes in PROCESSES:
                yield from measured(folder, clients, processes, prepared["key"], prepared["bodies"])


if __name__ == "__main__":
    reached = [report(each) for each in every()]
    sys.exit(0 if all(reached) else 1)
