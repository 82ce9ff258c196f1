"""A periodic job runs once at a time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sync.models import Lease
from sync.workers.leases import held, held_now, kept

pytestmark = pytest.mark.django_db


def test_a_second_holder_is_told_to_do_nothing() -> None:
    with held("job", seconds=60) as first, held("job", seconds=60) as second, held("other", seconds=60) as other:
        assert (first, second, other) == (True, False, True)
    with held("job", seconds=60) as again:
        assert again


def test_a_holder_that_died_keeps_it_only_for_a_while() -> None:
    Lease.objects.create(name="job", until=timezone.now() + timedelta(seconds=60))
    with held("job", seconds=60) as early:
        assert not early
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    with held("job", seconds=60) as late:
        assert late


def test_a_job_that_fails_gives_it_back() -> None:
    with pytest.raises(RuntimeError), held("job", seconds=60):
        raise RuntimeError
    with held("job", seconds=60) as again:
        assert again


def test_a_holder_that_goes_on_renews_it() -> None:
    with kept("job", seconds=60) as hold:
        assert hold is not None
        Lease.objects.update(until=timezone.now() + timedelta(seconds=1))
        hold.renew()
        assert held_now(["job", "other"], timezone.now() + timedelta(seconds=50)) == {"job"}
    assert held_now(["job"], timezone.now()) == set()


def test_what_another_holds_by_now_is_not_renewed() -> None:
    with kept("job", seconds=60) as late:
        assert late is not None
        Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
        with kept("job", seconds=5) as other:
            assert other is not None
            late.renew()
            assert held_now(["job"], timezone.now() + timedelta(seconds=10)) == set()
