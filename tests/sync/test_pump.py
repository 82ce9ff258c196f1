"""The engine of a worker: many at once, in order, within what Azure allows."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from namespaces.models import Client, Namespace
from portal.models import User
from sync import budget, pump, queue, reconcile, tasks, workers
from sync.actions import commit_change, mark_deleted
from sync.collections import Collections
from sync.delivery import deliver
from sync.gateway import arm_gateway
from sync.models import Budget, PushRecord, SyncState, WorkerBeat
from sync.pump import Pump
from sync.reconcile import Pushed, claim, settle
from tests.factories import SUBSCRIPTION, make_namespace
from tests.sync.arranging import change_in_azure
from tests.sync.scripted_arm import ScriptedArm, refused
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _a_worker_of_its_own() -> Iterator[None]:
    yield
    workers.this_worker().end()
    workers._worker = None


def add(ada: User, namespace: Namespace, *names: str, bulk: bool = False, **fields: Any) -> list[Client]:
    rows = []
    for name in names:
        row = Client(namespace=namespace, name=name, validation_scheme="SubjectMatchesAuthenticationName", **fields)
        row.set_authentication_name(name)
        commit_change(ada, row=row, verb="Create client", before=None, after=row.describe(), scope_name="f", bulk=bulk)
        rows.append(row)
    return rows


def names(count: int, prefix: str = "sensor") -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


def run(seconds: float = 20.0) -> Pump:
    made = Pump()
    made.run(seconds=seconds)
    return made


def test_everything_that_is_due_arrives_many_at_once(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    inside = 0
    lock = threading.Lock()
    many = threading.Event()

    def count(method: str, path: str) -> None:
        """Azure answers the first ones only when nine are asking; one that asked alone would wait in vain."""
        nonlocal inside
        if method != "PUT":
            return
        with lock:
            inside += 1
            if inside > 8:
                many.set()
        many.wait(10)
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
    run()
    methods = arm.methods()
    assert methods.count("PUT") == 150
    assert methods.count("GET") < 60


def change_all(ada: User) -> None:
    for row in Client.objects.order_by("pk"):
        before = row.describe()
        row.attributes = {"floor": 1}
        commit_change(ada, row=row, verb="Update", before=before, after=row.describe(), scope_name="f", bulk=True)


def test_what_others_change_while_a_bulk_is_on_its_way_is_not_overwritten(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    add(ada, factory, *names(80), bulk=True)
    run()
    last = Client.objects.select_related("namespace").get(name="sensor-79")
    change_all(ada)
    arm.requests.clear()

    def meanwhile(method: str, path: str) -> None:
        if method == "PUT":  # the first one: what goes last has not been read yet
            arm.before = None
            change_in_azure(arm, last, description="theirs")

    arm.before = meanwhile
    assert run().pushed == {Pushed.SUCCEEDED: 79, Pushed.PARKED: 1}
    assert (arm.held(last.arm_id()) or {})["description"] == "theirs"
    assert Client.objects.get(pk=last.pk).parked_code == "ChangedInAzure"
    reads = [path.rpartition("/")[2] for method, path, _ in arm.requests if method == "GET"]
    assert sorted(reads) == sorted(names(80))  # each by itself, and no listing


def test_a_name_that_was_found_taken_is_not_free_for_the_next_edit(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
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


def test_what_takes_access_away_overtakes_a_bulk(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any
) -> None:
    settings.SYNC_IN_FLIGHT = 2
    (old,) = add(ada, factory, "old")
    run()
    add(ada, factory, *names(30), bulk=True)
    old = Client.objects.get(pk=old.pk)
    mark_deleted(ada, row=old, verb="Delete client", before=old.describe(), scope_name="f")
    arm.requests.clear()
    run()
    writes = [method for method, _, _ in arm.requests if method != "GET"]
    assert "DELETE" in writes[:2]  # two are in flight at once


def test_a_single_change_overtakes_a_bulk(arm: ScriptedArm, ada: User, factory: Namespace, settings: Any) -> None:
    settings.SYNC_IN_FLIGHT = 2
    add(ada, factory, *names(20), bulk=True)
    add(ada, factory, "mine")
    arm.requests.clear()
    run()
    puts = [path.rpartition("/")[2] for method, path, _ in arm.requests if method == "PUT"]
    assert "mine" in puts[:3]


def test_an_empty_bucket_holds_rows_back_and_others_go_on(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any
) -> None:
    elsewhere = "22222222-2222-4222-8222-222222222222"
    other = make_namespace("other", resource_id=factory.resource_id.replace(SUBSCRIPTION, elsewhere))
    budget.reserve(SUBSCRIPTION, "writes", 1000)
    Budget.objects.filter(subscription=SUBSCRIPTION).update(level=0, refill=0.01)
    add(ada, factory, *names(5), bulk=True)
    add(ada, other, *names(5), bulk=True)
    run(seconds=1.0)
    assert Client.objects.unsettled().filter(namespace=factory).count() == 5
    assert not Client.objects.unsettled().filter(namespace=other).exists()


def test_azures_answers_set_the_budget(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    left = "x-ms-ratelimit-remaining-subscription-writes"
    arm.script("PUT", *[refused_nothing({left: "7"}) for _ in range(3)])
    add(ada, factory, *names(3))
    run()
    writes = Budget.objects.get(subscription=SUBSCRIPTION, operation="writes")
    assert writes.remaining == 7
    assert writes.level <= 8
    gauge = next(gauge for gauge in budget.gauges() if gauge.operation == "writes")
    assert gauge.level <= 7 + gauge.refill


def refused_nothing(headers: dict[str, str]) -> Any:
    from tests.sync.scripted_arm import Answer

    return Answer(headers=headers)


def test_a_429_stops_all_workers_for_as_long_as_azure_asks(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    arm.script("PUT", refused("SubscriptionRequestsThrottled", 429, Retry_After="60"))
    add(ada, factory, "one")
    run()
    grant = budget.reserve(SUBSCRIPTION, "writes", 1)
    assert grant.count == 0
    assert 50 < grant.wait <= 60
    assert Budget.objects.get(operation="writes").throttled == 1


def test_the_rate_is_learned_from_what_is_left() -> None:
    """An endpoint that refills four a second, told as ten: after a while the bucket knows."""
    from sync.calls import Call

    at = timezone.now()
    budget.reserve(SUBSCRIPTION, "writes", 100, at)
    left, sent = 100.0, 0
    for second in range(1, 61):
        now = at + timedelta(seconds=second)
        left = min(200.0, left + 4.0)
        grant = budget.reserve(SUBSCRIPTION, "writes", min(6, int(left)), now)
        left -= grant.count
        sent += grant.count
        path = f"/subscriptions/{SUBSCRIPTION}/x"
        answers = [Call("PUT", path, "", now, 0.0, 200, remaining=int(left)) for _ in range(grant.count)]
        budget.learn(answers, now)
    assert Budget.objects.get(operation="writes").refill == pytest.approx(4.0, rel=0.25)


def test_an_outage_holds_back_and_tries_with_a_few() -> None:
    at = timezone.now()
    budget.outage(SUBSCRIPTION, "Azure cannot be reached", at)
    assert budget.reserve(SUBSCRIPTION, "writes", 50, at).count == 0
    later = at + timedelta(seconds=40)
    assert budget.reserve(SUBSCRIPTION, "writes", 50, later).count == budget.TRY_WITH


def test_a_worker_that_was_killed_is_noticed_and_its_rows_go_on(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    (row,) = add(ada, factory, "one")
    now = timezone.now()
    dead = WorkerBeat.objects.create(
        worker="dead", name="gone", host=_host(), pid=2**22 - 3, started_at=now, seen_at=now
    )
    assert claim(Client, [row.pk], worker=dead.worker)
    assert not queue.anything_due()
    assert workers.bury_the_dead(now) == 1
    assert not WorkerBeat.objects.filter(worker="dead").exists()
    run()
    assert Client.objects.get().sync_state is SyncState.SUCCEEDED


def _host() -> str:
    return workers.this_machine()


def test_a_worker_of_another_machine_is_dead_only_after_long_silence() -> None:
    now = timezone.now()
    beat = WorkerBeat.objects.create(worker="far", name="far", host="elsewhere", pid=1, started_at=now, seen_at=now)
    assert workers.bury_the_dead(now) == 0
    assert WorkerBeat.objects.filter(pk=beat.pk).exists()
    workers.bury_the_dead(now + timedelta(minutes=2))
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


def test_what_is_tried_again_soon_is_waited_for(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    add(ada, factory, "one")
    arm.script("PUT", refused("AnotherOperationInProgress", 409))
    assert run().pushed == {Pushed.DELAYED: 1, Pushed.SUCCEEDED: 1}


def test_what_fell_due_since_the_last_look_is_not_passed_over(ada: User, factory: Namespace) -> None:
    add(ada, factory, "one")
    for ago, soonest in ((0.2, 0.0), (3.0, None)):
        Client.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=ago))
        assert queue.soonest(within=5.0) == soonest


def test_one_message_for_all_rows_of_a_transaction_and_of_a_moment(
    ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import transaction

    from sync import hints

    sent: list[str] = []
    monkeypatch.setattr(hints, "_send", lambda task, args: sent.append(task))
    monkeypatch.setattr(hints, "_hinted_at", 0.0)
    with transaction.atomic():
        add(ada, factory, *names(50), bulk=True)
    add(ada, factory, "right", "after")
    assert sent == ["sync.tasks.pump"]


def test_the_sweep_finds_what_no_message_told_of(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    add(ada, factory, "one")
    tasks.sweep()
    assert Client.objects.get().sync_state is SyncState.SUCCEEDED


def test_a_pump_that_is_asked_to_stop_settles_what_is_on_its_way(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    made = Pump()

    def stop(method: str, path: str) -> None:
        made.stop()

    arm.before = stop
    add(ada, factory, *names(50), bulk=True)
    assert made.run(seconds=20) is False
    assert Client.objects.filter(claim_token__isnull=False).count() == 0
    assert 0 < Client.objects.unsettled().count() < 50


def test_a_credential_that_cannot_be_made_is_told_on_what_waits(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any
) -> None:
    settings.AZURE_ARM_CA = "/nowhere/ca.pem"
    (row,) = add(ada, factory, "one")
    assert run().pushed == {Pushed.DELAYED: 1}
    row.refresh_from_db()
    assert "AZURE_ARM_CA names /nowhere/ca.pem, which is not there" in row.last_error
    assert (row.claim_token, row.uncertain) == (None, False)


def test_what_takes_long_holds_up_nothing_when_the_time_of_a_run_is_over(
    arm: ScriptedArm, ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "WIND_UP", 0.05)
    add(ada, factory, "slow", "later")
    Client.objects.filter(name="later").update(next_attempt_at=timezone.now() + timedelta(seconds=0.5))
    arrived = threading.Event()

    def wait_for_the_later_one(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("/later"):
            arrived.set()
        elif method == "PUT":
            arrived.wait(10)

    arm.before = wait_for_the_later_one
    assert run(seconds=0.2).pushed == {Pushed.SUCCEEDED: 2}
    assert arrived.is_set()


def test_a_slow_azure_finds_no_more_rows_claimed_than_are_sent(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any
) -> None:
    """What is claimed and waits would lose its lease, and would hold up what is saved later and is more urgent."""
    settings.SYNC_IN_FLIGHT = 4
    answers = threading.Semaphore(0)

    def wait_for_leave(method: str, path: str) -> None:
        answers.acquire(timeout=10)

    arm.before = wait_for_leave
    add(ada, factory, *names(40), bulk=True)
    made = Pump()
    thread = threading.Thread(target=_run_in_a_thread, args=(made,))
    thread.start()
    claimed = Client.objects.filter(claim_token__isnull=False)
    until(lambda: claimed.count() == 4, "the first four are on their way")
    made.stop()
    answers.release(1000)
    thread.join(20)
    assert Client.objects.unsettled().count() == 36


def _run_in_a_thread(made: Pump) -> None:
    try:
        made.run(seconds=20)
    finally:
        connections.close_all()


def test_a_fast_azure_finds_rows_claimed_in_large_groups(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SYNC_IN_FLIGHT = 4
    sizes = []

    def claim_and_count(model: Any, pks: Any, **values: Any) -> Any:
        sizes.append(len(pks))
        return claim(model, pks, **values)

    monkeypatch.setattr(reconcile, "claim", claim_and_count)
    add(ada, factory, *names(150), bulk=True)
    assert run().pushed == {Pushed.SUCCEEDED: 150}
    assert max(sizes) > 4
    assert max(sizes) <= 4 * (1 + pump.MOST_AHEAD)


def test_the_threads_are_kept_from_run_to_run(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    """Threads that come and go leave memory behind."""
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
