"""Give each committed entry the next place in the chain. One process does so at a time, and no one waits for it."""

import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from portal.evidence import encoding
from portal.evidence.keys import current_key, key_id
from portal.models import Activity, ActivityCheckpoint, ActivityLink, Sealer, UnsealedPart

logger = logging.getLogger(__name__)

BATCH = 500  # parts sealed in one transaction
LEASE = timedelta(seconds=5)  # without renewal: a sealer that was killed holds others up for no longer
HEAD_LOGGED = timedelta(hours=1)


@dataclass(frozen=True)
class Head:
    """The last place of the chain and its seal. Kept elsewhere, it proves that nothing before it was cut off."""

    place: int
    seal: str

    def __str__(self) -> str:
        return f"{self.place}:{self.seal}"


class Clock(Protocol):
    def __call__(self) -> float: ...


def seal_entries(deadline: float, clock: Clock = time.monotonic) -> int:
    """Seal what waits until `clock()` reaches `deadline`, and return the number of parts: 0 while another process seals.

    Raises:
        KeyMissingError: there is no key to seal with.
    """
    key = current_key()
    if not UnsealedPart.objects.exists() and not _is_due_for_log(timezone.now()):
        return 0
    token = uuid.uuid4()
    if not _take_lease(token):
        return 0
    sealed = 0
    try:
        while count := _seal_batch(token, key):
            sealed += count
            if clock() >= deadline:
                break
        _log_head(token)
    finally:
        Sealer.objects.filter(token=token).update(token=None, until=None)
    return sealed


def head() -> Head:
    """Return the head of the chain: of its last link, else of the last checkpoint."""
    link = ActivityLink.objects.order_by("-place").values_list("place", "seal").first()
    cut = ActivityCheckpoint.objects.order_by("-through").values_list("through", "through_seal").first()
    return Head(*(link or cut or (0, encoding.NO_LINK)))


def _take_lease(token: uuid.UUID) -> bool:
    """Take the lease if it is free. One that ends later than any lease can was taken before the clock went back."""
    now = timezone.now()
    Sealer.objects.get_or_create(pk=1)
    is_free = Q(until__isnull=True) | Q(until__lte=now) | Q(until__gt=now + LEASE)
    return bool(Sealer.objects.filter(is_free, pk=1).update(token=token, until=now + LEASE))


def _seal_batch(token: uuid.UUID, key: bytes) -> int:
    """Seal the next parts in one transaction, and return their number: 0 too when the lease was lost.

    The renewal locks the row of the lease until the commit. A process that lost it waits there, and then finds the token of
    the other: so two never write links at once.
    """
    with transaction.atomic(durable=True):
        if not Sealer.objects.filter(token=token).update(until=timezone.now() + LEASE):
            return 0
        waiting = list(UnsealedPart.objects.order_by("pk")[:BATCH])
        if not waiting:
            return 0
        ActivityLink.objects.bulk_create(_links(waiting, head(), key))
        UnsealedPart.objects.filter(pk__in=[each.pk for each in waiting]).delete()
        return len(waiting)


def _links(waiting: list[UnsealedPart], last: Head, key: bytes) -> Iterator[ActivityLink]:
    entries = {
        values["id"]: values
        for values in Activity.objects.filter(pk__in={each.entry for each in waiting}).values(*encoding.FIELDS)
    }
    place, former, name, now = last.place, last.seal, key_id(key), timezone.now()
    for each in waiting:
        entry = entries.get(each.entry)
        place += 1
        link = ActivityLink(
            place=place,
            entry=each.entry,
            part=each.part,
            version=encoding.VERSION,
            key_id=name,
            digest=encoding.digest(each.part, entry) if entry else encoding.DELETED,
            sealed_at=now,
        )
        if entry is None:
            logger.error("Entry %s of the activity log was deleted before it was sealed.", each.entry)
        former = link.seal = encoding.link_seal(key, former, vars(link))
        yield link


def _is_due_for_log(now: datetime) -> bool:
    logged = Sealer.objects.filter(pk=1).values_list("head_logged_at", flat=True).first()
    return logged is None or not timedelta() <= now - logged < HEAD_LOGGED


def _log_head(token: uuid.UUID) -> None:
    """Write the head to the server log each hour. Whoever cuts the chain cannot take it back from there."""
    now = timezone.now()
    if _is_due_for_log(now) and Sealer.objects.filter(token=token).update(head_logged_at=now):
        logger.info("The head of the activity log's chain is %s.", head())
