"""A periodic job runs in one process at a time, also when its last run takes longer than its period."""

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from sync.models import Lease


class Hold:
    """A lease that this process holds."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self._length = timedelta(seconds=seconds)
        self.token = uuid.uuid4()

    def take(self) -> bool:
        now = timezone.now()
        free = Lease.objects.filter(Q(until__isnull=True) | Q(until__lte=now), name=self.name)
        return bool(free.update(token=self.token, until=now + self._length))

    def renew(self) -> None:
        """Hold it for its whole length from now on."""
        self._mine().update(until=timezone.now() + self._length)

    def give_back(self) -> None:
        self._mine().update(token=None, until=None)

    def _mine(self) -> QuerySet[Lease]:
        return Lease.objects.filter(name=self.name, token=self.token)


@contextmanager
def kept(name: str, *, seconds: float) -> Iterator[Hold | None]:
    """Hold the lease `name` for the block, which renews it. Yields None when another process holds it; then the block
    should do nothing.

    `seconds` bounds how long a process that died keeps it, and must be longer than the time between two renewals.
    """
    Lease.objects.get_or_create(name=name)
    hold = Hold(name, seconds)
    taken = hold.take()
    try:
        yield hold if taken else None
    finally:
        if taken:
            hold.give_back()


@contextmanager
def held(name: str, *, seconds: float) -> Iterator[bool]:
    """As `kept`, for a block that is over in `seconds`. Yields whether the block should do anything."""
    with kept(name, seconds=seconds) as hold:
        yield hold is not None


def held_now(names: Collection[str], at: datetime) -> set[str]:
    """Those of `names` that some process holds."""
    return set(Lease.objects.filter(name__in=names, until__gt=at).values_list("name", flat=True))
