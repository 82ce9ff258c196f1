"""Two edits at the same instant, in two real transactions: one is saved, and the other is asked what to keep.

SQLite has one database in a file for it, since in memory it rejects the second writer. `test_on_postgresql` repeats it there.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection, connections

from namespaces.actions.clients import delete_client, update_client
from namespaces.actions.resources import ChangedMeanwhile
from namespaces.models import Client
from namespaces.rules.errors import RuleError
from portal.models import Activity, User
from tests.support.database.factories import make_client, make_namespace, owner_of

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


@contextmanager
def own_connection(file: Path) -> Iterator[None]:
    """Give this thread a connection of its own to the database of the test."""
    if connection.vendor == "sqlite":
        mine = connections["default"].copy()
        mine.settings_dict["NAME"] = str(file)
        connections["default"] = mine
    try:
        yield
    finally:
        connections.close_all()


def at_once(file: Path, *calls: Callable[[], object]) -> list[object]:
    """Run the calls at the same instant, and return what each returned or raised."""
    together = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        with own_connection(file):
            together.wait(20)
            try:
                return call()
            except RuleError as refusal:
                return refusal

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "race.sqlite3"


def copy_to(file: Path) -> None:
    """Copy the database of the test into the file that both threads use."""
    if connection.vendor == "sqlite":
        with sqlite3.connect(file) as copy:
            connection.connection.backup(copy)
        copy.close()


def edit(actor: User, row: Client, text: str) -> Callable[[], object]:
    same = {name: getattr(row, name) for name in ("validation_scheme", "thumbprints", "state", "attributes")}
    return lambda: update_client(actor, client=row, opened=row.edition, description=text, **same)


def delete(actor: User, row: Client) -> Callable[[], object]:
    return lambda: delete_client(actor, client=row, opened=row.edition)


def description_of(row: Client) -> Callable[[], object]:
    return lambda: Client.objects.get(pk=row.pk).description


def test_of_two_edits_at_once_one_is_saved_and_one_is_asked(file: Path) -> None:
    namespace = make_namespace()
    owner = owner_of(namespace)
    rows = [make_client(namespace, f"press-{number}") for number in range(ROUNDS)]
    copy_to(file)

    for row in rows:
        ended = at_once(file, edit(owner, row, "one"), edit(owner, row, "two"))
        (saved,) = [each for each in ended if isinstance(each, Client)]
        (asked,) = [each for each in ended if isinstance(each, ChangedMeanwhile)]
        assert asked.row.describe()["description"] == saved.description
        assert at_once(file, description_of(row)) == [saved.description]
    assert at_once(file, Activity.objects.count) == [ROUNDS]


def test_a_deletion_and_an_edit_at_once_never_both_happen(file: Path) -> None:
    namespace = make_namespace()
    owner = owner_of(namespace)
    rows = [make_client(namespace, f"press-{number}") for number in range(ROUNDS)]
    copy_to(file)
    for row in rows:
        ended = at_once(file, edit(owner, row, "new"), delete(owner, row))
        refused = [each for each in ended if isinstance(each, RuleError)]
        assert [each.code for each in refused] in (["changed-meanwhile"], ["gone"])
    assert at_once(file, Activity.objects.count) == [ROUNDS]
