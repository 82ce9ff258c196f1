"""Two workers that claim at the same instant never get the same row."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from namespaces.models import Client, Namespace
from sync.push.claim_and_settle import claim
from tests.support.database.factories import make_client

# SQLite serializes writes, and in memory it rejects the second writer: `test_on_postgresql` runs this test.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.on_postgresql]

ROWS, WORKERS, ROUNDS = 30, 4, 5


def test_workers_that_claim_at_the_same_instant_share_the_rows(factory: Namespace) -> None:
    rows = [make_client(factory, f"sensor-{number}", synced_generation=0) for number in range(ROWS)]
    pks = [row.pk for row in rows]
    at_once = threading.Barrier(WORKERS)

    def take(worker: int) -> list[int]:
        try:
            order = pks if worker % 2 else pks[::-1]
            at_once.wait(20)
            return [each.row.pk for each in claim(Client, order, worker=f"w{worker}")]
        finally:
            connections.close_all()

    for _ in range(ROUNDS):
        Client.objects.update(claim_token=None, claimed_until=None, claimed_by="")
        with ThreadPoolExecutor(WORKERS) as threads:
            taken = [pk for found in threads.map(take, range(WORKERS)) for pk in found]
        assert sorted(taken) == sorted(pks)  # each exactly once
        assert set(Client.objects.values_list("claimed_by", flat=True)) <= {f"w{number}" for number in range(WORKERS)}
