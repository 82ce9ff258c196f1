"""Check the activity log against its chain, and name the first entry that was altered, deleted or cut off."""

import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from portal.evidence import encoding
from portal.evidence.keys import all_keys
from portal.evidence.sealing import Head
from portal.models import Activity, ActivityCheckpoint, ActivityLink, Part, UnsealedPart

BATCH = 1000  # links compared at a time
_LINK = ("place", "entry", "part", "version", "key_id", "digest", "seal", "sealed_at")
_SETTLED = (Activity.Outcome.SUCCEEDED, Activity.Outcome.FAILED, Activity.Outcome.SUPERSEDED)


@dataclass(frozen=True)
class Problem:
    """The first thing found that is not as it was sealed."""

    code: str
    sentence: str
    place: int | None = None
    entry: int | None = None


@dataclass
class Verification:
    """The result: `head` is of the part of the chain that was checked."""

    head: Head = field(default_factory=lambda: Head(0, encoding.NO_LINK))
    problem: Problem | None = None
    links: int = 0
    pruned: int = 0  # entries that pruning has deleted
    unsealed: int = 0  # parts of entries that wait for their place
    head_is_pruned: bool = False  # the given head is before the last checkpoint, so it could not be compared


class _Found(Exception):  # noqa: N818 - ends the check
    def __init__(self, code: str, sentence: str, place: int | None = None, entry: int | None = None) -> None:
        super().__init__(code)
        self.problem = Problem(code, sentence, place, entry)


def verify(known_head: Head | None = None) -> Verification:
    """Check every entry, link and checkpoint as they are at this moment.

    Args:
        known_head: a head from the server log or another place that the database cannot reach.

    Raises:
        KeyMissingError: there is no key.
    """
    keys, result = all_keys(), Verification()
    with _snapshot():
        result.unsealed = UnsealedPart.objects.count()
        try:
            outcomes_left = _check_checkpoint(keys, result)
            if known_head is not None:
                _compare_with_cut(known_head, result)
            _walk(keys, outcomes_left, known_head, result)
            if known_head is not None and known_head.place > result.head.place:
                raise _cut_off(known_head, result.head)
            _find_unqueued()
        except _Found as found:
            result.problem = found.problem
    return result


@contextmanager
def _snapshot() -> Iterator[None]:
    """Read everything as of one moment, without holding writers up. Inside a transaction, that is what it sees."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")  # Django's own transactions would lock the database for writing
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def _check_checkpoint(keys: Mapping[str, bytes], result: Verification) -> dict[int, int]:
    """Begin at the last checkpoint, and return the places whose entries it deleted, with these entries."""
    newest = ActivityCheckpoint.objects.order_by("-through").values().first()
    if newest is None:
        return {}
    key = keys.get(newest["key_id"])
    if key is None:
        raise _unknown_key(newest["key_id"], newest["through"])
    if not hmac.compare_digest(encoding.checkpoint_seal(key, newest), newest["seal"]):
        raise _Found(
            "checkpoint_altered",
            f"The checkpoint at place {newest['through']} was not made by prune_activity, or was altered.",
            newest["through"],
        )
    result.head = Head(newest["through"], newest["through_seal"])
    result.pruned = newest["entries"]
    return dict(newest["outcomes_left"])


def _compare_with_cut(known: Head, result: Verification) -> None:
    if known.place < result.head.place:
        result.head_is_pruned = True
    elif known.place == result.head.place and known.seal != result.head.seal:
        raise _other_head(known)


def _walk(keys: Mapping[str, bytes], left: Mapping[int, int], known: Head | None, result: Verification) -> None:
    while links := list(
        ActivityLink.objects.filter(place__gt=result.head.place).order_by("place").values(*_LINK)[:BATCH]
    ):
        pks = {link["entry"] for link in links}
        entries = {each["id"]: each for each in Activity.objects.filter(pk__in=pks).values(*encoding.FIELDS)}
        for link in links:
            _check_link(link, keys, result)
            if left.get(link["place"]) != link["entry"]:
                _check_entry(link, entries.get(link["entry"]))
            result.head = Head(link["place"], link["seal"])
            result.links += 1
            if known is not None and known.place == link["place"] and known.seal != link["seal"]:
                raise _other_head(known)


def _check_link(link: Mapping[str, Any], keys: Mapping[str, bytes], result: Verification) -> None:
    place, expected = link["place"], result.head.place + 1
    if place != expected:
        raise _Found(
            "link_missing",
            f"Place {expected} is missing: an entry was removed before entry {link['entry']} at place {place}.",
            expected,
        )
    key = keys.get(link["key_id"])
    if key is None:
        raise _unknown_key(link["key_id"], place)
    if not hmac.compare_digest(encoding.link_seal(key, result.head.seal, link), link["seal"]):
        raise _Found(
            "link_altered",
            f"The link at place {place}, of entry {link['entry']}, was altered, or belongs to another place.",
            place,
            link["entry"],
        )


def _check_entry(link: Mapping[str, Any], entry: Mapping[str, Any] | None) -> None:
    place, pk = link["place"], link["entry"]
    if entry is None:
        raise _Found("entry_missing", f"Entry {pk}, sealed at place {place}, was deleted.", place, pk)
    what = "outcome" if link["part"] == Part.OUTCOME else "entry"
    try:
        is_same = encoding.digest(link["part"], entry, link["version"]) == link["digest"]
    except LookupError:
        raise _Found(
            "version_unknown", f"The link at place {place} was made by a newer portal. Verify with that one.", place, pk
        ) from None
    if not is_same:
        subject = f"The outcome of entry {pk}" if what == "outcome" else f"Entry {pk}"
        raise _Found(f"{what}_altered", f"{subject}, sealed at place {place}, was altered.", place, pk)
    if what == "entry" and entry["outcome"] == Activity.Outcome.PENDING and _has_outcome(entry):
        raise _Found("outcome_altered", f"Entry {pk} is pending and has an outcome all the same.", place, pk)


def _has_outcome(entry: Mapping[str, Any]) -> bool:
    return bool(entry["outcome_code"] or entry["outcome_message"] or entry["settled_at"])


def _find_unqueued() -> None:
    """Raise for the first entry that has no place and does not wait for one: its link was removed, or it was forged."""
    for part, entries in (
        (Part.ENTRY, Activity.objects.all()),
        (Part.OUTCOME, Activity.objects.filter(outcome__in=_SETTLED)),
    ):
        ours = Q(entry=OuterRef("pk"), part=part)
        loose = entries.exclude(Exists(ActivityLink.objects.filter(ours))).exclude(
            Exists(UnsealedPart.objects.filter(ours))
        )
        pk = loose.order_by("pk").values_list("pk", flat=True).first()
        if pk is not None:
            subject = f"The outcome of entry {pk}" if part == Part.OUTCOME else f"Entry {pk}"
            raise _Found(
                "link_cut_off",
                f"{subject} has no place in the chain and does not wait for one: its link was removed, or it was forged.",
                entry=pk,
            )


def _cut_off(known: Head, last: Head) -> _Found:
    return _Found(
        "cut_off",
        f"The chain ends at place {last.place}, but the head names place {known.place}: the last {known.place - last.place} "
        "links were removed, or an older backup was restored.",
        last.place + 1,
    )


def _other_head(known: Head) -> _Found:
    return _Found(
        "head_differs",
        f"Place {known.place} has another seal than the head: the chain was written anew, or continued after an older "
        "backup was restored.",
        known.place,
    )


def _unknown_key(key_id: str, place: int) -> _Found:
    return _Found(
        "key_unknown",
        f"Place {place} was sealed with a key that the portal does not have ({key_id!r:.20}). Add the former key to "
        "PORTAL_ACTIVITY_KEY_FALLBACKS.",
        place,
    )
