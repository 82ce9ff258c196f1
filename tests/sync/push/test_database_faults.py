"""A database outage, of a moment or of minutes, loses no row and repeats no request to Azure."""

import time
from typing import Any

import pytest
from django.db import DataError, OperationalError

from namespaces.models import Client, Namespace
from portal.models import User
from sync.push import claim_and_settle, pump, queue
from sync.push.claim_and_settle import Pushed, claim, settle
from sync.workers import heartbeats
from tests.sync.pumping import add, names, run
from tests.sync.scripted_arm import ScriptedArm

pytestmark = pytest.mark.django_db(transaction=True)


def failing_at_first(function: Any, times: int) -> Any:
    left = [times]

    def call(*args: Any, **values: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise OperationalError("the database is restarting")
        return function(*args, **values)

    return call


def test_a_short_database_outage_has_no_effect(
    arm: ScriptedArm, ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.Queue, "take", failing_at_first(queue.Queue.take, 1))
    monkeypatch.setattr(claim_and_settle, "settle", failing_at_first(claim_and_settle.settle, 2))
    add(ada, factory, *names(5))
    assert run().pushed == {Pushed.SUCCEEDED: 5}
    assert arm.methods().count("PUT") == 5


def test_rows_claimed_but_not_sent_are_pushed_after_a_database_fault(
    arm: ScriptedArm, ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "new_in", failing_at_first(queue.new_in, 1))
    add(ada, factory, *names(5))
    assert run().pushed == {Pushed.SUCCEEDED: 5}
    assert not Client.objects.filter(recheck_at__isnull=False).exists()  # a row that was never sent is not uncertain
    assert arm.methods().count("PUT") == 5


def test_an_unsent_claim_is_released_and_one_in_flight_is_not(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    flying, loose = add(ada, factory, "flying", "loose")
    (held,) = claim(Client, [flying.pk], worker="me")
    assert claim(Client, [loose.pk], worker="me")
    assert claim_and_settle.let_go("me", but=[held]) == 1
    assert Client.objects.get(pk=flying.pk).claim_token == held.token
    assert claim(Client, [flying.pk, loose.pk], worker="other")[0].row.pk == loose.pk


def test_claims_that_one_run_could_not_release_are_released_later(
    arm: ScriptedArm, ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "new_in", failing_at_first(queue.new_in, 1))
    monkeypatch.setattr(claim_and_settle, "let_go", failing_at_first(claim_and_settle.let_go, 2))
    add(ada, factory, *names(5))
    assert run(seconds=0.1).pushed == {}
    assert run().pushed == {Pushed.SUCCEEDED: 5}


def test_settling_is_tried_for_as_long_as_the_lease_lasts(
    arm: ScriptedArm, ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failover to another database server may take minutes."""
    clock = FakeClock()
    monkeypatch.setattr(pump, "time", clock)
    monkeypatch.setattr(claim_and_settle, "settle", failing_at_first(claim_and_settle.settle, 100))
    add(ada, factory, *names(3))
    assert run().pushed == {Pushed.SUCCEEDED: 3}
    assert clock.slept > 60
    assert arm.methods().count("PUT") == 3


class FakeClock:
    """A clock on which sleeping takes no time."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


def test_a_row_that_cannot_be_settled_does_not_delay_others(
    arm: ScriptedArm, ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fragile(deliveries: Any) -> Any:
        if any(delivery.row.name == "sensor-1" for delivery in deliveries):
            raise DataError("out of range")
        return settle(deliveries)

    monkeypatch.setattr(claim_and_settle, "settle", fragile)
    add(ada, factory, *names(4))
    assert run().pushed == {Pushed.SUCCEEDED: 3, Pushed.NOT_CLAIMED: 1}
    stuck = Client.objects.get(name="sensor-1")
    assert stuck.claim_token is not None  # it was sent, so its claim is kept; after its lease, the row is read back
    claim_and_settle.let_go(stuck.claimed_by, but=heartbeats.this_worker().unsettled)
    assert Client.objects.get(name="sensor-1").claim_token is not None
