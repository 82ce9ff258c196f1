"""A periodic job runs in one process at a time, also when its last run takes longer than its period."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from sync.models import Lease


@contextmanager
def held(name: str, *, seconds: float) -> Iterator[bool]:
    """Hold the lease `name` for the block. Yields False when another process holds it; then the block should do nothing.

    `seconds` bounds how long a process that died keeps it.
    """
    Lease.objects.get_or_create(name=name)
    token, now = uuid.uuid4(), timezone.now()
    free = Lease.objects.filter(Q(until__isnull=True) | Q(until__lte=now), name=name)
    taken = bool(free.update(token=token, until=now + timedelta(seconds=seconds)))
    try:
        yield taken
    finally:
        if taken:
            Lease.objects.filter(name=name, token=token).update(token=None, until=None)
