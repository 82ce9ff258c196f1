"""Chaos test: three workers, random changes, a bad network, killed workers, restarts of broker and Azure.

`python -m tests.sync.chaos --rows 500 --seed 1 [--postgresql-and-redis]` prints a report as JSON. It exits with 0
if all rows were settled in time, Azure equals the portal, no row is stuck or lost, none was pushed by two workers at once,
and each acknowledged change is in the activity log with its outcome.
"""

import argparse
import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.servers import own_broker
from tests.support.servers.postgresql_and_redis import Redis, postgresql, redis
from tests.support.waiting import until
from tests.sync.chaos_changes import Changes

ROOT = Path(__file__).resolve().parent.parent.parent
WORKERS = 3
OPERATIONS_PER_ROW = 2.2
KILL_EVERY, RESTART_EVERY = (
    (100, 200),
    (200, 300),
)  # changes, not seconds, so that slow machines have the same number of faults


class FaultyEmulator(EmulatorProcess):
    module = "tests.sync.faulty_emulator"


class Processes:
    """Workers and clock, each with a log file."""

    def __init__(self, folder: Path, environment: dict[str, str], pool: str) -> None:
        self._folder = folder
        self._environment = environment
        self._pool = (f"--pool={pool}", "--concurrency=3")
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self.killed = 0
        schedule = folder / "beat-schedule"
        self._beat = self._start("beat", "beat", f"--schedule={schedule}")

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "--app=portal", *arguments, "--loglevel=INFO"]
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def start_worker(self, number: int) -> None:
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        self._workers[number] = self._start(
            f"worker-{number}", "worker", f"--hostname=w{number}@localhost", *self._pool, *quiet
        )

    def kill_one(self, draw: random.Random) -> None:
        number = draw.choice(sorted(self._workers))
        _kill(self._workers[number])
        self.killed += 1
        self.start_worker(number)

    def ended(self) -> list[str]:
        """Return the workers, or the clock, that ended without being killed."""
        named = {"clock": self._beat, **{f"worker {number}": process for number, process in self._workers.items()}}
        return [
            f"{name}: exit status {process.poll()}" for name, process in named.items() if process.poll() is not None
        ]

    def stop(self) -> None:
        for process in (self._beat, *self._workers.values()):
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with its children, as systemd does with what a killed service leaves."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Outage:
    """Kill Redis and start it again some seconds later, while changes and pushes go on."""

    def __init__(self, server: Redis, seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        self._return = threading.Thread()

    def begin(self) -> None:
        self.end()
        self._server.kill()
        self._return = threading.Thread(target=self._come_back)
        self._return.start()

    def _come_back(self) -> None:
        time.sleep(self._seconds)
        self._server.start()

    def end(self) -> None:
        """Wait until Redis is back."""
        if self._return.ident is not None:
            self._return.join()


@contextlib.contextmanager
def servers(folder: Path, *, real: bool, outage: float) -> Iterator[tuple[dict[str, str], Callable[[], None]]]:
    """Yield the environment variables for database and broker, and a function that restarts the broker."""
    if not real:
        messages = folder / "portal" / "broker" / "messages"

        def lose_messages() -> None:
            for message in messages.glob("*.msg"):
                message.unlink(missing_ok=True)

        yield {"CELERY_BROKER_URL": "filesystem://"}, lose_messages
        return
    with postgresql() as url, redis() as server:
        away = Outage(server, outage)
        try:
            yield {"DATABASE_URL": url, "CELERY_BROKER_URL": server.url}, away.begin
        finally:
            away.end()


def _run_command(command: str) -> None:
    subprocess.run(shlex.split(command), check=True, capture_output=True)


def environment_for(folder: Path, emulator: EmulatorProcess) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_STATE_DIR": str(folder / "portal"),
        "PORTAL_SECRET_KEY": "only-for-chaos-" + "x" * 40,
        **emulator.as_azure(),
        # Shorter than the slowest responses, as happens in practice.
        "ARM_CONNECT_TIMEOUT": "1",
        "ARM_READ_TIMEOUT": "1",
        "ARM_OPERATION_TIMEOUT": "1",
        "ARM_LATE_SECONDS": "4",
        "SYNC_IN_FLIGHT": "8",
    }


def run(
    *,
    rows: int,
    seed: int,
    real_servers: bool,
    patience: float,
    pool: str = "threads",
    outage: float = 0.3,
    broker: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """Run the test once, and return the report.

    Args:
        rows: number of clients.
        seed: of the random changes and faults.
        real_servers: whether to use PostgreSQL and Redis.
        patience: seconds to converge after the last change.
        pool: the workers' pool, "threads", "prefork" or "solo".
        outage: seconds that Redis is away each time.
        broker: URL of an existing broker, and the command that restarts it.
    """
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    (folder / "portal").mkdir()
    faults = folder / "faults"
    os.environ.update(FAULTS_WHILE=str(faults), FAULTS_SEED=str(seed))
    emulator = FaultyEmulator(folder / "emulator")
    try:
        with servers(folder, real=real_servers, outage=outage) as (servers_environment, restart_broker):
            if broker is not None:
                url, command = broker
                servers_environment |= {"CELERY_BROKER_URL": url, "CELERY_TASK_DEFAULT_QUEUE": folder.name}
                restart_broker = partial(_run_command, command)
            environment = {**os.environ, **environment_for(folder, emulator), **servers_environment}
            os.environ.update(environment)
            return _run(
                faults,
                emulator,
                partial(Processes, folder, environment, pool),
                restart_broker,
                rows=rows,
                seed=seed,
                patience=patience + outage,
            )
    finally:
        emulator.kill()
        if broker is not None:
            own_broker.delete_queue(folder.name, broker[0])
        if os.environ.get("CHAOS_KEEP"):
            print(folder, file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _run(
    faults: Path,
    emulator: EmulatorProcess,
    start_processes: Callable[[], Processes],
    restart_broker: Callable[[], None],
    *,
    rows: int,
    seed: int,
    patience: float,
) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command

    from portal.models import User
    from tests.support.database.factories import make_namespace

    call_command("migrate", verbosity=0)
    actor = User.objects.create(username="chaos")
    namespace = make_namespace("chaos", resource_id=emulator.make_namespace("chaos"), owner=actor)
    draw = random.Random(seed)
    changes = Changes(namespace, actor, draw, rows)
    processes = start_processes()
    began = changed = time.monotonic()
    restarts = 0
    never_quiet = []
    ended: list[str] = []
    try:
        for number in range(WORKERS):
            processes.start_worker(number)
        faults.touch()
        restarts = _change_and_destroy(changes, processes, emulator, restart_broker, draw)
        changed = time.monotonic()
        faults.unlink()
        until(_is_quiet, "every row has reached Azure and no doubt is left", patience)
    except AssertionError as fault:
        never_quiet.append(str(fault))
    finally:
        ended = processes.ended()
        processes.stop()
    return verdict(changes, emulator) | {
        "never became quiet": never_quiet,
        "ended without being killed": ended,
        "changed for": round(changed - began, 1),
        "converged after": round(time.monotonic() - began, 1),
        "workers killed": processes.killed,
        "restarts of broker or Azure": restarts,
    }


def _change_and_destroy(
    changes: Changes,
    processes: Processes,
    emulator: EmulatorProcess,
    restart_broker: Callable[[], None],
    draw: random.Random,
) -> int:
    restarts = 0
    kill_at, restart_at = draw.randint(*KILL_EVERY), draw.randint(*RESTART_EVERY)
    for number in range(int(changes.rows * OPERATIONS_PER_ROW)):
        changes.change_something()
        if number >= kill_at:
            processes.kill_one(draw)
            kill_at = number + draw.randint(*KILL_EVERY)
        if number >= restart_at:
            if restarts % 2:
                emulator.kill()
                emulator.restart()
            else:
                restart_broker()
            restarts += 1
            restart_at = number + draw.randint(*RESTART_EVERY)
    return restarts


def _models() -> list[Any]:
    """Return the models that can be created and deleted."""
    from sync import registry

    return [model for model in registry.models() if not model.is_patched]


def _is_quiet() -> bool:
    time.sleep(0.2)  # leave the database to the workers
    waiting = (model._default_manager.unsettled().filter(parked_code="") for model in _models())
    doubtful = (model._default_manager.filter(recheck_at__isnull=False) for model in _models())
    return not any(rows.exists() for rows in (*waiting, *doubtful))


def verdict(changes: Changes, emulator: EmulatorProcess) -> dict[str, Any]:
    """Return what is wrong, by name; all lists are empty in a good run."""
    from portal.models import Activity
    from sync.models import PushRecord

    found: dict[str, dict[str, Any]] = {}
    rows: dict[str, Any] = {}
    for model in _models():
        found |= _in_azure(emulator, changes.namespace.resource_id, model)
        for row in model._default_manager.select_related("namespace"):
            rows[f"{model.arm_type}/{row.name.lower()}"] = row
    logged = {
        (kind, pk, generation): outcome
        for kind, pk, generation, outcome in Activity.objects.values_list("kind", "object_pk", "generation", "outcome")
    }
    records = PushRecord.objects.exclude(outcome="not claimed")
    pushes = records.values_list("kind", "object_pk", "claimed_at", "settled_at")
    return {
        "rows": len(rows),
        "acknowledged": len(changes.acknowledged),
        "lost": sorted(set(rows) - set(found)),
        "left over": sorted(set(found) - set(rows)),
        "different": sorted(name for name in set(rows) & set(found) if not rows[name].matches(found[name])),
        "pushed twice at once": overlapping(pushes),
        "stuck": sorted(name for name, row in rows.items() if not row.is_settled and not row.parked_code),
        "parked": sorted(
            f"{name}: {row.parked_code} {row.parked_message}" for name, row in rows.items() if row.parked_code
        ),
        "not in the activity": [each for each in changes.acknowledged if each not in logged],
        "without an end": [each for each in changes.acknowledged if logged.get(each) == "pending"],
    }


def _in_azure(emulator: EmulatorProcess, namespace_id: str, model: Any) -> dict[str, dict[str, Any]]:
    found = {}
    path = f"{namespace_id}/{model.arm_type}?$top=100"
    while path:
        page = emulator.call("GET", path, api_version=None if "api-version" in path else "2025-02-15")
        for resource in page["value"]:
            if not model.is_built_in(resource):
                found[f"{model.arm_type}/{resource['name'].lower()}"] = resource
        path = page.get("nextLink", "").removeprefix(emulator.url)
    return found


def overlapping(pushes: Iterable[tuple[str, int, datetime, datetime]]) -> list[str]:
    """Return rows with a push that began before another was settled. Each push: kind, primary key, begin and end."""
    found = set()
    ends: dict[tuple[str, int], datetime] = {}
    for kind, pk, began, ended in sorted(pushes, key=lambda push: push[2]):
        before = ends.get((kind, pk))
        if before is not None and began < before:
            found.add(f"{kind} {pk}")
        ends[(kind, pk)] = max(ended, before or ended)
    return sorted(found)


WRONG = (
    *("lost", "left over", "different", "pushed twice at once", "stuck", "parked"),
    *("not in the activity", "without an end", "never became quiet", "ended without being killed"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--postgresql-and-redis", action="store_true")
    parser.add_argument("--pool", choices=["threads", "prefork", "solo"], default="threads", help="the workers' pool")
    parser.add_argument("--outage", type=float, default=0.3, help="seconds that Redis is away each time")
    parser.add_argument("--broker", help="a broker of your own, such as amqp://guest:guest@localhost//")
    parser.add_argument("--restart-broker", default="true", help="the command that restarts it")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to converge after the last change")
    options = parser.parse_args()
    report = run(
        rows=options.rows,
        seed=options.seed,
        real_servers=options.postgresql_and_redis,
        broker=(options.broker, options.restart_broker) if options.broker else None,
        patience=options.patience,
        pool=options.pool,
        outage=options.outage,
    )
    print(json.dumps({"seed": options.seed, **report}, indent=2))
    return 1 if any(report[wrong] for wrong in WRONG) else 0


if __name__ == "__main__":
    sys.exit(main())
