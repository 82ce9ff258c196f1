"""A recording process that is killed loses nothing: what it has not confirmed is handed to its successor, and recorded once."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from namespaces.models import ConnectionAttempt
from tests.certificates.decision_service.conftest import make_asking
from tests.certificates.decision_service.deciding import DecidingPortal
from tests.support.waiting import until

ROUNDS, IN_A_ROUND = 3, 20


def recorders_of(pid: int) -> Iterator[int]:
    """Yield the recording processes of a service, found by their parents."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    for child, parent in parents.items():
        if parents.get(parent) == pid:
            yield child


def test_a_killed_recorder_loses_nothing(deciding: DecidingPortal, django_db_blocker: Any) -> None:
    with deciding.database(django_db_blocker):
        asking = make_asking(deciding, "handed-over")
        until(
            lambda: all(asking.ask(userName="first")[0] == 200 for _ in range(30)), "each process knows the namespace"
        )
        names = []
        for number in range(ROUNDS):
            for place in range(IN_A_ROUND):
                names.append(f"c{number}-{place}")
                assert asking.ask(clientId=names[-1])[0] == 200
            until(lambda: any(recorders_of(deciding.process.pid)), "there is a recorder")
            for pid in recorders_of(deciding.process.pid):
                os.kill(pid, signal.SIGKILL)
        rows = ConnectionAttempt.objects.filter(namespace=asking.namespace).exclude(user_name="first")
        until(lambda: rows.count() >= len(names), "each decision is recorded")
        assert sorted(rows.values_list("session_name", flat=True)) == sorted(names)
