"""Run the portal as production does: gunicorn with deploy/gunicorn.conf.py, on a socket of the test."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
HOST = "portal.example"


@dataclass
class ProductionServer:
    """`exchange` sends bytes as they are, and returns all bytes of the response."""

    port: int
    log_file: Path

    def exchange(self, data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            client.sendall(data)
            answer = b""
            while piece := client.recv(65_536):
                answer += piece
        return answer

    def request(self, method: str, path: str, *headers: str, host: str = HOST) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers with lower-case names, and body."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
        head, _, body = self.exchange("\r\n".join(lines).encode()).partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in rest)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, body

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")


@contextmanager
def production_server(folder: Path, **environment: str) -> Iterator[ProductionServer]:
    """Run one process with an empty database that has no tables, so that pages with data fail with status 500."""
    log_file = folder / "log"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = int(listener.getsockname()[1])
        options = ["--config=deploy/gunicorn.conf.py", "--workers=1", "--threads=2", "--graceful-timeout=1"]
        variables = {
            "PATH": os.environ["PATH"],
            "PORTAL_PRODUCTION": "true",
            "PORTAL_STATE_DIR": str(folder / "state"),
            "PORTAL_SECRET_KEY": "only-for-tests-" + "x" * 40,
            "PORTAL_ALLOWED_HOSTS": HOST,
            "PORTAL_BIND": f"fd://{listener.fileno()}",
            "PORTAL_LOG_FORMAT": "json",
            **environment,
        }
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *options, "portal.wsgi"],
                cwd=ROOT,
                env=variables,
                pass_fds=[listener.fileno()],
                stderr=log,
            )
    server = ProductionServer(port, log_file)
    try:
        until(lambda: server.request("GET", "/healthz")[0] == 200, "gunicorn answers")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
