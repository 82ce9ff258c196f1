"""Who is working: heartbeats in the database, so that the portal sees its workers and the claims of dead ones go on."""

import contextlib
import logging
import os
import socket
import threading
import uuid
from datetime import datetime, timedelta

from django.db import Error as AnyDatabaseError
from django.db import connections
from django.utils import timezone

from sync.models import WorkerBeat
from sync.push import rechecks
from sync.push.delivery import Claimed

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
SILENT_FOR = timedelta(seconds=60)  # a worker of another machine that says nothing for so long is taken for dead


class Worker:
    """This process, as the other workers and the Sync page know it."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self.pid = os.getpid()
        self.started_at = timezone.now()
        self.in_flight = 0
        self.pushed = 0
        self.has_loose_claims = False  # a fault came between claiming rows and sending them
        self.unsettled: list[Claimed] = []  # pushed, and the database could not be told
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def beat(self) -> None:
        """Say that it is alive."""
        WorkerBeat.objects.update_or_create(
            worker=self.id,
            defaults={
                "name": f"{socket.gethostname()}:{self.pid}",
                "host": this_machine(),
                "pid": self.pid,
                "started_at": self.started_at,
                "seen_at": timezone.now(),
                "in_flight": self.in_flight,
                "pushed": self.pushed,
                "memory_bytes": resident_bytes(),
            },
        )

    def keep_beating(self) -> None:
        """Beat now and from now on, in a thread of its own."""
        self.beat()
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
            self._thread.start()

    def _beat_on(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            try:
                self.beat()
            except AnyDatabaseError:
                logger.warning("No heartbeat could be written.", exc_info=True)
            finally:
                connections.close_all()

    def end(self) -> None:
        """It stops in good order: nothing of it remains."""
        self._stopped.set()
        with contextlib.suppress(AnyDatabaseError):
            WorkerBeat.objects.filter(worker=self.id).delete()


_worker: Worker | None = None
_lock = threading.Lock()


def this_worker() -> Worker:
    """The worker of this process; a forked child is a worker of its own."""
    global _worker
    with _lock:
        if _worker is None or _worker.pid != os.getpid():
            _worker = Worker()
        return _worker


def this_machine() -> str:
    """Where process ids mean the same: the host, and on Linux the container's own process ids."""
    try:
        return f"{socket.gethostname()} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()


def resident_bytes() -> int:
    """Memory of this process that is really there; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def alive(at: datetime) -> list[WorkerBeat]:
    """Workers that have said something lately."""
    return list(WorkerBeat.objects.filter(seen_at__gt=at - 4 * timedelta(seconds=BEAT_SECONDS)))


def bury_the_dead(at: datetime) -> int:
    """Free what dead workers hold. Answers how many rows that were."""
    dead = [beat.worker for beat in WorkerBeat.objects.all() if _is_dead(beat, at)]
    if not dead:
        return 0
    freed = rechecks.free_claims(dead, at)
    WorkerBeat.objects.filter(worker__in=dead).delete()
    logger.warning("%d workers have died; %d rows that they held go on.", len(dead), freed)
    return freed


def _is_dead(beat: WorkerBeat, at: datetime) -> bool:
    if beat.seen_at < at - SILENT_FOR:
        return True
    if beat.host != this_machine() or beat.pid == os.getpid():
        return False
    try:
        os.kill(beat.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(beat.pid)


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
