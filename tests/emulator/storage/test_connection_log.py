"""The connection log: each record can be read at once, in order and once, and is soon in the file."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulator.storage import connection_log
from emulator.storage.connection_records import ConnectionRecord
from emulator.storage.store import NAMESPACE as NAMESPACE_TYPE
from emulator.storage.store import Resource, Store
from tests.emulator.mqtt.plant import make_plant
from tests.emulator.mqtt.raw_client import connected
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until

NAMESPACE = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.EventGrid/namespaces/Factory"


def record(number: int, namespace_id: str = NAMESPACE) -> ConnectionRecord:
    return ConnectionRecord(
        namespace_id=namespace_id,
        time=datetime(2026, 11, 24, tzinfo=UTC),
        category="SuccessfulMqttConnections",
        result_type="Succeeded",
        session_name=f"“{number}”\n",
        evidence='"presentedChain": ["PEM"], "decision": {"accepted": true}',
    )


def names(store: Store, after: int = 0, limit: int = 10_000, namespace_id: str = NAMESPACE) -> list[str]:
    return [each["properties"]["sessionName"] for each in store.connections(namespace_id, after, limit)]


def rows_in(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        return int(file.execute("SELECT COUNT(*) FROM connection").fetchone()[0])


def test_reads_include_records_that_are_not_in_the_file_yet(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    store = Store(path)
    is_due = [store.record_connection(record(number)) for number in range(3)]
    assert is_due == [True, False, False]  # the caller is asked once to write
    assert rows_in(path) == 0
    found = store.connections(NAMESPACE.upper())
    assert [each["cursor"] for each in found] == [1, 2, 3]
    assert found[0]["properties"]["sessionName"] == "“0”\n"
    assert found[0]["time"] == "2026-11-24T00:00:00Z"
    assert (found[0]["presentedChain"], found[0]["decision"]) == (["PEM"], {"accepted": True})
    assert rows_in(path) == 3
    assert store.record_connection(record(3)) is True
    assert names(store, after=2, limit=1) == ["“2”\n"]
    assert names(store, after=3) == ["“3”\n"]
    store.close()


def test_writing_and_closing_put_all_records_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    store = Store(path)
    store.record_connection(record(0))
    store.write_connections()
    assert rows_in(path) == 1
    store.record_connection(record(1))
    store.close()
    assert rows_in(path) == 2
    again = Store(path)
    again.record_connection(record(2))
    assert [each["cursor"] for each in again.connections(NAMESPACE)] == [1, 2, 3]  # cursors keep growing
    again.close()


def test_records_from_many_threads_are_kept_once() -> None:
    store = Store(None)
    threads = [
        threading.Thread(target=lambda at=at: [store.record_connection(record(at + n)) for n in range(500)])
        for at in (0, 1_000, 2_000, 3_000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = names(store)
    assert len(found) == len(set(found)) == 2_000
    assert [name for name in found if len(name) < 7] == [f"“{n}”\n" for n in range(500)]  # in the order of each thread
    store.close()


def test_the_oldest_records_of_a_namespace_are_deleted_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_log, "MAX_KEPT", 1_000)
    store = Store(None)
    other = NAMESPACE.replace("Factory", "quiet")
    store.record_connection(record(7, other))
    for number in range(3_000):
        store.record_connection(record(number))
    store.write_connections()
    found = names(store)
    assert 1_000 <= len(found) < 1_000 + connection_log.PRUNE_EVERY + connection_log.MAX_WAITING
    assert found[-1] == "“2999”\n"
    assert names(store, namespace_id=other) == ["“7”\n"]
    store.close()


def test_deleting_a_namespace_deletes_its_log(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    store = Store(path)
    group, other = NAMESPACE.partition("/providers/")[0], NAMESPACE.replace("Factory", "quiet")
    for deleted in (NAMESPACE, NAMESPACE.upper(), group):
        store.put(Resource(group, "Microsoft.Resources/resourceGroups", "rg", {}))
        store.put(Resource(NAMESPACE, NAMESPACE_TYPE, "Factory", {}))
        store.record_connection(record(7, other))
        store.record_connection(record(1))
        store.write_connections()
        store.record_connection(record(2))
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.delete(deleted)
            raise ZeroDivisionError  # rolled back
        assert names(store) == ["“1”\n", "“2”\n"]
        store.record_connection(record(3))
        store.delete(deleted)
        assert names(store) == []
        store.record_connection(record(4))
        assert names(store) == ["“4”\n"]
        store.put(Resource(NAMESPACE, NAMESPACE_TYPE, "Factory", {}))
        store.delete(NAMESPACE)
    assert names(store, namespace_id=other) == ["“7”\n"] * 3
    assert rows_in(path) == 3
    store.close()


def test_records_that_cannot_be_written_keep_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_log, "MAX_UNWRITTEN", 3)
    path = tmp_path / "store.sqlite3"
    store = Store(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DROP TABLE connection")
        for number in range(4):
            store.record_connection(record(number))
        store.write_connections()  # the table is missing: logged, not raised
        other.executescript(connection_log.SCHEMA)
        assert names(store) == ["“1”\n", "“2”\n", "“3”\n"]
    store.close()


def test_an_attempt_is_soon_in_the_file_and_survives_kill_9(own_emulator: EmulatorProcess, tmp_path: Path) -> None:
    plant = make_plant(own_emulator, tmp_path)
    path = own_emulator.state_dir / "emulator.sqlite3"
    with connected(plant, "killed") as device:
        device.leave()
    until(lambda: rows_in(path) == 2, "attempt and end are in the file")  # without a read of the log
    own_emulator.kill()
    own_emulator.restart()
    records = own_emulator.call("GET", f"{plant.namespace_id}/connectionLog?after=0")["value"]
    assert [each["category"] for each in records] == ["SuccessfulMqttConnections", "MqttDisconnections"]
