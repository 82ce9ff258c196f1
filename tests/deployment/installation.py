"""The portal as an operator installs it: the commands of docs/production.md, in folders of a test."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.deployment.page import COMMANDS, ROOT
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.servers.postgresql_and_redis import PostgreSQL, Redis
from tests.support.waiting import until

RESTART_SECONDS = 2.0  # RestartSec of the units
NOT_COPIED = (".git", ".venv", ".local", ".*_cache", ".hypothesis", "node_modules", "tests", "benchmarks")
METRICS_TOKEN = "only-for-tests-" + "m" * 32


class Installation:
    """Folders in place of /opt, /etc and /var/lib, and the environment file with the settings of the test."""

    def __init__(self, folder: Path, port: int) -> None:
        self.code, self._etc, self.state = folder / "opt", folder / "etc", folder / "var"
        self.logs = folder / "logs"
        self.port = port
        self.url = ""
        self._etc.mkdir(mode=0o750)
        self.logs.mkdir()
        shutil.copytree(ROOT, self.code, ignore=shutil.ignore_patterns(*NOT_COPIED))

    def install(self) -> str:
        """Run the block `install`: in earnest with DEPLOYMENT_INSTALL=1, else as a dry run beside the running Python."""
        if os.environ.get("DEPLOYMENT_INSTALL"):
            return self.run("install", with_settings=False)
        shown = self.run("install", with_settings=False, MAKEFLAGS="n")
        (self.code / ".venv").symlink_to(sys.prefix)
        return shown

    def configure(self, database: PostgreSQL, broker: Redis, azure: EmulatorProcess, proxies: str) -> None:
        """Make the secret key, and fill the example of the environment file in."""
        self.run("secret-key", with_settings=False)
        text = self._local((self.code / "deploy/portal.env.example").read_text(encoding="utf-8"))
        secret = self._etc / "azure-client-secret"
        secret.write_text(azure.client_secret, encoding="utf-8")
        target = {name: value for name, value in azure.as_azure().items() if name != "AZURE_CLIENT_SECRET"}
        values = {
            "PORTAL_ALLOWED_HOSTS": "127.0.0.2",
            "PORTAL_TRUSTED_PROXIES": proxies,
            "PORTAL_BIND": f"127.0.0.1:{self.port}",
            "DATABASE_URL": f"postgresql://portal@/postgres?host={database.folder}",
            "CELERY_BROKER_URL": broker.url,
            "AZURE_CLIENT_SECRET_FILE": str(secret),
            "METRICS_TOKEN": METRICS_TOKEN,
            **target,
        }
        text = re.sub(rf"(?m)^#?({'|'.join(values)})=.*\n", "", text)
        text += "".join(f"{name}={value}\n" for name, value in values.items())
        self._environment.write_text(text, encoding="utf-8")

    def run(self, block: str, *, with_settings: bool = True, more: str = "", **environment: str) -> str:
        """Run a block of the page and return what it prints. `more` is added to its last command."""
        command = self.command(block, with_settings=with_settings) + more
        done = subprocess.run(
            ["sh", "-e", "-c", command],
            cwd=self.code,
            env=self._shell() | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def command(self, block: str, *, with_settings: bool = True) -> str:
        text = self._local(COMMANDS[block]).strip()
        return f"set -a; . {self._environment}; set +a; {text}" if with_settings else text

    def start(self, name: str, command: str) -> subprocess.Popen[bytes]:
        """Start a service in the background, as a process of its own."""
        settings, _, service = command.rpartition("; ")
        with (self.logs / f"{name}.log").open("ab") as log:
            started = ["sh", "-c", f"{settings}; exec {service}"]
            options = {"cwd": self.code, "env": self._shell(), "start_new_session": True}
            return subprocess.Popen(started, stdout=log, stderr=log, **options)  # type: ignore[call-overload,no-any-return]

    @property
    def _environment(self) -> Path:
        return self._etc / "portal.env"

    def _local(self, text: str) -> str:
        for there, here in (("/opt/", self.code), ("/etc/", self._etc), ("/var/lib/", self.state)):
            text = text.replace(f"{there}mqtt-portal", str(here))
        return text.replace("https://portal.example.com", self.url)

    @staticmethod
    def _shell() -> dict[str, str]:
        return {"PATH": f"{PostgreSQL.binaries}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    # What monitoring sees

    def readiness(self) -> tuple[int, set[str]]:
        """Return the status of /readyz, and the parts that failed."""
        status, body = self._ask("/readyz")
        parts = json.loads(body) if body.startswith(b"{") else {}
        return status, {name for name, state in parts.items() if name != "status" and state not in ("ok", "unknown")}

    def metrics(self) -> bytes:
        return self._ask("/metrics")[1]

    def _ask(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


class Services:
    """Restarts services that end, as systemd does, unless a test keeps one away."""

    def __init__(self, installation: Installation, commands: dict[str, str]) -> None:
        self._installation = installation
        self._commands = commands
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._away: set[str] = set()
        self.running = {name: installation.start(name, command) for name, command in commands.items()}
        self.restarts = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        ended: dict[str, float] = {}
        while not self._stopped.wait(0.1):
            with self._lock:
                for name, process in self.running.items():
                    if process.poll() is None or name in self._away:
                        ended.pop(name, None)
                    elif time.monotonic() - ended.setdefault(name, time.monotonic()) >= RESTART_SECONDS:
                        self.running[name] = self._installation.start(name, self._commands[name])
                        self.restarts += 1

    def kill(self, *names: str, keep_away: bool = False) -> None:
        """End services without warning (SIGKILL)."""
        with self._lock:
            if keep_away:
                self._away.update(names)
            for name in names:
                _end(self.running[name], signal.SIGKILL)

    def stop(self, *names: str) -> None:
        """Stop services as systemd does (SIGTERM), until `release`."""
        with self._lock:
            self._away.update(names)
            for name in names:
                self.running[name].terminate()
            for name in names:
                self.running[name].wait(timeout=60)

    def release(self, *names: str) -> None:
        """Let services that were kept away start."""
        with self._lock:
            self._away.difference_update(names)

    def kill_a_web_process(self) -> None:
        """End one of gunicorn's processes without warning; gunicorn starts another."""
        master = self.running["web"].pid
        children = Path(f"/proc/{master}/task/{master}/children")
        until(lambda: len(children.read_text().split()) >= 2, "gunicorn has its processes")
        os.kill(int(children.read_text().split()[0]), signal.SIGKILL)

    def end(self) -> None:
        self._stopped.set()
        self._thread.join()
        for process in self.running.values():
            _end(process, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    process.wait(timeout=60)


@contextlib.contextmanager
def services(installation: Installation) -> Iterator[Services]:
    """Run web, two workers and the clock with the commands of the page, until the end of the block."""
    worker = installation.command("worker")
    started = Services(
        installation,
        {
            "web": installation.command("web"),
            "worker-1": worker,
            "worker-2": worker.replace("worker-1", "worker-2"),
            "clock": installation.command("clock"),
        },
    )
    try:
        yield started
    finally:
        started.end()
