"""What the scale benchmark needs: PostgreSQL and Redis from wheels, gunicorn as in production, people and clients."""

import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from benchmarks.sync.stage import ROOT
from tests.support.waiting import until

TICKS = os.sysconf("SC_CLK_TCK")


def postmaster_of(url: str) -> int:
    """Return the process id of the PostgreSQL server behind a DATABASE_URL of `tests.support.servers.postgresql_and_redis`."""
    folder = unquote(url.partition("@")[2].partition("/")[0])
    return int((Path(folder) / "data" / "postmaster.pid").read_text().split()[0])


def processor_seconds(roots: Iterable[int]) -> float:
    """Return the processor time of processes and all their descendants so far, those that have ended included."""
    parents: dict[int, int] = {}
    times: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            values = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.name)
        parents[pid] = int(values[1])
        times[pid] = sum(map(int, values[11:15])) / TICKS
    wanted = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in wanted and pid not in wanted}:
        wanted |= more
    return sum(times.get(pid, 0.0) for pid in wanted)


class Cores:
    """How busy the machine's cores are from its construction on, by whatever process."""

    def __init__(self) -> None:
        self._before = self._read()

    @staticmethod
    def _read() -> list[int]:
        return [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]

    @property
    def busy(self) -> float:
        spent = [now - before for now, before in zip(self._read(), self._before, strict=True)]
        return 1 - (spent[3] + spent[4]) / max(sum(spent), 1)  # idle, and waiting for a disk


class Split:
    """What the processor time went to, from its construction on: groups of processes, and this one as `load`."""

    def __init__(self, roots: Mapping[str, Iterable[int]]) -> None:
        self._roots = {name: tuple(pids) for name, pids in roots.items()}
        self._cores = Cores()
        self._before = self._read()
        self._began = time.perf_counter()

    def _read(self) -> dict[str, float]:
        return {name: processor_seconds(pids) for name, pids in self._roots.items()} | {"load": time.process_time()}

    def stop(self) -> "Spent":
        took = time.perf_counter() - self._began
        seconds = {name: now - self._before[name] for name, now in self._read().items()}
        return Spent(took, seconds, self._cores.busy)


@dataclass(frozen=True)
class Spent:
    """`took`: seconds passed; `seconds`: processor time of each group; `busy`: the cores, by whatever process."""

    took: float
    seconds: dict[str, float]
    busy: float

    @property
    def cores(self) -> str:
        """Return how many cores each group used, as text."""
        used = ", ".join(f"{name} {seconds / self.took:.2f}" for name, seconds in self.seconds.items())
        return f"cores: {used}; {self.busy:.0%} of {os.cpu_count()} busy"


@contextmanager
def gunicorn(application: str, folder: Path, *, processes: int, **environment: str) -> Iterator[tuple[int, int]]:
    """Serve an application as docs/production.md does, and yield port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", application]
    own = {"PORTAL_BIND": f"127.0.0.1:{port}", "PORTAL_WEB_PROCESSES": str(processes)}
    with (folder / "gunicorn.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own, **environment}, stdout=log, stderr=log)
    try:
        until(lambda: _listens(port) or process.poll() is not None, "gunicorn listens")
        assert process.poll() is None, (folder / "gunicorn.log").read_text()
        until(lambda: _is_idle(process.pid), "every process of gunicorn has loaded the application", every=0.2)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _is_idle(pid: int) -> bool:
    """Return whether a process and its children use no processor time for half a second."""
    before = processor_seconds([pid])
    time.sleep(0.5)
    return before > 1 / TICKS and processor_seconds([pid]) - before < 0.02


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


ADMINISTRATORS_EVERY = 10  # of the people, one is an administrator


def make_people(namespace: Any, count: int) -> list[str]:
    """Create users with a role in the namespace and a team, and return the session key of each."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.hashers import make_password
    from django.contrib.sessions.backends.db import SessionStore

    from namespaces.models import NamespaceRole, Role
    from portal.models import Team, User

    keys = []
    team = Team.objects.create(name="Line A")
    password = make_password("a password that no guesser finds")
    for number in range(count):
        user = User(username=f"person-{number}", password=password)
        user.is_superuser = number % ADMINISTRATORS_EVERY == 0
        user.save()
        team.members.add(user)
        NamespaceRole.objects.create(namespace=namespace, user=user, role=Role.CONTRIBUTOR)
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        keys.append(str(session.session_key))
    return keys


def make_clients(namespace: Any, count: int) -> None:
    """Create clients that are in sync, each with an activity entry, as an import years ago left them."""
    from django.utils import timezone

    from namespaces.models import Client
    from portal.evidence.sealing import seal_entries
    from portal.models import Activity

    for first in range(0, count, 1000):
        rows = []
        for number in range(first, min(first + 1000, count)):
            row = Client(namespace=namespace, name=f"sensor-{number:05d}", synced_generation=1)
            row.validation_scheme = "SubjectMatchesAuthenticationName"
            row.attributes = {"type": "press", "line": number % 20}
            row.set_authentication_name(f"sensor-{number:05d}.line.example")
            rows.append(row)
        made = Client.objects.bulk_create(rows)
        common = {
            "scope": namespace.pk,
            "scope_name": namespace.name,
            "kind": "namespaces.client",
            "at": timezone.now(),
        }
        Activity.objects.bulk_create(
            Activity(**common, verb="Create client", object_pk=row.pk, object_name=row.name, after=row.describe())
            for row in made
        )
    seal_entries(math.inf)  # the workers have done so long ago
