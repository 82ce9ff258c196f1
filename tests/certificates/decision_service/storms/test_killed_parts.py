"""Database, decision process and portal are killed during a storm of CONNECTs: no wrong answer, and all of it recovers."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emulator.authority import Authority
from tests.certificates.decision_service.deciding import AUDIENCE, HOST, DecidingPortal
from tests.certificates.decision_service.storms.storming import ALLOW, DENY, Fleet, Storm, visitors
from tests.support.azure.emulator_keys import put_keys
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.database.migrated_database import ROOT
from tests.support.servers.postgresql_and_redis import PostgreSQL, postgresql_server
from tests.support.waiting import children_of, until

CONNECTS = 2000
CALM = 300  # CONNECTs between two faults
ENOUGH = 20  # connections in a row; each of two processes takes some of them
OUTAGE_SECONDS = 2.0  # for which the service decides without a database

pytestmark = pytest.mark.long


@dataclass
class Stage:
    """Everything that runs, and how long each part took to recover."""

    database: PostgreSQL
    emulator: EmulatorProcess
    service: DecidingPortal
    portal: "Web"
    rows: "RowsProcess"
    recovered: dict[str, float] = field(default_factory=dict)

    def is_everywhere(self, status: int) -> bool:
        """Return whether each process of the service answers with this status."""
        return all(self.service.send("GET", "/ready")[0] == status for _ in range(ENOUGH))

    def processes(self) -> list[int]:
        return children_of(self.service.process.pid)

    def has_recovered(self, what: str, since: float, is_back: Callable[[], bool]) -> None:
        until(is_back, f"{what} has recovered", 180)
        self.recovered[what] = time.monotonic() - since


class Web:
    """The portal's web process."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._log = folder / "web.log"
        self._environment = environment
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it on a free port, or on that of before."""
        with socket.socket() as listener, self._log.open("ab") as log:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, self.port))
            listener.listen()
            self.port = int(listener.getsockname()[1])
            bind = f"--bind=fd://{listener.fileno()}"
            command = [sys.executable, "-m", "gunicorn", "--config=deploy/gunicorn.conf.py", bind, "portal.wsgi"]
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment | {"PORTAL_WEB_PROCESSES": "1"},
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
            )

    def is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """Kill it with its processes, as systemd does with what is left of a killed service."""
        for pid in (self._process.pid, *children_of(self._process.pid)):
            os.kill(pid, signal.SIGKILL)
        self._process.wait(60)


class RowsProcess:
    """The process of `storm_rows`."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.certificates.decision_service.storms.storm_rows", *arguments]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def ask(self, command: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return json.loads(self.answer())

    def stop(self) -> None:
        self._process.communicate(timeout=60)


@contextmanager
def running(folder: Path, fleet: Fleet) -> Iterator[Stage]:
    own = folder / "service"
    own.mkdir()
    put_keys(own)
    ca = Authority(own).ca_path
    emulator = EmulatorProcess(folder / "emulator", "--webhook-hosts", HOST, "--webhook-ca", str(ca))
    namespace_id = emulator.make_namespace("storm")
    emulator.call("PATCH", namespace_id, {"identity": {"type": "SystemAssigned"}})
    principal = emulator.call("GET", namespace_id)["identity"]["principalId"]
    with postgresql_server() as database:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")},
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORTAL_STATE_DIR": str(own),
            "PORTAL_SECRET_KEY": "only-for-tests-" + "x" * 40,
            "DATABASE_URL": database.url,
        }
        about = (namespace_id, emulator.tenant, AUDIENCE, principal, fleet.at.isoformat())
        rows = RowsProcess(environment, *about)
        key = rows.answer()
        portal = Web(folder, environment)
        entra = {"DECISIONS_AUTHORITY": emulator.url, "DECISIONS_AUTHORITY_CA": emulator.ca}
        service = DecidingPortal(
            own,
            outage_seconds=OUTAGE_SECONDS,
            database=own / "none",
            environment={"DATABASE_URL": database.url, **entra},
        )
        try:
            _ask_the_service(emulator, namespace_id, f"https://{HOST}:{service.port}/decide/{key}")
            until(portal.is_up, "the portal answers")
            yield Stage(database, emulator, service, portal, rows)
        finally:
            rows.stop()
            service.stop()
            portal.kill()
            emulator.stop()


def _ask_the_service(emulator: EmulatorProcess, namespace_id: str, url: str) -> None:
    webhook = {
        "identity": {"type": "SystemAssigned"},
        "endpointUrl": url,
        "azureActiveDirectoryApplicationIdOrUri": AUDIENCE,
        "azureActiveDirectoryTenantId": emulator.tenant,
    }
    settings = {"state": "Enabled", "clientAuthentication": {"webhookAuthentication": webhook}}
    body = {"properties": {"topicSpacesConfiguration": settings}}
    emulator.call("PATCH", namespace_id, body, api_version="2025-07-15-preview")


class Director(threading.Thread):
    """Kills one part after the other, and ends the storm."""

    def __init__(self, stage: Stage, storm: Storm) -> None:
        super().__init__(name="director")
        self._stage = stage
        self._storm = storm
        self.stolen: int | None = ALLOW  # what the device is to be answered; None between revocation and recovery
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            self._pass(CALM)
            self._kill_a_process()
            self._pass(CALM)
            self._kill_the_portal()
            self._pass(CALM, "portal killed")
            self._kill_the_database()
            self._pass(CALM)
            until(lambda: self._storm.done >= CONNECTS and "portal" in self._stage.recovered, "the storm is over", 240)
        except BaseException as fault:
            self.fault = fault
        finally:
            self._storm.is_over = True

    def _pass(self, connects: int, phase: str = "calm") -> None:
        self._storm.phase = phase
        end = self._storm.done + connects
        until(lambda: self._storm.done >= end, "more clients have connected", 120)

    def _kill_a_process(self) -> None:
        before = set(self._stage.processes())
        self._storm.phase, began = "process killed", time.monotonic()
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(set(self._stage.processes()) - before) == 1, "another process is started")
        self._stage.has_recovered("process", began, lambda: self._stage.is_everywhere(200))

    def _kill_the_portal(self) -> None:
        began, portal = time.monotonic(), self._stage.portal
        portal.kill()
        assert not portal.is_up()
        portal.start()
        threading.Thread(target=self._stage.has_recovered, args=("portal", began, portal.is_up)).start()

    def _kill_the_database(self) -> None:
        """Kill it right after a revocation. While it is away, the former state counts for a while, and then nothing is decided."""
        self.stolen = None
        assert self._stage.rows.ask("revoke stolen")
        self._storm.phase = "database killed"
        self._stage.database.kill()
        until(lambda: self._stage.is_everywhere(503), "each process has stopped deciding")
        unavailable = ("database killed", "unavailable")
        until(lambda: self._storm.answers[unavailable] > 0, "a client hears that the server is unavailable")
        began = time.monotonic()
        self._stage.database.start()
        self._stage.has_recovered("database", began, lambda: self._stage.is_everywhere(200))
        self._stage.has_recovered("first client allowed", began, lambda: self._storm.last_allowed > began)
        self.stolen = DENY


def test_no_wrong_answer_while_parts_are_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet(datetime.now(UTC).replace(microsecond=0))
    with running(tmp_path, fleet) as stage:
        (endpoint,) = stage.emulator.mqtt_endpoints.values()
        storm = Storm(endpoint["host"], endpoint["port"])
        director = Director(stage, storm)
        good, bad = visitors(fleet, tmp_path, endpoint["ca"], lambda: director.stolen)
        director.start()
        began = time.monotonic()
        asyncio.run(storm.rage(good, bad))
        seconds = time.monotonic() - began
        director.join()
        if director.fault is not None:
            raise director.fault
        until(lambda: stage.rows.ask("log")["rows"] > 0, "attempts are recorded")
        log = stage.rows.ask("log")
    with capsys.disabled():
        times = ", ".join(f"{what} {taken:.2f} s" for what, taken in stage.recovered.items())
        counts = {f"{phase}: {answer}": count for (phase, answer), count in sorted(storm.answers.items())}
        print(f"\n{storm.done} CONNECTs in {seconds:.1f} s. Recovered: {times}. {counts}. Log: {log['rows']} rows")
    assert storm.wrong == []
    assert storm.done >= CONNECTS
    for answer in ("allow", "deny"):
        assert storm.answers["calm", answer] > CALM
    assert storm.answers["database killed", "unavailable"] > 0
    assert log["rows"] == log["requests"]  # none is recorded twice
    assert set(log["allowed"]) <= {*fleet.good, "stolen"}
