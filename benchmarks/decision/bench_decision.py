"""The decision service beside a hello of the same server that reads the same body, parses the certificate and checks the same token.

BENCH_FEW clients (default 10,000) and BENCH_MANY (default 100,000), on one process and on two, over kept TLS connections. Both are
measured by turns in short rounds; the median of the ratios counts. Then both by turns at half of their rates, when what was decided
before is recorded: the hello's latency is what this machine does to any program. Decisions are recorded meanwhile, as they always are.
The load runs on the same machine.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.report import Measurement, report

SIZES = (int(os.environ.get("BENCH_FEW", "10000")), int(os.environ.get("BENCH_MANY", "100000")))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
HALF_LOAD_ROUNDS, HALF_LOAD_SECONDS = 3, 4 * SECONDS
CONNECTIONS = 32
PROCESSES = (1, 2)
GOAL, P99_GOAL = 0.5, 20.0  # of the hello's rate; milliseconds at half load
Found = dict[str, float]


def use_database(folder: Path) -> None:
    """Let the models of this process use a migrated database in the folder."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "PORTAL_STATE_DIR": str(folder)}
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def load(server: Any, requests: Path, *, rate: float = 0.0, seconds: float = SECONDS) -> Found:
    """Send requests to a server, and return requests a second, p50, p99 in milliseconds, and the number of wrong answers."""
    command = [sys.executable, "-m", "benchmarks.decision.load", str(server.port), server.ca, str(requests)]
    arguments = [str(CONNECTIONS), str(seconds), str(rate)]
    output = subprocess.run([*command, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout
    found: Found = json.loads(output)
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


@dataclass
class Turns:
    """What was measured with one kind of requests: the service's and the hello's, by turns."""

    requests: Path
    full: list[tuple[Found, Found]] = field(default_factory=list)
    half: list[tuple[Found, Found]] = field(default_factory=list)

    def at_full_load(self, portal: Any, checked: Any) -> None:
        self.full.append((load(portal, self.requests), load(checked, self.requests)))

    def at_half_load(self, portal: Any, checked: Any) -> None:
        halves = [statistics.median(each["rate"] for each in of_one) / 2 for of_one in zip(*self.full, strict=True)]
        ours, peer = (
            load(server, self.requests, rate=rate, seconds=HALF_LOAD_SECONDS)
            for server, rate in zip((portal, checked), halves, strict=True)
        )
        self.half.append((ours, peer))

    def figures(self, what: str) -> Iterator[Measurement]:
        (ours, peer), (half, half_of_peer) = zip(*self.full, strict=True), zip(*self.half, strict=True)
        ratio = statistics.median(each["rate"] / other["rate"] for each, other in self.full)
        rates = _median(ours, "rate"), _median(peer, "rate")
        yield Measurement(
            f"decisions ({what})", rates[0], "/s", GOAL, rates[1], more_is_better=True, median_ratio=ratio
        )
        for name in ("p50", "p99"):
            yield Measurement(f"{name} at full load ({what})", _median(ours, name), " ms", None, _median(peer, name))
        p50s, p99s = ((_median(half, name), _median(half_of_peer, name)) for name in ("p50", "p99"))
        yield Measurement(f"p50 at half load ({what})", p50s[0], " ms", None, p50s[1])
        yield Measurement(f"p99 at half load ({what})", p99s[0], " ms", P99_GOAL, p99s[1], goal_is_absolute=True)
        yield Measurement(f"wrong answers ({what})", sum(each["wrong"] for each in (*ours, *half)), "", 0)


def _median(found: Iterable[Found], name: str) -> float:
    return statistics.median(each[name] for each in found)


def measured(folder: Path, clients: int, processes: int, key: str, bodies: list[Any]) -> Iterator[Measurement]:
    from benchmarks.decision.servers import memory_of_processes, until_recorded
    from benchmarks.decision.stage import RECONNECTING, write_requests
    from tests.certificates.decision_service.deciding import (
        AUDIENCE,
        PRINCIPAL,
        TENANT,
        DecidingPortal,
        claims,
        signed,
    )

    own, database = folder / f"{processes}", folder / "portal.sqlite3"
    began = time.perf_counter()
    portal = DecidingPortal(own, processes=processes, database=database)
    ready = time.perf_counter() - began
    again, first, token = own / "again.json", own / "first.json", signed(claims(portal))
    write_requests(again, key, bodies[:: len(bodies) // RECONNECTING], token)
    write_requests(first, key, bodies, token)
    issuer = f"{portal.authority.url}/{{tenant}}/"
    caller = {"tenant": TENANT, "audience": AUDIENCE, "principals": [PRINCIPAL], "v1_issuer": issuer}
    caller["authority"] = portal.authority.url
    what = f"{clients:,} clients, {processes} process{'es' if processes > 1 else ''}"
    kinds = {"devices that reconnect": Turns(again), "devices never seen": Turns(first)}
    try:
        with hello(portal, "checked", processes, caller) as checked, hello(portal, "bare", processes, caller) as bare:
            for _ in range(ROUNDS):
                for turns in kinds.values():
                    turns.at_full_load(portal, checked)
            nothing = load(bare, again)["rate"]
            for turns in kinds.values():
                until_recorded(database)
                for _ in range(HALF_LOAD_ROUNDS):
                    turns.at_half_load(portal, checked)
        memory = memory_of_processes(portal.process.pid)
    finally:
        portal.stop()
        until_recorded(database)
    for kind, turns in kinds.items():
        yield from turns.figures(f"{kind}, {what}")
    yield Measurement(f"a bare hello ({what})", nothing, "/s", None, more_is_better=True)
    yield Measurement(f"memory of each process that decides ({what})", memory, " MB", None)
    yield Measurement(f"seconds until it is ready ({what})", ready, " s", None)


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
