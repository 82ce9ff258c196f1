"""10,000 clients imported from a file, beside `full_clean` + `save` for each row and beside a bare `bulk_create`.

Ours reads the CSV file, judges every row, checks the rules again while it writes, and records each client in the activity log.
"""

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = 10_000
ROUNDS = 3
ROWS_ONE_BY_ONE = 1_000  # they take so long; their rate hardly depends on the number
UNKNOWN = (
    "renewal_began_at",
    "last_seen_at",
    "certificate_expires_at",
    "created_by",
)  # empty in a new client, and required by a full check


def table() -> bytes:
    lines = ["Client name,Authentication name,Validation scheme,Connection state,Description,attr.floor"]
    lines += [f"press-{n:05},press-{n:05},Subject,Enabled,Press {n},{n % 9}" for n in range(ROWS)]
    return "\n".join(lines).encode()


def memory() -> float:
    """Return the most memory that this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def seconds_of(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    os.environ["PORTAL_STATE_DIR"] = tempfile.mkdtemp(prefix="bench-import-")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    Path(os.environ["PORTAL_STATE_DIR"]).mkdir(exist_ok=True)
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    measure()


def measure() -> None:
    from django.conf import settings

    from benchmarks.report import Measurement, report
    from namespaces.actions import client_imports
    from namespaces.client_files.files import read_files
    from namespaces.models import Client, ClientImport
    from namespaces.rights import rights_in
    from portal.models import Activity
    from tests.support.database.factories import make_namespace, owner_of

    settings.MAX_CLIENTS = ROWS
    namespace = make_namespace("bench")
    owner, data = owner_of(namespace), table()
    namespace.rights = rights_in(owner, namespace.pk)

    def new_clients(count: int = ROWS) -> list[Client]:
        rows = []
        for n in range(count):
            row = Client(
                namespace=namespace, name=f"press-{n:05}", description=f"Press {n}", attributes={"floor": str(n % 9)}
            )
            row.set_authentication_name(row.name)
            row.validation_scheme = "SubjectMatchesAuthenticationName"
            rows.append(row)
        return rows

    def one_by_one() -> None:
        for row in new_clients(ROWS_ONE_BY_ONE):
            row.full_clean(exclude=UNKNOWN)
            row.save()

    def bare() -> None:
        Client.objects.bulk_create(new_clients(), batch_size=500)

    def write() -> None:
        client_imports.run_import(ClientImport.objects.latest("pk").pk)

    def review() -> None:
        client_imports.keep_rows(owner, namespace=namespace, team=None, found=read_files([("a.csv", data)]))

    def start() -> None:
        client_imports.start_import(owner, run=ClientImport.objects.latest("pk"), everything=True)

    def empty() -> None:
        Client.objects.all().delete()
        ClientImport.objects.all().delete()

    before = memory()
    review()
    start()
    write()
    grown = memory() - before
    empty()
    took: dict[str, list[float]] = {"one by one": [], "bare": [], "write": [], "review": []}
    for _ in range(ROUNDS):
        for name, call in (("one by one", one_by_one), ("bare", bare)):
            took[name].append(seconds_of(call))
            empty()
        took["review"].append(seconds_of(review))
        start()
        took["write"].append(seconds_of(write))
        assert Client.objects.count() == ROWS
        empty()
    assert Activity.objects.filter(verb="Create client").count() == ROWS * (ROUNDS + 1)
    rate: dict[str, Any] = {name: ROWS / statistics.median(values) for name, values in took.items()}
    rate["one by one"] *= ROWS_ONE_BY_ONE / ROWS
    results = [
        report(Measurement("import beside full_clean and save", rate["write"], " rows/s", 5, rate["one by one"], more_is_better=True)),
        report(Measurement("import beside a bare bulk_create", rate["write"], " rows/s", 0.3, rate["bare"], more_is_better=True)),
        report(Measurement("review of 10,000 rows", statistics.median(took["review"]), " s", None)),
        report(Measurement("memory of review and import", grown, " MB", 200)),
    ]  # fmt: skip
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
