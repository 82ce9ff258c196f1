"""A periodic job runs once at a time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sync.leases import held
from sync.models import Lease

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
