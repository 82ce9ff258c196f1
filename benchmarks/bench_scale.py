"""What more processes bring, on PostgreSQL and Redis: one and two workers, one and two web processes, 50 people at once.

Beside them 20 programs guess passwords as fast as they are answered; the people must hardly notice.
All processes share this machine, this one too, so each line shows how many cores each of them used: where all cores are
busy, a second process cannot bring more. `BENCH_ROWS`, `BENCH_CLIENTS` and `BENCH_SECONDS` make it smaller.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.report import Measurement, report
from benchmarks.scale.password_guessers import GUESSERS, Guesses, guessing
from benchmarks.scale.stage import (
    ADMINISTRATORS_EVERY,
    Spent,
    Split,
    gunicorn,
    make_clients,
    make_people,
    postmaster_of,
)
from benchmarks.scale.web_load import Person, Results, bare_loop, closed_loop, open_loop
from benchmarks.sync.stage import Stage, connect, save_clients, stage, wait_for
from tests.support.servers.postgresql_and_redis import postgresql, redis
from tests.support.waiting import until

ROWS = int(os.environ.get("BENCH_ROWS", "2000"))
CLIENTS = int(os.environ.get("BENCH_CLIENTS", "10000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
PEOPLE = 50
RATE = 15.0  # requests a second, however long they take
AT_ONCE = 8  # people who open one page after the other
CLOSED_SECONDS = 8.0
ROUNDS = 3  # with and without guessers
ALL_BUSY = 0.9  # share of the cores' time: no more can be had from this machine


def workers(set_stage: Stage, database: str) -> list[Measurement]:
    """Rows a second that one worker and two workers bring to the emulator, whose answers take 20 ms."""
    one, two = _pushed(set_stage, database, 1), _pushed(set_stage, database, 2)
    goal = None if two.busy >= ALL_BUSY else 1.5
    own = one.seconds["workers"] / ROWS * 1000
    return [
        Measurement(f"scale processor time of a row in 1 worker ({one.cores})", own, " ms", None),
        Measurement(
            f"scale 2 workers beside 1 ({two.cores})", ROWS / two.took, "/s", goal, ROWS / one.took, more_is_better=True
        ),
    ]


def _pushed(set_stage: Stage, database: str, count: int) -> Spent:
    """Push rows with this number of workers, and return what that took."""
    from sync.models import WorkerBeat

    namespace = connect(set_stage.emulator.make_namespace(f"workers-{count}"), f"workers-{count}")
    WorkerBeat.objects.all().delete()
    with ExitStack() as running:
        started = [
            running.enter_context(set_stage.worker(f"w{count}-{number}", with_clock=number == 0))
            for number in range(count)
        ]
        until(lambda: WorkerBeat.objects.count() >= count, "the workers are there", 60)
        save_clients(namespace, count, prefix="warm")
        wait_for(namespace, 60)
        roots = {
            "workers": [process.pid for process in started],
            "postgresql": [postmaster_of(database)],
            "emulator": [set_stage.emulator.pid],
        }
        save_clients(namespace, ROWS)
        split = Split(roots)
        wait_for(namespace, 300)
        return split.stop()


def web(folder: Path, database: str) -> list[Measurement]:
    """Requests a second of a mixed walk with one and two processes, and the times of 50 people."""
    namespace = connect("/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/plant", "plant")
    make_clients(namespace, CLIENTS)
    sessions = make_people(namespace, PEOPLE)
    _analyze()
    found = []
    for processes in (1, 2):
        with gunicorn("benchmarks.scale.bare_django", folder, processes=processes) as (port, _):
            bare = bare_loop(port, AT_ONCE, CLOSED_SECONDS / 2)
        with gunicorn("portal.wsgi", folder, processes=processes) as (port, pid):
            people = [
                Person(
                    *(port, key, 1000 * processes + at, namespace.pk),
                    is_administrator=at % ADMINISTRATORS_EVERY == 0,
                )
                for at, key in enumerate(sessions)
            ]
            closed_loop(people[:AT_ONCE], 2.0)
            roots = {"portal": [pid], "postgresql": [postmaster_of(database)]}
            split = Split(roots)
            rate = closed_loop(people[:AT_ONCE], CLOSED_SECONDS)
            name = f"scale {processes} web process{'es' * (processes - 1)}, mixed walk beside a bare view"
            name += f" ({split.stop().cores})"
            found.append(Measurement(name, rate, "/s", None, bare, more_is_better=True))
            if processes == 2:
                split = Split(roots)
                results = open_loop(people, SECONDS, RATE)
                found += _times(results, split.stop())
                found += beside_guessers(people, port, roots)
    return found


def beside_guessers(people: list[Person], port: int, roots: dict[str, list[int]]) -> list[Measurement]:
    """Return the times of 50 people with and without guessers of passwords beside them, by turns in short rounds."""
    alone, beside, guesses = Results(), Results(), Guesses()
    cores = ""
    for _ in range(ROUNDS):
        alone.add(open_loop(people, SECONDS / ROUNDS, RATE))
        split = Split(roots)
        with guessing(port, SECONDS / ROUNDS) as more:
            beside.add(open_loop(people, SECONDS / ROUNDS, RATE))
        cores = split.stop().cores
        guesses.answers += more.answers
        guesses.seconds += more.seconds
    if alone.errors or beside.errors:
        print("Errors:", *alone.errors[:5], *beside.errors[:10], sep="\n  ", file=sys.stderr)
    name = f"{GUESSERS} guessers of passwords beside {PEOPLE} people ({guesses}; {cores})"
    errors = len(alone.errors) + len(beside.errors) + guesses.errors
    return [
        Measurement(f"scale errors, {GUESSERS} guessers", errors, "", 0),
        Measurement(f"scale p95 of all pages, {name}", beside.p95() * 1000, " ms", 1.5, alone.p95() * 1000),
    ]


def _times(results: Results, spent: Spent) -> list[Measurement]:
    """Return the times of each page, and of all beside the processor time that they took of the portal and PostgreSQL."""
    every = f"{PEOPLE} people, {RATE:g} requests a second ({spent.cores}, load {os.getloadavg()[0]:.1f})"
    used = spent.seconds["portal"] + spent.seconds["postgresql"]
    pages = [
        Measurement(f"scale p95 of {page} ({len(took)} requests)", results.p95(page) * 1000, " ms", None)
        for page, took in sorted(results.seconds.items())
    ]
    if results.errors:
        print("Errors:", *results.errors[:10], sep="\n  ", file=sys.stderr)
    return [
        *pages,
        Measurement("scale processor time of a page", used / max(results.count, 1) * 1000, " ms", None),
        Measurement(f"scale errors, {every}", len(results.errors), "", 0),
        Measurement(f"scale p95 of all pages, {every}", results.p95() * 1000, " ms", 500),
    ]


def _analyze() -> None:
    """Renew the planner's statistics, as autovacuum has done where rows are older than a minute."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _part(name: str) -> list[Measurement]:
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as folder, postgresql() as database, redis() as broker:
        servers: dict[str, Any] = {"DATABASE_URL": database, "CELERY_BROKER_URL": broker.url, "MAX_CLIENTS": "20000"}
        servers["PORTAL_TRUSTED_PROXIES"] = "127.0.0.1"  # for the addresses of people and guessers
        with stage(latency=0.02, ARM_BUDGETS="off", **servers) as set_stage:
            set_stage.set_up_django()
            return workers(set_stage, database) if name == "workers" else web(Path(folder), database)


def main() -> int:
    chosen = sys.argv[1:] or ["workers", "web"]
    if len(chosen) > 1:  # Django is set up once in a process
        command = [sys.executable, "-m", "benchmarks.bench_scale"]
        return max(subprocess.run([*command, part], check=False).returncode for part in chosen)
    print(f"Load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    passed = [report(measurement) for measurement in _part(chosen[0])]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
