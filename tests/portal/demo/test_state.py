"""The folder and the ports of a demo."""

import socket
from pathlib import Path

import pytest

from portal.demo.state import HOST, StateError, StateFolder, free_ports, listen


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "new")
    folder.open()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.close()


def test_a_second_demo_in_the_same_folder_is_told_so(tmp_path: Path) -> None:
    first, second = StateFolder(tmp_path), StateFolder(tmp_path)
    first.open()
    with pytest.raises(StateError, match="already runs"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_opening_removes_what_an_earlier_run_said_of_itself(tmp_path: Path) -> None:
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
    with pytest.raises(StateError, match="was not made by this demo"):
        StateFolder(tmp_path).reset()
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


def test_a_busy_port_gives_the_next_free_one_and_it_is_said() -> None:
    said: list[str] = []
    with listen(0, said.append, "the portal") as busy:
        wanted = busy.getsockname()[1]
        with listen(wanted, said.append, "the portal") as other:
            port = other.getsockname()[1]
            assert port > wanted
            assert said == [f"Port {wanted} is busy: the portal uses {port}."]


def test_neighbouring_ports_step_over_a_busy_one_and_it_is_said() -> None:
    said: list[str] = []
    first = free_ports(0, 3, said.append, "MQTT")
    with socket.socket() as busy:
        busy.bind((HOST, first + 1))
        busy.listen()
        port = free_ports(first, 3, said.append, "MQTT")
    assert port >= first + 2
    assert said == [f"A port next to {first} is busy: MQTT uses {port}."]
