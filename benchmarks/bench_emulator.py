"""The emulator's ARM compared with moto's server: PUT and GET of a small resource, 10,000 clients, a start and a reset.

moto is the usual emulator of another cloud's control plane; the closest operation is S3's PUT and GET of an object of the
same size. Both are called by the same client in the same run, with the same body. The emulator speaks TLS, checks the body
and writes it to disk; moto is asked over plain HTTP, as it usually is, and keeps everything in memory. The client would
keep a connection open; moto's server closes it behind every answer.
"""

import contextlib
import http.client
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.report import Measurement, report
from tests.support.azure.emulator_process import ROOT, EmulatorProcess
from tests.support.waiting import until

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "2000"))
CLIENTS = int(os.environ.get("BENCH_CLIENTS", "10000"))
MOTO = ROOT / ".local/peers/bin/moto_server"
BODY = json.dumps(
    {
        "properties": {
            "description": "a client as the portal writes it",
            "clientCertificateAuthentication": {"validationScheme": "SubjectMatchesAuthenticationName"},
            "state": "Enabled",
            "attributes": {"room": "345", "floor": 12, "deviceTypes": ["Fan", "Light"]},
        }
    }
).encode()
# moto reads the caller's name and does not check the signature.
SIGNED = "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none"
Send = Callable[[str, str, bytes | None], bytes]


def keeps_open(connection: http.client.HTTPConnection, headers: dict[str, str]) -> Send:
    """Return a function that sends requests over one connection, reopened only when the server closes it."""

    def send(method: str, path: str, body: bytes | None) -> bytes:
        for attempt in (1, 2):
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                content = response.read()
                break
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                if attempt == 2:
                    raise
        assert response.status < 300, (method, path, response.status, content)
        return content

    return send


@contextlib.contextmanager
def moto() -> Iterator[int]:
    """Run moto's server for the block, and yield its port."""
    port = free_port()
    command = [str(MOTO), "-H", "127.0.0.1", "-p", str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until(lambda: _answers(port), "moto's server listens")
            yield port
        finally:
            process.terminate()
            process.wait(10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def timed(send: Send, method: str, path: Callable[[int], str], count: int) -> tuple[float, float]:
    """Return requests per second, and the 95th percentile in ms."""
    took = []
    began = time.perf_counter()
    for number in range(count):
        at = time.perf_counter()
        send(method, path(number), BODY if method == "PUT" else None)
        took.append(time.perf_counter() - at)
    return count / (time.perf_counter() - began), statistics.quantiles(took, n=20)[-1] * 1000


def beside_moto(emulator: EmulatorProcess, ours: Send) -> list[Measurement]:
    namespace = emulator.make_namespace("bench-few", mqtt=False)
    found = []
    with moto() as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        theirs = keeps_open(connection, {"Content-Type": "application/json", "Authorization": SIGNED})
        theirs("PUT", "/bench", None)
        for method in ("PUT", "GET"):
            timed(theirs, "PUT", lambda n: f"/bench/warm-{n}", 20)
            peer = timed(theirs, method, lambda n: f"/bench/client-{n}", REQUESTS)
            timed(ours, "PUT", lambda n: client(namespace, f"warm-{n}"), 20)
            mine = timed(ours, method, lambda n: client(namespace, f"client-{n}"), REQUESTS)
            name = method.lower()
            found.append(Measurement(f"arm-{name}-rate", mine[0], "/s", 1.0, peer[0], more_is_better=True))
            found.append(Measurement(f"arm-{name}-p95", mine[1], "ms", 1.0, peer[1]))
    return found


def client(namespace: str, name: str) -> str:
    return f"{namespace}/clients/{name}?api-version=2025-02-15"


def many_clients(emulator: EmulatorProcess, send: Send) -> list[Measurement]:
    namespace = emulator.make_namespace("bench-many", mqtt=False)
    timed(send, "PUT", lambda n: client(namespace, f"client-{n}"), CLIENTS)
    _, p95 = timed(send, "GET", lambda n: client(namespace, f"client-{n * 7919 % CLIENTS}"), REQUESTS)
    began = time.perf_counter()
    listed = 0
    link = f"{namespace}/clients?$top=100&api-version=2025-02-15"
    while link:
        page = json.loads(send("GET", link, None))
        listed += len(page["value"])
        link = page.get("nextLink", "").partition(emulator.url.partition("://")[2])[2]
    took = time.perf_counter() - began
    assert listed == CLIENTS, listed
    return [
        Measurement(f"arm-get-p95-of-{CLIENTS}", p95, "ms", 5.0),
        Measurement(f"arm-list-{CLIENTS}", took, "s", 2.0),
    ]


def reset_time(emulator: EmulatorProcess, send: Send) -> Measurement:
    """Measure a reset of everything that the other measurements created, and of a namespace with an MQTT listener."""
    emulator.make_namespace("bench-listening")
    began = time.perf_counter()
    send("POST", "/emulator/reset", None)
    return Measurement("emulator-reset", time.perf_counter() - began, "s", 1.0)


def start_time(folder: Path) -> Measurement:
    """Measure a start, from the command to the ready file, with an existing state folder."""
    EmulatorProcess(folder).stop()
    began = time.perf_counter()
    emulator = EmulatorProcess(folder)
    took = time.perf_counter() - began
    emulator.stop()
    return Measurement("emulator-ready", took, "s", 1.0)


def main() -> int:
    if not MOTO.exists():
        print("moto is not there to be measured beside: make bench-arm installs it.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        results = [start_time(Path(name) / "start")]
        emulator = EmulatorProcess(Path(name) / "emulator")
        try:
            headers = {"Authorization": f"Bearer {emulator.token()}", "Content-Type": "application/json"}
            tls = ssl.create_default_context(cafile=emulator.ca)
            host = emulator.url.removeprefix("https://")
            send = keeps_open(http.client.HTTPSConnection(host, timeout=30, context=tls), headers)
            results += beside_moto(emulator, send)
            results += many_clients(emulator, send)
            results.append(reset_time(emulator, send))
        finally:
            emulator.stop()
    passed = [report(result) for result in results]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
