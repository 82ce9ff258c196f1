"""The pump of a worker: many rows in parallel, in order, within Azure's limits."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from celery.signals import before_task_publish
from django.db import connections
from django.utils import timezone

from namespaces.models import Client, Namespace
from portal.models import User
from sync import tasks
from sync.actions import commit_change, mark_deleted
from sync.arm.gateway import arm_gateway
from sync.models import PushRecord, SyncState, WorkerBeat
from sync.push import pump, queue
from sync.push.claim_and_settle import Pushed, claim, settle
from sync.push.delivery import deliver
from sync.push.listings import Collections
from sync.push.pump import Pump
from sync.workers import heartbeats
from tests.support.waiting import until
from tests.sync.arranging import change_in_azure
from tests.sync.pumping import add, names, run, watch_claims
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db(transaction=True)


def test_due_rows_are_pushed_in_parallel(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    inside = 0
    lock = threading.Lock()
    many = threading.Event()

    def count(method: str, path: str) -> None:
        """Answer the first requests only when nine are waiting, so that sequential requests would time out."""
        nonlocal inside
        if method != "PUT":
            return
        with lock:
            inside += 1
            if inside > 8:
                many.set()
        many.wait(30)
        with lock:
            inside -= 1

    arm.before = count
    add(ada, factory, *names(60), bulk=True)
    assert run().pushed == {Pushed.SUCCEEDED: 60}
    assert many.is_set()
    assert not Client.objects.unsettled().exists()
    assert PushRecord.objects.filter(outcome="succeeded").count() == 60


def test_many_new_rows_are_read_by_one_listing(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    add(ada, factory, *names(150), bulk=True)
    is_listed = threading.Event()

    def meanwhile(method: str, path: str) -> None:
        if method == "GET" and path.endswith("/clients"):
            is_listed.set()
        elif method == "GET":  # for the first rows, which do not wait for the listing
            assert is_listed.wait(30)

    arm.before = meanwhile
    run()
    methods = arm.methods()
    assert methods.count("PUT") == 150
    assert methods.count("GET") < 60


def change_all(ada: User) -> None:
    for row in Client.objects.order_by("pk"):
        before = row.describe()
        row.attributes = {"floor": 1}
        commit_change(ada, row=row, verb="Update", before=before, after=row.describe(), scope_name="f", bulk=True)


def test_a_bulk_does_not_overwrite_changes_made_meanwhile(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    add(ada, factory, *names(80), bulk=True)
    run()
    last = Client.objects.select_related("namespace").get(name="sensor-79")
    change_all(ada)
    arm.requests.clear()

    def meanwhile(method: str, path: str) -> None:
        if method == "PUT":  # the first one: the last row has not been read yet
            arm.before = None
            change_in_azure(arm, last, description="theirs")

    arm.before = meanwhile
    assert run().pushed == {Pushed.SUCCEEDED: 79, Pushed.PARKED: 1}
    assert (arm.held(last.arm_id()) or {})["description"] == "theirs"
    assert Client.objects.get(pk=last.pk).parked_code == "ChangedInAzure"
    reads = [path.rpartition("/")[2] for method, path, _ in arm.requests if method == "GET"]
    assert sorted(reads) == sorted(names(80))  # one read each, and no listing


def test_a_name_found_taken_stays_taken_for_the_next_edit(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    made = add(ada, factory, *names(60), bulk=True)
    candidates = queue.Queue().take(100)
    listed = Collections(arm_gateway())
    with ThreadPoolExecutor(1) as threads:
        listed.fresh(Client, candidates, threads)
    (taken,) = listed.fresh(Client, candidates, threads).values()
    assert not taken
    arm.hold(made[-1].arm_id(), {"authenticationName": "theirs"})
    (claimed,) = claim(Client, [made[-1].pk])
    delivery = deliver(claimed, arm_gateway())
    (outcome,) = settle([delivery])
    assert outcome is Pushed.PARKED
    listed.note(delivery, outcome)
    assert taken == {"sensor-59"}


def test_removing_access_overtakes_a_bulk(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SYNC_IN_FLIGHT = 2
    (old,) = add(ada, factory, "old")
    run()
    add(ada, factory, *names(30), bulk=True)
    old = Client.objects.get(pk=old.pk)
    mark_deleted(ada, row=old, verb="Delete client", before=old.describe(), scope_name="f")
    claims = watch_claims(monkeypatch)
    assert run().pushed == {Pushed.SUCCEEDED: 31}
    assert claims[0][0] == old.pk
    assert "DELETE" in arm.methods()


def test_a_single_change_overtakes_a_bulk(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SYNC_IN_FLIGHT = 2
    add(ada, factory, *names(20), bulk=True)
    (mine,) = add(ada, factory, "mine")
    claims = watch_claims(monkeypatch)
    assert run().pushed == {Pushed.SUCCEEDED: 21}
    assert claims[0][0] == mine.pk


@pytest.mark.parametrize(
    ("others", "rows", "calls"),
    [pytest.param(1, 60, True, id="many"), pytest.param(1, 4, False, id="few"), pytest.param(0, 60, False, id="alone")],
)
def test_other_workers_are_called_to_help_with_many_rows(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any, others: int, rows: int, calls: bool
) -> None:
    settings.SYNC_IN_FLIGHT = 8
    now = timezone.now()
    add(ada, factory, *names(rows), bulk=True)
    for number in range(others):
        WorkerBeat.objects.create(
            worker=f"other-{number}", name="far:1", host="far", pid=1, started_at=now,
            seen_at=now + timedelta(minutes=5),  # alive, however long the test takes
        )  # fmt: skip
    sent: list[str] = []

    def note(sender: str, **_: Any) -> None:
        sent.append(sender)

    before_task_publish.connect(note)
    try:
        made = run()
        if made._call is not None:
            made._call.result(timeout=60)
    finally:
        before_task_publish.disconnect(note)
    assert made.pushed == {Pushed.SUCCEEDED: rows}
    assert set(sent) == ({"sync.tasks.pump"} if calls else set())


def test_the_rows_of_a_killed_worker_are_pushed_by_another(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    (row,) = add(ada, factory, "one")
    now = timezone.now()
    dead = WorkerBeat.objects.create(
        worker="dead", name="gone", host=_host(), pid=2**22 - 3, started_at=now, seen_at=now
    )
    assert claim(Client, [row.pk], worker=dead.worker)
    assert not queue.anything_due()
    assert heartbeats.remove_stopped(now) == 1
    assert not WorkerBeat.objects.filter(worker="dead").exists()
    run()
    assert Client.objects.get().sync_state is SyncState.SUCCEEDED


def _host() -> str:
    return heartbeats.this_machine()


def test_a_worker_elsewhere_counts_as_stopped_after_a_minute() -> None:
    now = timezone.now()
    beat = WorkerBeat.objects.create(worker="far", name="far", host="elsewhere", pid=1, started_at=now, seen_at=now)
    assert heartbeats.remove_stopped(now) == 0
    assert WorkerBeat.objects.filter(pk=beat.pk).exists()
    heartbeats.remove_stopped(now + timedelta(minutes=2))
    assert not WorkerBeat.objects.filter(pk=beat.pk).exists()


def test_one_bad_row_does_not_stop_the_others(
    arm: ScriptedArm, ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = Client.body

    def fragile(row: Client) -> dict[str, Any]:
        if row.name == "sensor-1":
            raise RuntimeError("a fault of ours")
        return body(row)

    monkeypatch.setattr(Client, "body", fragile)
    add(ada, factory, *names(4))
    made = run()
    assert made.pushed == {Pushed.SUCCEEDED: 3, Pushed.DELAYED: 1}
    assert "RuntimeError" in Client.objects.get(name="sensor-1").last_error


def test_a_retry_that_is_due_soon_is_awaited(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    add(ada, factory, "one")
    arm.script("PUT", refused("AnotherOperationInProgress", 409))
    assert run().pushed == {Pushed.DELAYED: 1, Pushed.SUCCEEDED: 1}


def test_a_row_due_since_the_last_check_is_not_missed(ada: User, factory: Namespace) -> None:
    add(ada, factory, "one")
    for ago, soonest in ((0.2, 0.0), (3.0, None)):
        Client.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=ago))
        assert queue.soonest(within=5.0) == soonest


def test_one_message_wakes_for_all_rows_of_a_moment(
    ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import transaction

    from sync.workers import wakeups

    sent: list[str] = []
    monkeypatch.setattr(wakeups, "send", lambda task, *args: sent.append(task))
    monkeypatch.setattr(wakeups, "_woken_at", 0.0)
    with transaction.atomic():
        add(ada, factory, *names(50), bulk=True)
    add(ada, factory, "right", "after")
    assert sent == ["sync.tasks.pump"]


def test_the_sweep_finds_rows_without_a_message(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    add(ada, factory, "one")
    tasks.sweep()
    assert Client.objects.get().sync_state is SyncState.SUCCEEDED


def test_a_stopping_pump_settles_rows_in_flight(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    made = Pump()

    def stop(method: str, path: str) -> None:
        made.stop()

    arm.before = stop
    add(ada, factory, *names(50), bulk=True)
    assert made.run(seconds=20) is False
    assert Client.objects.filter(claim_token__isnull=False).count() == 0
    assert 0 < Client.objects.unsettled().count() < 50


def test_an_invalid_credential_is_shown_on_waiting_rows(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any
) -> None:
    settings.AZURE_ARM_CA = "/nowhere/ca.pem"
    (row,) = add(ada, factory, "one")
    assert run().pushed == {Pushed.DELAYED: 1}
    row.refresh_from_db()
    assert "/nowhere/ca.pem" in row.last_error
    assert (row.claim_token, row.uncertain) == (None, False)


def test_a_slow_push_delays_no_other_at_the_end_of_a_run(
    arm: ScriptedArm, ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "WIND_UP", 0.05)
    monkeypatch.setattr(pump, "MOST_TURNS", 100)  # also on a slow machine the later one comes before the last turn ends
    add(ada, factory, "slow", "later")
    Client.objects.filter(name="later").update(next_attempt_at=timezone.now() + timedelta(seconds=0.5))
    arrived = threading.Event()

    def wait_for_the_later_one(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("/later"):
            arrived.set()
        elif method == "PUT":
            arrived.wait(30)

    arm.before = wait_for_the_later_one
    assert run(seconds=0.2).pushed == {Pushed.SUCCEEDED: 2}
    assert arrived.is_set()


def test_with_a_slow_azure_no_extra_rows_are_claimed(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any
) -> None:
    """Rows that are claimed too early would lose their lease, and delay more urgent rows that are saved later."""
    settings.SYNC_IN_FLIGHT = 4
    answers = threading.Semaphore(0)

    arrived: list[str] = []

    def wait_for_leave(method: str, path: str) -> None:
        arrived.append(path)
        answers.acquire(timeout=30)

    arm.before = wait_for_leave
    add(ada, factory, *names(40), bulk=True)
    made = Pump()
    thread = threading.Thread(target=_run_in_a_thread, args=(made,))
    thread.start()
    until(lambda: len(arrived) == 4, "the first four are on their way")
    made.stop()
    answers.release(1000)
    thread.join(60)
    assert Client.objects.unsettled().count() == 36


def _run_in_a_thread(made: Pump) -> None:
    try:
        made.run(seconds=20)
    finally:
        connections.close_all()


def test_with_a_fast_azure_rows_are_claimed_in_large_groups(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SYNC_IN_FLIGHT = 4
    claims = watch_claims(monkeypatch)
    add(ada, factory, *names(150), bulk=True)
    assert run().pushed == {Pushed.SUCCEEDED: 150}
    sizes = [len(pks) for pks in claims]
    assert max(sizes) > 4
    assert max(sizes) <= 4 * (1 + pump.MOST_AHEAD)


def test_threads_are_kept_between_runs(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    """New threads for each run would use more memory."""
    add(ada, factory, *names(40), bulk=True)
    run()
    there = _senders()
    add(ada, factory, *names(40, "later"), bulk=True)
    run()
    assert there
    assert there <= _senders()


def _senders() -> set[int | None]:
    return {thread.ident for thread in threading.enumerate() if thread.name.startswith("push")}


def test_a_process_runs_one_pump(arm: ScriptedArm) -> None:
    with pump._running:
        assert pump.run_here(seconds=5) is False
