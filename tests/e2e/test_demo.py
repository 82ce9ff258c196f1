"""`manage.py demo`: one command starts everything, and nothing is left behind."""

import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import stat
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from portal.demo.state import StateFolder
from tests.e2e.demo_process import DemoProcess, running_demo
from tests.support.servers.postgresql_and_redis import redis
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


def test_endpoints_are_published_when_everything_answers(demo: DemoProcess) -> None:
    said = demo.wait_ready()
    assert stat.S_IMODE((demo.state / "endpoints.json").stat().st_mode) == 0o600
    parts = {"portal", "arm", "arm_ca", "azure_profile", "mqtt", "mqtt_by_namespace", "azure", "namespaces", "users"}
    assert set(said) == parts | {"decisions", "decisions_ca"}
    trusted = ssl.create_default_context(cafile=said["decisions_ca"])
    with urllib.request.urlopen(f"{said['decisions']}/ready", timeout=60, context=trusted) as answer:
        assert json.load(answer)["ready"] is True
    assert set(said["azure"]) == {"tenant", "subscription", "resource_group", "client_id", "client_secret"}
    assert said["namespaces"] == ["contoso-plant", "contoso-lab"]
    assert said["mqtt"] == said["mqtt_by_namespace"]["contoso-plant"]
    assert {user["username"]: user["role"] for user in said["users"]} == {
        "admin": "admin",
        "dana": "contributor",
        "lee": "contributor",
        "rita": "reader",
    }
    with urllib.request.urlopen(said["portal"], timeout=60) as page:
        assert page.status == 200
    context = ssl.create_default_context(cafile=said["arm_ca"])
    with urllib.request.urlopen(f"{said['arm']}/healthz", timeout=60, context=context) as answer:
        assert answer.status == 200
    for endpoint in said["mqtt_by_namespace"].values():
        trust = ssl.create_default_context(cafile=endpoint["ca"])
        with socket.create_connection((endpoint["host"], endpoint["port"]), timeout=60) as connection:
            trust.wrap_socket(connection, server_hostname=endpoint["host"]).close()
    until(lambda: "Ctrl-C" in demo.output, "the sign-ins are printed")
    assert said["portal"] in demo.output
    assert all(user["password"] in demo.output for user in said["users"])


@pytest.mark.long
def test_a_new_demo_is_filled_once(tmp_path: Path) -> None:
    """Three teams, 40 clients, refusals for several reasons, a CA certificate that expires in 19 days, one difference."""
    state = tmp_path / "state"
    with running_demo(state, filled=True) as demo:
        demo.wait_ready()
        assert "incomplete" not in demo.output, (state / "logs" / "fill.log").read_text()
        assert numbers_in(state) == FILLED
        assert not (state / "to-fill").exists()
        until(lambda: connected_in(state) >= 25, "devices stay connected")
    with running_demo(state, filled=True) as demo:
        demo.wait_ready()
        assert numbers_in(state) == FILLED


FILLED = {
    "SELECT count(*) FROM portal_team": 3,
    "SELECT count(*) FROM namespaces_client WHERE generation = synced_generation": 40,
    "SELECT count(*) FROM certificates_cacertificate WHERE generation = synced_generation": 4,
    "SELECT count(*) FROM certificates_carollover WHERE cancelled_at IS NULL": 1,
    "SELECT count(*) FROM namespaces_issueralarm WHERE state = 'open'": 1,
    "SELECT count(DISTINCT hour) >= 24 FROM namespaces_connectioncount WHERE code = ''": 1,
    "SELECT count(DISTINCT code) FROM namespaces_connectionattempt WHERE NOT accepted": 5,
    "SELECT count(*) FROM namespaces_client WHERE last_seen_at IS NOT NULL": 35,
    "SELECT count(*) FROM sync_finding WHERE name = 'robot-04' AND is_loud AND state = 'open'": 1,
}


def connected_in(state: Path) -> int:
    question = "SELECT coalesce(max(clients_connected), 0) FROM namespaces_namespace"
    with closing(sqlite3.connect(f"file:{state / 'portal.sqlite3'}?mode=ro", uri=True)) as database:
        return int(database.execute(question).fetchone()[0])


def numbers_in(state: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{state / 'portal.sqlite3'}?mode=ro", uri=True)) as database:
        return {question: database.execute(question).fetchone()[0] for question in FILLED}


@pytest.mark.long
def test_an_existing_broker_is_used_with_a_queue_of_its_own(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with redis() as server, running_demo(state, f"--broker={server.url}") as demo:
        demo.wait_ready()  # so the worker has received a message
        with Redis(unix_socket_path=str(server.socket)) as broker:
            queues = {name.removeprefix(b"_kombu.binding.").decode() for name in broker.keys("_kombu.binding.*")}
    assert queues == {StateFolder(state).queue}
    assert not (state / "broker").exists()


@pytest.mark.long
def test_every_part_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with running_demo(tmp_path / "state") as demo:
        before = demo.wait_ready()
        pids = {part: demo.pid_of(part) for part in ("emulator", "worker", "portal")}
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        until(lambda: not demo.is_ready, "the endpoints are withdrawn")
        assert demo.wait_ready() == before
        assert all(demo.pid_of(part) != pid for part, pid in pids.items())
        assert any({"worker", "SIGKILL"} <= set(re.findall(r"\w+", line)) for line in demo.output.splitlines())


@pytest.mark.long
def test_the_third_death_of_a_part_ends_everything_with_the_reason(tmp_path: Path) -> None:
    with running_demo(tmp_path / "state") as demo:
        demo.wait_ready()
        killed: list[int] = []
        for _ in range(3):
            until(lambda: demo.pid_of("portal") not in killed, "the portal runs again")
            killed.append(demo.pid_of("portal"))
            os.kill(killed[-1], signal.SIGKILL)
        assert demo.wait_end() == 1
        last = [line for line in demo.output.splitlines() if "SIGKILL" in line][-1]
        assert "portal" in last
        assert "third" in last
        assert "Traceback" not in demo.output
        assert demo.left_over() == []


@pytest.mark.long
def test_ctrl_c_leaves_no_process_and_keeps_the_data_until_reset(tmp_path: Path) -> None:
    state = tmp_path / "state"
    passwords = []
    for options in ((), (), ("--reset",)):
        with running_demo(state, *options) as demo:
            passwords.append([user["password"] for user in demo.wait_ready()["users"]])
            demo.process.send_signal(signal.SIGINT)
            assert demo.wait_end() == 0
            assert demo.left_over() == []
            assert not demo.is_ready
    assert passwords[0] == passwords[1]
    assert set(passwords[2]).isdisjoint(passwords[0])


@pytest.mark.long
def test_ctrl_c_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    with running_demo(tmp_path / "state") as demo:
        until(lambda: (demo.state / "parts.json").exists(), "the first part runs")
        demo.process.send_signal(signal.SIGINT)
        assert demo.wait_end() == 0
        assert demo.left_over() == []


@pytest.mark.long
def test_no_process_is_left_when_the_demo_itself_is_killed(tmp_path: Path) -> None:
    with running_demo(tmp_path / "state") as demo:
        demo.wait_ready()
        assert len(demo.left_over()) >= 4
        demo.process.kill()
        demo.process.wait()
        until(lambda: demo.left_over() == [], "every process ends")


@pytest.mark.long
def test_a_busy_port_is_skipped_and_a_second_demo_refused(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        demo = DemoProcess(tmp_path / "state", f"--port={port}")
        try:
            said = demo.wait_ready()
            (busy_line,) = [line for line in demo.output.splitlines() if re.search(rf"\b{port}\b", line)]
            assert "portal" in busy_line
            assert not said["portal"].endswith(f":{port}/")
            second = DemoProcess(tmp_path / "state", "--port=0")
            assert second.wait_end() == 1
            assert demo.is_ready
            assert json.loads((demo.state / "parts.json").read_text())["demo"] == demo.process.pid
        finally:
            demo.stop()


def test_reset_refuses_a_folder_of_something_else(tmp_path: Path) -> None:
    state = tmp_path / "home"
    state.mkdir()
    (state / "thesis.txt").write_text("years of work")
    demo = DemoProcess(state, "--port=0", "--reset")
    assert demo.wait_end() == 1
    assert str(state) in demo.output
    assert (state / "thesis.txt").exists()
