"""Steps of an import in a process of its own, which a test can kill: `python -m tests.namespaces.client_imports.killed_import STEP`."""

import os
import signal
import sys

import django

django.setup()

from datetime import timedelta  # noqa: E402
from typing import Any  # noqa: E402

from django.db import connection  # noqa: E402
from django.db.models import Count  # noqa: E402
from django.utils import timezone  # noqa: E402

from namespaces.access import get_namespace  # noqa: E402
from namespaces.actions import client_imports as actions  # noqa: E402
from namespaces.client_files.found_rows import FoundRow  # noqa: E402
from namespaces.models import Client, ClientImport, ImportRow  # noqa: E402
from namespaces.tasks import tidy_client_imports  # noqa: E402
from portal.models import Activity, User  # noqa: E402
from tests.support.database.factories import make_namespace, owner_of  # noqa: E402

ROWS = 1200  # three batches


def prepare() -> None:
    """Keep the rows of an import, and start it."""
    ada: User = owner_of(make_namespace("factory"))
    namespace = get_namespace(ada, 1)
    found = [FoundRow("clients.csv", n, values={"name": f"press-{n}"}) for n in range(1, ROWS + 1)]
    run = actions.keep_rows(ada, namespace=namespace, team=None, found=found)
    actions.start_import(ada, run=run, everything=True)


def work() -> None:
    """Be the worker that has the import, and die in the middle of its second batch."""
    batches = 0

    def die(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal batches
        answer = execute(sql, params, many, context)
        batches += sql.startswith(f'UPDATE "{ImportRow._meta.db_table}"')
        if batches == 2:  # its clients are written, and not committed
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    with connection.execute_wrapper(die):
        actions.run_import(ClientImport.objects.get().pk)


def go_on() -> None:
    """Be a worker two minutes later."""
    ClientImport.objects.update(touched_at=timezone.now() - actions.DEAD_AFTER - timedelta(seconds=1))
    tidy_client_imports()


def look() -> None:
    """Print what came of it."""
    run = ClientImport.objects.get()
    of_clients = Activity.objects.filter(kind="namespaces.client", object_pk__in=Client.objects.values("pk"))
    entries = of_clients.values("object_pk").annotate(n=Count("pk"))
    print(run.state, run.done, run.imported, Client.objects.count(), len(entries), max(e["n"] for e in entries))


if __name__ == "__main__":
    {"prepare": prepare, "work": work, "go-on": go_on, "look": look}[sys.argv[1]]()
