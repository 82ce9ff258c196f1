"""Leases let a periodic job run in one process at a time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sync.models import Lease
from sync.workers.leases import exclusive, names_held, renewable

pytestmark = pytest.mark.django_db


def test_one_process_at_a_time_holds_a_lease() -> None:
    with (
        exclusive("job", seconds=60) as first,
        exclusive("job", seconds=60) as second,
        exclusive("other", seconds=60) as other,
    ):
        assert (first, second, other) == (True, False, True)
    with exclusive("job", seconds=60) as again:
        assert again


def test_the_lease_of_a_killed_process_expires() -> None:
    Lease.objects.create(name="job", until=timezone.now() + timedelta(seconds=60))
    with exclusive("job", seconds=60) as early:
        assert not early
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    with exclusive("job", seconds=60) as late:
        assert late


def test_a_job_that_fails_gives_its_lease_back() -> None:
    with pytest.raises(RuntimeError), exclusive("job", seconds=60):
        raise RuntimeError
    with exclusive("job", seconds=60) as again:
        assert again


def test_a_long_job_renews_its_lease() -> None:
    with renewable("job", seconds=60) as lock:
        assert lock is not None
        Lease.objects.update(until=timezone.now() + timedelta(seconds=1))
        lock.renew()
        assert names_held(["job", "other"], timezone.now() + timedelta(seconds=50)) == {"job"}
    assert names_held(["job"], timezone.now()) == set()


def test_an_expired_lease_that_another_process_took_is_not_renewed() -> None:
    with renewable("job", seconds=60) as late:
        assert late is not None
        Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
        with renewable("job", seconds=5) as other:
            assert other is not None
            late.renew()
            assert names_held(["job"], timezone.now() + timedelta(seconds=10)) == set()
