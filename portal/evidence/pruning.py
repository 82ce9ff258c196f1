"""Delete the oldest entries, and leave a sealed checkpoint from which the chain can still be verified."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from portal import activity
from portal.evidence import encoding
from portal.evidence.keys import current_key, key_id
from portal.models import Activity, ActivityCheckpoint, ActivityLink, Part, Sealer, UnsealedPart

KIND = "portal.activity"
BATCH = 2000  # links deleted in one transaction, so that no one waits long


@dataclass(frozen=True)
class Pruned:
    """What was deleted."""

    entries: int = 0
    through: int = 0  # the last place that was deleted


def prune(before: datetime, batch: int = BATCH) -> Pruned:
    """Delete the entries at the beginning of the chain that are older than `before`, and record that.

    It stops at the first entry that is not older. Entries without a place in the chain stay. The triggers of the database
    let exactly those entries go that are before a checkpoint; it is made in the same transaction.

    Raises:
        KeyMissingError: there is no key to seal the checkpoint with.
    """
    key = current_key()
    Sealer.objects.get_or_create(pk=1)
    entries, through = 0, 0
    while done := _prune_batch(before, key, batch):
        entries, through = entries + done.entries, done.through
    if through:
        activity.record(
            None,
            verb="Prune activity log",
            kind=KIND,
            object_pk=None,
            object_name="Activity log",
            after={"deleted_entries": entries, "before": before.isoformat(), "through_place": through},
        )
    return Pruned(entries, through)


def count_prunable(before: datetime) -> int:
    """Return how many entries `prune` would delete now."""
    kept = _first_kept(before)
    links = ActivityLink.objects.filter(part=Part.ENTRY)
    return (links if kept is None else links.filter(place__lt=kept)).count()


def _first_kept(before: datetime) -> int | None:
    young = Activity.objects.filter(at__gte=before).values("pk")
    places = ActivityLink.objects.filter(part=Part.ENTRY, entry__in=young)
    return places.order_by("place").values_list("place", flat=True).first()


def _prune_batch(before: datetime, key: bytes, size: int) -> Pruned | None:
    with transaction.atomic(durable=True):
        # The process that seals locks this row too, so no outcome of these entries gets its place meanwhile.
        Sealer.objects.select_for_update().get(pk=1)
        links = _oldest_links(before, size)
        if not links:
            return None
        pks = [entry for _, entry, part, _ in links if part == Part.ENTRY]
        through, _, _, seal = links[-1]
        _add_checkpoint(key, through, seal, pks)
        Activity.objects.filter(pk__in=pks).delete()
        UnsealedPart.objects.filter(entry__in=pks).delete()
        ActivityLink.objects.filter(place__lte=through).delete()
        ActivityCheckpoint.objects.filter(through__lt=through).delete()
        return Pruned(len(pks), through)


def _oldest_links(before: datetime, size: int) -> list[tuple[int, int, str, str]]:
    """Return place, entry, part and seal of the links up to the first entry that is not older than `before`."""
    links = list(ActivityLink.objects.order_by("place").values_list("place", "entry", "part", "seal")[:size])
    young = set(
        Activity.objects.filter(pk__in={entry for _, entry, _, _ in links}, at__gte=before).values_list("pk", flat=True)
    )
    stop = next(
        (at for at, (_, entry, part, _) in enumerate(links) if part == Part.ENTRY and entry in young), len(links)
    )
    return links[:stop]


def _add_checkpoint(key: bytes, through: int, seal: str, pks: list[int]) -> None:
    former = ActivityCheckpoint.objects.order_by("-through").first()
    later = ActivityLink.objects.filter(entry__in=pks, part=Part.OUTCOME, place__gt=through)
    left = [each for each in (former.outcomes_left if former else []) if each[0] > through]
    left += [list(each) for each in later.order_by("place").values_list("place", "entry")]
    checkpoint = ActivityCheckpoint(
        through=through,
        through_seal=seal,
        pruned_at=timezone.now(),
        entries=len(pks) + (former.entries if former else 0),
        outcomes_left=left,
        key_id=key_id(key),
    )
    checkpoint.seal = encoding.checkpoint_seal(key, vars(checkpoint))
    checkpoint.save(force_insert=True)
