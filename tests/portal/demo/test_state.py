"""The folder and the ports of a demo."""

import re
import socket
from pathlib import Path

import pytest

from portal.demo.state import HOST, StateError, StateFolder, free_ports, listen


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "new")
    folder.open()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.close()


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    first, second = StateFolder(tmp_path), StateFolder(tmp_path)
    first.open()
    with pytest.raises(StateError) as refusal:
        second.open()
    assert refusal.value.code == "in-use"
    first.close()
    second.open()
    second.close()


def test_opening_removes_the_published_facts_of_an_earlier_run(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.endpoints.write_text("{}")
    folder.open()
    assert not folder.endpoints.exists()
    folder.close()


def test_reset_empties_a_folder_that_a_demo_made(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.open()
    (tmp_path / "portal.sqlite3").write_text("data")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker.log").write_text("log")
    folder.close()
    folder.reset()
    assert [entry.name for entry in tmp_path.iterdir()] == [".mqtt-namespace-portal"]


def test_reset_leaves_any_other_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StateError) as refusal:
        StateFolder(tmp_path).reset()
    assert refusal.value.code == "not-of-a-demo"
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_reset_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "thesis.txt").write_text("years of work")
    folder = StateFolder(tmp_path / "state")
    folder.open()
    (folder.path / "link").symlink_to(outside)
    folder.close()
    folder.reset()
    assert (outside / "thesis.txt").exists()


def test_reset_of_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    StateFolder(tmp_path / "nothing").reset()


def test_the_secret_key_outlives_a_restart_and_differs_between_folders(tmp_path: Path) -> None:
    first, second = StateFolder(tmp_path / "a"), StateFolder(tmp_path / "b")
    for folder in (first, second):
        folder.open()
        folder.close()
    assert first.secret_key() == StateFolder(tmp_path / "a").secret_key()
    assert first.secret_key() != second.secret_key()
    assert (tmp_path / "a" / "secret-key").stat().st_mode & 0o777 == 0o600


def test_a_busy_port_is_reported_and_replaced_by_the_next_free_one() -> None:
    reports: list[str] = []
    with listen(0, reports.append, "the portal") as busy:
        wanted = busy.getsockname()[1]
        with listen(wanted, reports.append, "the portal") as other:
            port = other.getsockname()[1]
            assert port > wanted
            (report,) = reports
            assert re.findall(r"\d+|portal", report) == [str(wanted), "portal", str(port)]


def test_neighbouring_ports_skip_a_busy_one_and_report_it() -> None:
    reports: list[str] = []
    first = free_ports(0, 3, reports.append, "MQTT")
    with socket.socket() as busy:
        busy.bind((HOST, first + 1))
        busy.listen()
        port = free_ports(first, 3, reports.append, "MQTT")
    assert port >= first + 2
    (report,) = reports
    assert re.findall(r"\d+|MQTT", report) == [str(first), "MQTT", str(port)]
