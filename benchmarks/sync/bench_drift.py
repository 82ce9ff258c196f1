"""Requests and seconds needed to compare a namespace of 10,000 clients with Azure."""

import sys
import time

from benchmarks.report import Measurement, report
from benchmarks.sync.stage import connect, stage

CLIENTS = 10_000
LATENCY = 0.02


def main() -> int:
    with stage(latency=LATENCY, ARM_BUDGETS="off") as set_stage:
        set_stage.set_up_django()
        from namespaces.importing.runs import run_import
        from namespaces.models import Client, Namespace
        from sync.drift import scan as drift
        from sync.registry import Scope

        namespace = connect(set_stage.emulator.make_namespace("large"), "large")
        _fill(set_stage.emulator, namespace.resource_id)
        Namespace.objects.filter(pk=namespace.pk).update(import_state=Namespace.Import.WAITING)
        run_import(namespace.pk)
        assert Client.objects.count() == CLIENTS
        _change_some(set_stage.emulator, namespace.resource_id)
        began = time.perf_counter()
        run = drift.scan(Scope(namespace.pk, namespace.resource_id, namespace.name))
        seconds = time.perf_counter() - began
        assert not run.error, run.error
        assert run.found == 30, run.found
    good = [
        report(Measurement("drift of 10,000 clients: requests", run.requests, "", 110)),
        report(Measurement("drift of 10,000 clients: time", seconds, " s", 30)),
    ]
    return 0 if all(good) else 1


def _fill(emulator: object, namespace_id: str) -> None:
    """Create 10,000 clients in Azure without the portal, over many connections in parallel."""
    from concurrent.futures import ThreadPoolExecutor

    from sync.arm.gateway import arm_gateway

    def put(number: int) -> None:
        arm_gateway().put(f"{namespace_id}/clients/sensor-{number}", {"properties": _properties(number)})

    with ThreadPoolExecutor(24) as threads:
        list(threads.map(put, range(CLIENTS)))


def _change_some(emulator: object, namespace_id: str) -> None:
    """Change ten clients, delete ten and add ten."""
    from sync.arm.gateway import arm_gateway

    for number in range(10):
        changed = {**_properties(number), "description": "changed behind the portal's back"}
        arm_gateway().put(f"{namespace_id}/clients/sensor-{number}", {"properties": changed})
        arm_gateway().delete(f"{namespace_id}/clients/sensor-{number + 100}")
        arm_gateway().put(f"{namespace_id}/clients/added-{number}", {"properties": _properties(CLIENTS + number)})


def _properties(number: int) -> dict[str, object]:
    return {
        "authenticationName": f"sensor-{number}",
        "clientCertificateAuthentication": {"validationScheme": "SubjectMatchesAuthenticationName"},
        "state": "Enabled",
        "attributes": {"floor": number % 7},
        "description": f"sensor {number}",
    }


if __name__ == "__main__":
    sys.exit(main())
