"""How fast changes reach Azure, how much of its limits is used, and the memory of a worker after many pushes.

The peer, in the same run against the same endpoint, is a script with azure-mgmt-resource: one PUT after another, and 16
threads. `BENCH_SECONDS` shortens the part with limits, `BENCH_PUSHES` the part about memory.
"""

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from benchmarks.report import Measurement, report
from benchmarks.sync.stage import Stage, connect, save_clients, stage, wait_for
from tests.support.waiting import until

CLIENTS = 1000
SEQUENTIAL = 200  # enough to measure the rate of one after another
LIMITED_SECONDS = float(os.environ.get("BENCH_SECONDS", "180"))
MEMORY_PUSHES = int(os.environ.get("BENCH_PUSHES", "50000"))
SETTLED_AFTER = 20.0  # seconds after which no 429 may occur
BUCKET, REFILL = 200.0, 10.0  # of the emulator with --throttle, like ARM's


def peer_put(emulator: Any) -> Callable[[str, int], None]:
    """Return a function that PUTs one client as a script would: the SDK with its defaults, one client object."""
    from azure.mgmt.resource.resources import ResourceManagementClient
    from django.conf import settings

    from sync.arm.credentials import make_credential

    client = ResourceManagementClient(
        make_credential(),
        emulator.subscription,
        base_url=settings.AZURE_ARM_URL,
        credential_scopes=[settings.AZURE_ARM_SCOPE],
        connection_verify=settings.AZURE_ARM_CA,
    )

    def put(namespace_id: str, number: int) -> None:
        properties = {
            "authenticationName": f"sensor-{number}",
            "clientCertificateAuthentication": {"validationScheme": "SubjectMatchesAuthenticationName"},
            "state": "Enabled",
            "attributes": {},
        }
        path = f"{namespace_id}/clients/sensor-{number}".lstrip("/")
        poller: Any = client.resources.begin_create_or_update_by_id(
            path, {"properties": properties}, api_version="2025-02-15"
        )
        poller.result()

    return put


def speed(set_stage: Stage) -> list[Measurement]:
    """Measure 1,000 clients at 20 ms latency in a real worker, from the commit to the last Succeeded."""
    emulator = set_stage.emulator
    put = peer_put(emulator)
    sequential_id, threads_id = emulator.make_namespace("sequential"), emulator.make_namespace("threads")
    put(sequential_id, 0)
    began = time.perf_counter()
    for number in range(1, SEQUENTIAL + 1):
        put(sequential_id, number)
    sequential = SEQUENTIAL / (time.perf_counter() - began)

    namespace = connect(emulator.make_namespace("ours"), "ours")
    with set_stage.worker():
        _wait_for_a_worker()
        save_clients(namespace, 1, prefix="warm")
        wait_for(namespace, 30)
        save_clients(namespace, CLIENTS)
        began = time.perf_counter()
        wait_for(namespace, 120)
        ours = CLIENTS / (time.perf_counter() - began)

    began = time.perf_counter()
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda number: put(threads_id, number), range(CLIENTS)))
    threaded = CLIENTS / (time.perf_counter() - began)
    return [
        Measurement("sync 1000 clients, beside one after the other", ours, "/s", 8, sequential, more_is_better=True),
        Measurement("sync 1000 clients, beside 16 threads", ours, "/s", 0.8, threaded, more_is_better=True),
    ]


def _wait_for_a_worker() -> None:
    from sync.models import WorkerBeat

    until(WorkerBeat.objects.exists, "the worker has a heartbeat", 30)


def limits(set_stage: Stage) -> list[Measurement]:
    """Measure with ARM's limits: the share of them that is used, 429s after the start, and a deletion during a bulk."""
    from namespaces.models import Client
    from sync.actions import mark_deleted
    from sync.models import Budget, PushRecord

    namespace = connect(set_stage.emulator.make_namespace("limited"), "limited")
    permitted = int(BUCKET + REFILL * LIMITED_SECONDS)
    early = arrived_in = 0.0
    with set_stage.worker("first"), set_stage.worker("second"):
        _wait_for_a_worker()
        save_clients(namespace, permitted + 500)
        began = time.perf_counter()
        early_seen = deleted = False
        while (elapsed := time.perf_counter() - began) < LIMITED_SECONDS:
            time.sleep(0.1)
            if not early_seen and elapsed > SETTLED_AFTER:
                early, early_seen = float(_throttled(Budget)), True
            if not deleted and elapsed > LIMITED_SECONDS / 2:
                deleted = True
                row = Client.objects.filter(namespace=namespace, base__isnull=False).earliest("pk")
                actor = _actor()
                mark_deleted(actor, row=row, verb="Delete client", before=row.describe(), scope_name="limited")
                asked = time.perf_counter()
                until(partial(_is_gone, row), "the deletion has arrived", 60)
                arrived_in = time.perf_counter() - asked
        sent = PushRecord.objects.filter(outcome="succeeded").count()
        late = _throttled(Budget) - early
    return [
        Measurement("limits: share of what the bucket permits", sent / permitted, "", 0.95, more_is_better=True),
        Measurement("limits: refusals (429) after the first 20 s", late, "", 0),
        Measurement("limits: a deletion in the middle of a bulk arrives", arrived_in, " s", 5),
    ]


def _throttled(budget: Any) -> int:
    return sum(budget.objects.values_list("throttled", flat=True))


def _is_gone(row: Any) -> bool:
    return not type(row).objects.filter(pk=row.pk).exists()


def _actor() -> Any:
    from portal.models import User

    return User.objects.get_or_create(username="bench", defaults={"is_superuser": True})[0]


def memory(set_stage: Stage) -> Measurement:
    """Measure a worker's memory after 50,000 pushes, compared with that after 1,000."""
    from namespaces.models import Client
    from sync.models import WorkerBeat

    namespace = connect(set_stage.emulator.make_namespace("memory"), "memory")
    rows = Client.objects.filter(namespace=namespace)

    def weight() -> float:
        time.sleep(6)  # until the next heartbeat
        return float(WorkerBeat.objects.latest("seen_at").memory_bytes) / 1e6

    with set_stage.worker("heavy"):
        _wait_for_a_worker()
        save_clients(namespace, CLIENTS)
        wait_for(namespace, 120)
        first = weight()
        for turn in range(1, MEMORY_PUSHES // CLIENTS):
            _edit_all(rows, turn)
            wait_for(namespace, 120)
        last = weight()
    return Measurement(f"worker memory after {MEMORY_PUSHES} pushes", last, " MB", 1.2, first)


def _edit_all(rows: Any, turn: int) -> None:
    from celery import current_app
    from django.db.models import F
    from django.utils import timezone

    from sync.models import Lane

    rows.update(generation=F("generation") + 1, description=f"turn {turn}", due_at=timezone.now(), lane=Lane.BULK)
    current_app.send_task("sync.tasks.pump")


def main() -> int:
    chosen = sys.argv[1:] or ["speed", "limits", "memory"]
    good = True
    # Django can be set up once per process, so each part with its own endpoint runs in one.
    if len(chosen) > 1:
        import subprocess

        for part in chosen:
            good &= (
                subprocess.run([sys.executable, "-m", "benchmarks.sync.bench_sync", part], check=False).returncode == 0
            )
        return 0 if good else 1
    if chosen == ["speed"]:
        with stage(latency=0.02, ARM_BUDGETS="off") as set_stage:
            set_stage.set_up_django()
            found = speed(set_stage)
    elif chosen == ["limits"]:
        with stage(latency=0.02, throttle=True) as set_stage:
            set_stage.set_up_django()
            found = limits(set_stage)
    else:
        with stage(latency=0.0, ARM_BUDGETS="off") as set_stage:
            set_stage.set_up_django()
            found = [memory(set_stage)]
    for measurement in found:
        good &= report(measurement)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
