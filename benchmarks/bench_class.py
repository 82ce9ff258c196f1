"""A class of thirty: made, joined, and at work at once, each trainee in a browser with a device, while the trainer watches the board."""

import re
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from benchmarks.report import Measurement, report
from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from portal.demo.devices import Address, open_connection
from tests.e2e.demo_process import running_demo
from tests.e2e.session import signed_in

SEATS = 30
WORK_SECONDS = 30.0
DEVICE_SECONDS = 60.0  # from the upload until the device is connected
BOARD_EVERY = 2.0
PAGES = (
    "",
    "ca-certificates/",
    "clients/",
    "connections/",
    "test-authentication/",
    "sample-certificates/",
    "activity/",
)


@dataclass
class Results:
    """Seconds of each kind of request, and what went wrong. Threads share one."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def timed(self, kind: str, call: Callable[[], requests.Response]) -> requests.Response:
        began = time.perf_counter()
        answer = call()
        took = time.perf_counter() - began
        with self.lock:
            self.seconds.setdefault(kind, []).append(took)
            if answer.status_code >= 400:
                self.errors.append(f"{kind}: {answer.status_code} {answer.url}")
        return answer

    def fault(self, text: str) -> None:
        with self.lock:
            self.errors.append(text)

    def p95(self, kind: str) -> float:
        return statistics.quantiles(self.seconds[kind], n=20, method="inclusive")[-1]


class Trainee:
    """One trainee: joins, uploads a CA, registers a client, connects a device, and opens pages until the time is over."""

    def __init__(self, number: int, endpoints: dict[str, Any], folder: Path, results: Results) -> None:
        self._number = number
        self._portal = endpoints["portal"].rstrip("/")
        self._endpoints = endpoints
        self._folder = folder
        self._results = results
        self._session = requests.Session()
        repeat_as_browsers_do(self._session)
        self._namespace = ""
        self._chain: SampleChain = make_sample_chain([ClientName("press-1")], at=datetime.now(UTC))

    def work(self, until: float) -> None:
        try:
            self._join()
            self._register()
            with closing(self._connect()):
                while time.monotonic() < until:
                    for page in PAGES:
                        self._get("page", f"{self._namespace}{page}")
                    self._get("bar", "/class/seat/")
        except Exception as fault:  # counted, so that the others go on
            self._results.fault(f"trainee {self._number}: {fault!r}")

    def begin_all(self) -> dict[str, float]:
        """Begin each exercise in turn. Return the seconds until its start state is there, by its slug."""
        listed = self._get("page", self._namespace.replace("/namespaces/", "/lab/in/")).text
        found: dict[str, float] = {}
        for slug in dict.fromkeys(re.findall(r'action="/lab/begin/([\w-]+)/"', listed)):
            began = time.perf_counter()
            self._post("begin", f"/lab/begin/{slug}/", {"namespace": self._namespace.split("/")[2]})
            found[slug] = time.perf_counter() - began
        return found

    def _join(self) -> None:
        made = self._endpoints["class"]
        self._get("join", made["join"])
        answer = self._post("join", made["join"], {"code": made["code"], "first_name": f"Trainee {self._number}"})
        found = re.search(r'href="/lab/in/(\d+)/"', answer.text)
        assert found, "the page after joining leads to no namespace"
        self._namespace = f"/namespaces/{found[1]}/"

    def _register(self) -> None:
        pem = self._chain.intermediate.certificate_pem
        self._post("change", f"{self._namespace}upload-certificate/", {"name": "line-a", "pem": pem})
        form = {
            "name": "press-1",
            "authentication_name": "press-1",
            "validation_scheme": "SubjectMatchesAuthenticationName",
            "state": "Enabled",
        }
        self._post("change", f"{self._namespace}create-client/", form)
        self._post("ask", "/class/ask/", {"question": "Is it connected?"})

    def _connect(self) -> Any:
        """Connect the device as soon as Azure has what it needs."""
        client = self._chain.clients[0]
        pem = self._folder / f"{self._number}.pem"
        pem.write_bytes(client.certificate_pem.encode() + client.key_pem)
        pem.chmod(0o600)
        page = self._get("page", f"{self._namespace}clients/press-1/try-it/").text
        found = re.search(r"-h (?P<host>\S+) -p (?P<port>\d+)", page)
        assert found, "Try it shows no endpoint"
        address = Address(found["host"], int(found["port"]), self._endpoints["mqtt"]["ca"])
        began = time.monotonic()
        while time.monotonic() - began < DEVICE_SECONDS:
            connection = open_connection(pem, "press-1", address)
            if connection is not None:
                return connection
            time.sleep(0.5)
        raise AssertionError("the device did not connect")

    def _get(self, kind: str, path: str) -> requests.Response:
        return self._results.timed(kind, lambda: self._session.get(self._portal + path, timeout=30))

    def _post(self, kind: str, path: str, form: dict[str, str]) -> requests.Response:
        sent = form | {"csrfmiddlewaretoken": self._session.cookies["csrftoken"]}
        return self._results.timed(kind, lambda: self._session.post(self._portal + path, data=sent, timeout=30))


def repeat_as_browsers_do(session: requests.Session) -> None:
    """Repeat a GET whose kept connection the server has just closed, as every browser does. No POST is repeated."""
    session.mount("http://", HTTPAdapter(max_retries=Retry(total=2, connect=2, read=2, backoff_factor=0)))


def watch_board(endpoints: dict[str, Any], results: Results, until: float) -> str:
    """Read the board as the trainer's browser does, and return its last content."""
    board = endpoints["portal"].rstrip("/") + endpoints["class"]["board"]
    last = ""
    with signed_in(endpoints, "admin") as session:
        repeat_as_browsers_do(session)
        headers = {"HX-Request": "true", "HX-Trigger": "class-board"}
        while time.monotonic() < until:
            answer = results.timed("board", lambda: session.get(board, headers=headers, timeout=30))
            last = answer.text or last
            time.sleep(BOARD_EVERY)
    return last


def make_class(endpoints: dict[str, Any]) -> float:
    """Return the seconds that the button of an administrator takes to make a further class."""
    with signed_in(endpoints, "admin") as session:
        form = {"title": "Second class", "seats": str(SEATS), "csrfmiddlewaretoken": session.cookies["csrftoken"]}
        began = time.perf_counter()
        session.post(f"{endpoints['portal']}class/create/", data=form, timeout=60).raise_for_status()
        return time.perf_counter() - began


def reset(endpoints: dict[str, Any], what: str) -> float:
    """Return the seconds that a reset takes: "" of all seats, "seats/1/" of one."""
    with signed_in(endpoints, "admin") as session:
        board = endpoints["portal"].rstrip("/") + endpoints["class"]["board"]
        form = {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
        began = time.perf_counter()
        session.post(f"{board}{what}reset/", data=form, timeout=60, allow_redirects=False).raise_for_status()
        return time.perf_counter() - began


def main() -> int:
    results = Results()
    with tempfile.TemporaryDirectory(prefix="bench-class-") as name:
        folder = Path(name)
        with running_demo(folder / "state", f"--class={SEATS}") as demo:
            demo.wait_ready()
            while "class" not in (endpoints := demo.wait_ready()):
                time.sleep(0.1)
            trainees = [Trainee(number, endpoints, folder, results) for number in range(1, SEATS + 1)]
            until = time.monotonic() + WORK_SECONDS
            with ThreadPoolExecutor(SEATS + 1) as pool:
                board = pool.submit(watch_board, endpoints, results, until + 4)
                list(pool.map(lambda each: each.work(until), trainees))
                shown = re.search(r'data-joined="(\d+)"', board.result())
            resets, made = (reset(endpoints, ""), reset(endpoints, "seats/1/")), make_class(endpoints)
            starts = trainees[0].begin_all()
    for error in results.errors[:10]:
        print(error)
    requests_made = sum(map(len, results.seconds.values()))
    print(f"{requests_made} requests of {SEATS} trainees; the board shows {shown[1] if shown else 'none'} joined")
    return 0 if all(list(map(report, measurements(results, resets, made, starts)))) else 1


def measurements(
    results: Results, resets: tuple[float, float], made: float, starts: dict[str, float]
) -> list[Measurement]:
    slowest = max(starts, key=lambda slug: starts[slug])
    return [
        Measurement("class errors", len(results.errors), "", 0),
        Measurement("class board, slowest", max(results.seconds["board"]), " s", 2),
        Measurement("class board, p95", results.p95("board"), " s", 2),
        Measurement("class pages, p95", results.p95("page"), " s", None),
        Measurement("class changes, p95", results.p95("change"), " s", None),
        Measurement("class joining, p95", results.p95("join"), " s", None),
        Measurement("class reset of all seats", resets[0], " s", 5),
        Measurement("class reset of one seat", resets[1], " s", 1),
        Measurement(
            f"class start states of {len(starts)} exercises, median", statistics.median(starts.values()), " s", None
        ),
        Measurement(f"class start state of {slowest}, the slowest", starts[slowest], " s", None),
        Measurement("class of 30 made", made, " s", 10),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
