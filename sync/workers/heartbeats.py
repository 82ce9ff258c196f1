"""Heartbeats of workers in the database: the portal lists its workers, and frees the rows of those that stopped."""

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
LAST_BEAT_SECONDS = 5.0  # how long a worker that ends waits for a heartbeat that is being saved
LONGEST_SILENCE = timedelta(seconds=60)  # without a heartbeat, a worker on another machine counts as stopped


class Worker:
    """This process, as the other workers and the Sync page know it."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self.pid = os.getpid()
        self.started_at = timezone.now()
        self.in_flight = 0
        self.pushed = 0
        self.has_loose_claims = False  # set while claimed rows may not have been handed to a thread
        self.unsettled: list[Claimed] = []  # pushed, but the outcome could not be saved
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def beat(self) -> None:
        """Save a heartbeat."""
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
        """Save a heartbeat now, and every few seconds from a background thread."""
        self.beat()
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat_regularly, name="heartbeat", daemon=True)
            self._thread.start()

    def _beat_regularly(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            try:
                self.beat()
            except AnyDatabaseError:
                logger.warning("The heartbeat of this worker could not be saved.", exc_info=True)
            finally:
                connections.close_all()

    def stop_beating(self) -> None:
        """End the background thread, and wait for a heartbeat that it is saving."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(LAST_BEAT_SECONDS)

    def end(self) -> None:
        """Delete the heartbeat of a worker that ends regularly. The background thread must not save it again."""
        self.stop_beating()
        with contextlib.suppress(AnyDatabaseError):
            WorkerBeat.objects.filter(worker=self.id).delete()


_worker: Worker | None = None
_lock = threading.Lock()


def this_worker() -> Worker:
    """Return the worker of this process. A forked child is a different worker."""
    global _worker
    with _lock:
        if _worker is None or _worker.pid != os.getpid():
            _worker = Worker()
        return _worker


def this_machine() -> str:
    """Return a name for the host and, on Linux, its PID namespace: inside, a process ID names one process."""
    try:
        return f"{socket.gethostname()} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()


def resident_bytes() -> int:
    """Return the resident memory of this process in bytes, or 0 where the system does not report it."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def alive(at: datetime) -> list[WorkerBeat]:
    """Return the workers with a recent heartbeat, as of `at`."""
    return list(WorkerBeat.objects.filter(seen_at__gt=at - 4 * timedelta(seconds=BEAT_SECONDS)))


def remove_stopped(at: datetime) -> int:
    """Free the rows of workers that stopped without notice, as of `at`. Return the number of rows."""
    stopped = [beat.worker for beat in WorkerBeat.objects.all() if _has_stopped(beat, at)]
    if not stopped:
        return 0
    freed = rechecks.free_claims(stopped, at)
    WorkerBeat.objects.filter(worker__in=stopped).delete()
    logger.warning("%d workers stopped without notice; %d of their rows were freed for others.", len(stopped), freed)
    return freed


def _has_stopped(beat: WorkerBeat, at: datetime) -> bool:
    if beat.seen_at < at - LONGEST_SILENCE:
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
