"""Each committed entry gets its place in the chain once, whatever happens to clocks, processes and transactions."""

import logging
import math
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from portal.evidence import sealing
from portal.evidence.keys import KeyMissingError, current_key
from portal.evidence.sealing import head, seal_entries
from portal.evidence.verification import verify
from portal.models import Activity, ActivityLink, Sealer, UnsealedPart, User
from portal.tasks import SEALING_SECONDS, seal_activity
from tests.portal.evidence.arranging import add, seal, settle
from tests.support.database.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Collect what sealing writes to the server log."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("portal.evidence")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def places() -> list[tuple[int, str]]:
    return list(ActivityLink.objects.order_by("place").values_list("entry", "part"))


def test_entries_get_the_next_places_and_outcomes_their_own(ada: User) -> None:
    first, second = add(ada, 1), add(ada, 2, synced=False)
    assert seal() == 2
    settle(1)
    third = add(ada, 3)
    settle(3, "failed")
    assert seal() == 3
    assert seal() == 0
    expected = [
        (first.pk, "entry"),
        (second.pk, "entry"),
        (first.pk, "outcome"),
        (third.pk, "entry"),
        (third.pk, "outcome"),
    ]
    assert places() == expected
    assert list(ActivityLink.objects.order_by("place").values_list("place", flat=True)) == [1, 2, 3, 4, 5]
    assert verify().problem is None


def test_an_entry_that_is_settled_when_it_is_added_has_both_parts() -> None:
    entry = Activity.objects.create(at=timezone.now(), verb="v", kind="k.k", object_name="n", outcome="succeeded")
    seal()
    assert places() == [(entry.pk, "entry"), (entry.pk, "outcome")]


def test_a_run_starts_often_enough_to_seal_within_ten_seconds(settings: LazySettings) -> None:
    job: Any = settings.CELERY_BEAT_SCHEDULE["seal-activity"]
    assert job["schedule"] + SEALING_SECONDS < 10
    assert job["task"] == seal_activity.name


def test_gaps_that_rollbacks_leave_are_nothing_to_wait_for(ada: User) -> None:
    class RolledBackError(Exception):
        pass

    with pytest.raises(RolledBackError), transaction.atomic():
        add(ada, 1)
        raise RolledBackError
    assert not UnsealedPart.objects.exists()
    entry = add(ada, 2)
    seal()
    assert places() == [(entry.pk, "entry")]


def test_an_entry_with_a_lower_key_that_comes_late_gets_the_next_place(ada: User) -> None:
    for pk in (1000, 500, 2000, 1):
        Activity.objects.create(pk=pk, at=timezone.now(), actor=ada, verb="v", kind="k.k", object_name="n")
        seal()
    assert [entry for entry, _ in places()] == [1000, 500, 2000, 1]
    assert verify().problem is None


@pytest.mark.on_postgresql
@pytest.mark.django_db(transaction=True)
def test_an_entry_committed_late_gets_the_next_place(ada: User) -> None:
    begun, go_on = threading.Event(), threading.Event()
    pks: list[int] = []

    def slow_transaction() -> None:
        with transaction.atomic():
            pks.append(add(ada, 1).pk)
            begun.set()
            go_on.wait(20)
        connection.close()

    thread = threading.Thread(target=slow_transaction)
    thread.start()
    assert begun.wait(20)
    later = add(ada, 2)
    assert seal() == 1
    go_on.set()
    thread.join(20)
    assert pks[0] < later.pk
    assert seal() == 1
    assert [entry for entry, _ in places()] == [later.pk, pks[0]]
    assert verify().problem is None


@pytest.mark.on_postgresql
@pytest.mark.django_db(transaction=True)
def test_processes_that_seal_at_once_write_one_chain(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 5)
    monkeypatch.setattr(sealing, "LEASE", timedelta())  # each takes the lease from the other at once
    for number in range(200):
        add(ada, number)
    faults: list[BaseException] = []

    def keep_sealing() -> None:
        try:
            while UnsealedPart.objects.exists():
                seal()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=keep_sealing) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert len(places()) == len(set(places())) == 200
    assert verify().problem is None


def test_a_process_that_lost_its_lease_stops(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 2)
    for number in range(6):
        add(ada, number)

    def stolen() -> float:
        Sealer.objects.update(token=uuid.uuid4(), until=timezone.now() + timedelta(seconds=4))
        return 0.0

    assert seal_entries(math.inf, stolen) == 2
    assert seal() == 0, "the other one holds it now"
    Sealer.objects.update(until=timezone.now())  # killed, without giving it back
    assert seal() == 4
    assert verify().problem is None


@pytest.mark.parametrize("table", ["portal_activitylink", "portal_unsealedpart"])
def test_a_process_killed_while_sealing_leaves_all_or_nothing(ada: User, table: str) -> None:
    entry = add(ada, 1)

    def die(execute: Any, sql: str, *more: Any) -> Any:
        answer = execute(sql, *more)
        if table in sql and not sql.startswith("SELECT"):
            raise OperationalError("killed")
        return answer

    with connection.execute_wrapper(die), pytest.raises(OperationalError):
        seal()
    assert places() == []
    assert UnsealedPart.objects.count() == 1
    Sealer.objects.update(token=uuid.uuid4(), until=timezone.now() + timedelta(seconds=4))
    assert seal() == 0
    Sealer.objects.update(until=timezone.now())
    assert seal() == 1
    assert places() == [(entry.pk, "entry")]


def test_a_clock_that_goes_back_holds_nothing_up(ada: User, monkeypatch: pytest.MonkeyPatch, logged: list[str]) -> None:
    add(ada, 1)
    seal()
    hour_ago = timezone.now() - timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: hour_ago)
    Sealer.objects.update(token=uuid.uuid4(), until=hour_ago + timedelta(hours=1))  # a lease of the former time
    add(ada, 2)
    assert seal() == 1
    assert verify().problem is None
    assert len(logged) == 2, "the head of the former time counts as long ago"


def test_the_head_is_logged_each_hour(ada: User, logged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    add(ada, 1)
    seal()
    assert [str(head()) in line for line in logged] == [True]
    add(ada, 2)
    seal()
    assert len(logged) == 1
    later = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    seal()  # also when nothing waits
    assert [str(head()) in line for line in logged] == [False, True]


def test_a_run_ends_at_its_deadline(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 2)
    for number in range(6):
        add(ada, number)
    assert seal_entries(1.0, lambda: 1.0) == 2
    assert seal() == 4


def test_entries_wait_for_a_key_in_production(ada: User, settings: LazySettings) -> None:
    settings.ACTIVITY_KEY, settings.PRODUCTION = "", True
    add(ada, 1)
    with pytest.raises(KeyMissingError):
        seal()
    seal_activity()  # logs it, and goes on
    assert UnsealedPart.objects.count() == 1


def test_elsewhere_a_key_is_made_for_the_state_folder(settings: LazySettings, tmp_path: Path) -> None:
    settings.ACTIVITY_KEY, settings.STATE_DIR = "", tmp_path
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(current_key())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(keys[0]) > 40
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_times_of_links_are_those_of_sealing(ada: User) -> None:
    before: datetime = timezone.now()
    add(ada, 1)
    seal()
    assert before <= ActivityLink.objects.get().sealed_at <= timezone.now()
