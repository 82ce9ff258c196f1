"""Leases: a periodic job runs in one process at a time, even when a run takes longer than its period."""

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from sync.models import Lease


class Lock:
    """A named lease of this process."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self._length = timedelta(seconds=seconds)
        self.token = uuid.uuid4()

    def take(self) -> bool:
        """Take the lease if it is free. Return whether that worked."""
        now = timezone.now()
        free = Lease.objects.filter(Q(until__isnull=True) | Q(until__lte=now), name=self.name)
        return bool(free.update(token=self.token, until=now + self._length))

    def renew(self) -> None:
        """Extend the lease to its full length from now. Do nothing when another process holds it."""
        self._mine().update(until=timezone.now() + self._length)

    def give_back(self) -> None:
        """End the lease before its time."""
        self._mine().update(token=None, until=None)

    def _mine(self) -> QuerySet[Lease]:
        return Lease.objects.filter(name=self.name, token=self.token)


@contextmanager
def renewable(name: str, *, seconds: float) -> Iterator[Lock | None]:
    """Hold the lease `name` for a block that renews it. Yield None while another process holds it.

    Args:
        name: of the job.
        seconds: how long the lease lasts without a renewal, also when its process was killed.
    """
    Lease.objects.get_or_create(name=name)
    lock = Lock(name, seconds)
    taken = lock.take()
    try:
        yield lock if taken else None
    finally:
        if taken:
            lock.give_back()


@contextmanager
def exclusive(name: str, *, seconds: float) -> Iterator[bool]:
    """Hold the lease `name` for a block that ends within `seconds`. Yield whether this process holds it."""
    with renewable(name, seconds=seconds) as lock:
        yield lock is not None


def names_held(names: Collection[str], at: datetime) -> set[str]:
    """Return those of `names` that a process holds at `at`."""
    return set(Lease.objects.filter(name__in=names, until__gt=at).values_list("name", flat=True))
