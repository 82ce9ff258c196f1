"""Environment of the sync benchmarks: an emulator with latency, a separate portal database, and real workers."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Stage:
    folder: Path
    emulator: EmulatorProcess
    environment: dict[str, str]

    def set_up_django(self) -> None:
        """Set up Django in this process with the settings of the portal."""
        os.environ.update(self.environment)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)

    @contextmanager
    def worker(self, name: str = "bench", *, with_clock: bool = True) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a Celery worker as the demo does."""
        clock = ("--beat", f"--schedule={self.folder / name}-schedule") if with_clock else ()
        command = [
            *(sys.executable, "-m", "celery", "--app=portal", "worker", f"--hostname={name}@localhost"),
            *("--pool=threads", "--concurrency=4", "--loglevel=WARNING", "--without-gossip", "--without-mingle"),
            "--without-heartbeat",
            *clock,
        ]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **self.environment}, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def stage(*, latency: float = 0.02, throttle: bool = False, **settings: str) -> Iterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="bench-sync-"))
    slow = ("--fault", f"latency,seconds={latency}") if latency else ()
    limits = ("--throttle",) if throttle else ()
    emulator = EmulatorProcess(folder / "emulator", *slow, *limits, "--client-limit", "100000")
    environment = {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_STATE_DIR": str(folder / "portal"),
        "PORTAL_SECRET_KEY": "only-for-benchmarks-" + "x" * 40,
        **emulator.as_azure(),
        "MALLOC_ARENA_MAX": "2",  # as the demo sets it, and docs/azure.md recommends
        **settings,
    }
    (folder / "portal").mkdir()
    try:
        yield Stage(folder, emulator, environment)
    finally:
        emulator.stop()
        shutil.rmtree(folder, ignore_errors=True)


def connect(resource_id: str, name: str) -> Any:
    """Connect a namespace of the emulator to the portal."""
    from django.utils import timezone

    from namespaces.models import Namespace

    return Namespace.objects.create(
        resource_id=resource_id,
        resource_key=resource_id.lower(),
        name=name,
        connected_at=timezone.now(),
        import_state=Namespace.Import.DONE,
    )


def save_clients(namespace: Any, count: int, *, prefix: str = "sensor", first: int = 0) -> None:
    """Save clients as a bulk import does: each with its activity entry, many per transaction."""
    from django.db import transaction

    from namespaces.models import Client
    from sync.actions import commit_change

    with transaction.atomic():
        for number in range(first, first + count):
            name = f"{prefix}-{number}"
            row = Client(namespace=namespace, name=name, validation_scheme="SubjectMatchesAuthenticationName")
            row.set_authentication_name(name)
            commit_change(
                _actor(),
                row=row,
                verb="Create client",
                before=None,
                after=row.describe(),
                scope_name=namespace.name,
                bulk=True,
            )


def _actor() -> Any:
    from portal.models import User

    return User.objects.get_or_create(username="bench", defaults={"is_superuser": True})[0]


def all_succeeded(namespace: Any) -> bool:
    from namespaces.models import Client

    return not Client.objects.filter(namespace=namespace).unsettled().exists()


def wait_for(namespace: Any, seconds: float) -> None:
    until(lambda: all_succeeded(namespace), "everything has reached Azure", seconds, every=0.1)


__all__ = ["Stage", "all_succeeded", "connect", "save_clients", "stage", "wait_for"]
