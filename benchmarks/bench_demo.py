"""Waiting times of a user: a warm start, a fresh install, and the time from saving a change until it is in Azure."""

import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import requests

from benchmarks.report import Measurement, report
from tests.e2e.demo_process import ROOT, DemoProcess, running_demo
from tests.e2e.session import signed_in
from tests.support.waiting import until

WARM_STARTS = 5
CLIENTS = 30


def warm_start(state: Path) -> Measurement:
    """Measure the start, from the command until every part responds, with an existing state folder."""
    seconds = []
    for number in range(WARM_STARTS + 1):
        began = time.perf_counter()
        with running_demo(state) as demo:
            demo.wait_ready()
            if number:  # the first start seeds the folder and does not count
                seconds.append(time.perf_counter() - began)
    return Measurement("demo warm start to ready", statistics.median(seconds), " s", 5)


def fresh_install() -> Measurement:
    """Measure `make demo` in a copy without virtual environment and data."""
    with tempfile.TemporaryDirectory(prefix="bench-install-") as name:
        copy = Path(name) / "copy"
        copy_sources(copy)
        began = time.perf_counter()
        environment = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "MAKEFLAGS"}}
        command = ["make", "demo", "DEMO=--port 0 --empty", f"PYTHON={base_python()}"]
        with ended_by_interrupt(command, copy, environment) as process:
            ready = copy / ".local" / "endpoints.json"
            until(lambda: ready.exists() or process.poll() is not None, "the fresh demo is ready", 600)
            assert process.poll() is None, "make demo has ended"
            seconds = time.perf_counter() - began
    return Measurement("demo fresh install to ready", seconds, " s", 60)


def base_python() -> str:
    return str(Path(sys.base_prefix) / "bin" / "python3")


def copy_sources(target: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for file in listed.stdout.decode().splitlines():
        if (ROOT / file).is_file():
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, target / file)


@contextmanager
def ended_by_interrupt(
    command: Sequence[str], folder: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def saved_to_succeeded(demo: DemoProcess) -> Measurement:
    """Measure from the response to a saved form until the row is in Azure. The peer is one bare PUT of the same resource."""
    endpoints = demo.wait_ready()
    with closing(sqlite3.connect(f"file:{demo.state / 'portal.sqlite3'}?mode=ro", uri=True)) as database:
        (pk, resource_id), *_ = database.execute(
            "SELECT id, resource_id FROM namespaces_namespace WHERE name = ?", (endpoints["namespaces"][0],)
        ).fetchall()
        with signed_in(endpoints, "dana") as session:
            ours = [one_client(session, endpoints, database, pk, f"bench-{n}") for n in range(CLIENTS)]
    peer = bare_puts(endpoints, resource_id)
    return Measurement(
        "saved to Succeeded, median",
        statistics.median(ours) * 1000,
        " ms",
        1000,
        peer=statistics.median(peer) * 1000,
        goal_is_absolute=True,
    )


def one_client(
    session: requests.Session, endpoints: dict[str, Any], database: sqlite3.Connection, pk: int, name: str
) -> float:
    form = {
        "name": name,
        "authentication_name": name,
        "validation_scheme": "SubjectMatchesAuthenticationName",
        "state": "Enabled",
        "csrfmiddlewaretoken": session.cookies["csrftoken"],
    }
    url = f"{endpoints['portal']}namespaces/{pk}/create-client/"
    session.post(url, data=form, timeout=10, allow_redirects=False).raise_for_status()
    saved = time.perf_counter()
    question = "SELECT generation = synced_generation FROM namespaces_client WHERE name = ?"
    until(lambda: database.execute(question, (name,)).fetchone() == (1,), f"{name} has succeeded", 30)
    return time.perf_counter() - saved


def bare_puts(endpoints: dict[str, Any], namespace_id: str) -> list[float]:
    azure = endpoints["azure"]
    form = {
        "grant_type": "client_credentials",
        "client_id": azure["client_id"],
        "client_secret": azure["client_secret"],
        "scope": f"{endpoints['arm']}/.default",
    }
    with requests.Session() as session:
        session.trust_env = False  # otherwise REQUESTS_CA_BUNDLE would override `verify`
        session.verify = endpoints["arm_ca"]
        url = f"{endpoints['arm']}/{azure['tenant']}/oauth2/v2.0/token"
        token = session.post(url, data=form, timeout=10).json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        return [
            timed(partial(put_client, session, endpoints["arm"] + namespace_id, f"bare-{n}")) for n in range(CLIENTS)
        ]


def put_client(session: requests.Session, namespace: str, name: str) -> None:
    authentication = {"validationScheme": "SubjectMatchesAuthenticationName"}
    body: dict[str, Any] = {
        "properties": {"authenticationName": name, "clientCertificateAuthentication": authentication}
    }
    session.put(
        f"{namespace}/clients/{name}", params={"api-version": "2025-02-15"}, json=body, timeout=10
    ).raise_for_status()


def timed(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench-demo-") as name:
        state = Path(name) / "state"
        results = [report(warm_start(state))]
        with running_demo(state) as demo:
            results.append(report(saved_to_succeeded(demo)))
    results.append(report(fresh_install()))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
