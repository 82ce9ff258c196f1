"""The embedded broker: messages appear whole, in order, and only to their owner."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.conf import settings
from kombu import Connection

from portal.celery import app
from portal.filesystem_transport import Transport
from tests.support.servers import own_broker


@pytest.fixture
def connection(tmp_path: Path) -> Any:
    options = {
        "data_folder_in": str(tmp_path / "messages"),
        "data_folder_out": str(tmp_path / "messages"),
        "processed_folder": str(tmp_path / "taken"),
        "control_folder": str(tmp_path / "control"),
    }
    # kombu remembers bindings per process, not per folder.
    Transport.global_state.clear()
    with Connection("filesystem://", transport_options=options) as made:
        yield made
    Transport.global_state.clear()


@pytest.mark.skipif(bool(own_broker.URL), reason="These tests send to the broker that TEST_BROKER_URL names")
def test_celery_uses_our_transport() -> None:
    assert isinstance(app, Celery)
    with app.connection_for_write() as made:
        assert type(made.transport).__module__ == "portal.filesystem_transport"
        options: Any = made.transport_options
        assert options["data_folder_out"].startswith(str(settings.BROKER_DIR))


def test_messages_arrive_once_and_in_order(connection: Any) -> None:
    queue = connection.SimpleQueue("work")
    for number in range(20):
        queue.put({"number": number})
    assert [queue.get(timeout=60).payload["number"] for _ in range(20)] == list(range(20))
    with pytest.raises(queue.Empty):
        queue.get(block=False)


def test_folders_and_messages_are_for_their_owner_alone(connection: Any, tmp_path: Path) -> None:
    connection.SimpleQueue("work").put({"number": 1})
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert {path.name for path in folders} == {"messages", "taken", "control"}
    assert {oct(path.stat().st_mode & 0o777) for path in folders} == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "messages").iterdir()} == {"0o600"}


def test_what_is_still_being_written_is_not_a_message_yet(connection: Any, tmp_path: Path) -> None:
    queue = connection.SimpleQueue("work")
    queue.put({"number": 1})
    (tmp_path / "messages" / "00000000000000000000_x.work.msg.0f.part").write_bytes(b'{"half')
    assert queue.get(timeout=60).payload == {"number": 1}
    with pytest.raises(queue.Empty):
        queue.get(block=False)


def test_a_stray_file_does_not_end_a_worker(connection: Any, tmp_path: Path) -> None:
    queue = connection.SimpleQueue("work")
    (tmp_path / "messages" / "00000000000000000000_x.work.msg").write_bytes(b'{"half')
    queue.put({"number": 2})
    assert queue.get(timeout=60).payload == {"number": 2}


def test_two_readers_share_the_messages_without_losing_or_doubling_one(tmp_path: Path, connection: Any) -> None:
    sender = connection.SimpleQueue("work")
    for number in range(60):
        sender.put({"number": number, "filler": "x" * 20_000})
    got: list[int] = []

    def read() -> None:
        with connection.clone() as own:
            queue = own.SimpleQueue("work", no_ack=True)
            while True:
                try:
                    got.append(queue.get(block=False).payload["number"])
                except queue.Empty:
                    return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(timeout=60)
    assert sorted(got) == list(range(60))
    assert os.listdir(tmp_path / "messages") == []
