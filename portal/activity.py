"""The activity log: every change, by whom, what before and after, and how its sync ended."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, Unpack

from django.utils import timezone

from portal.models import Activity, Team, User


class Told(TypedDict):
    """What an entry tells of a change.

    `kind` is a model label such as "namespaces.client"; `scope` is the primary key of the namespace. `synced` says that
    the change still has to reach Azure: the entry stays pending until `settle` is called with the same `generation`.
    """

    verb: str
    kind: str
    object_pk: int | None
    object_name: str
    scope: NotRequired[int | None]
    scope_name: NotRequired[str]
    team: NotRequired[Team | None]
    before: NotRequired[Mapping[str, Any] | None]
    after: NotRequired[Mapping[str, Any] | None]
    generation: NotRequired[int | None]
    synced: NotRequired[bool]


def record(actor: User | None, **told: Unpack[Told]) -> Activity:
    """Write one entry, inside the transaction of the change. `actor` is None for what the portal itself did."""
    entry = entry_of(actor, **told)
    entry.save(force_insert=True)
    return entry


def entry_of(actor: User | None, **told: Unpack[Told]) -> Activity:
    """The entry that `record` writes, not written yet: for `record_many`."""
    team, before, after = told.get("team"), told.get("before"), told.get("after")
    return Activity(
        at=timezone.now(),
        actor=actor,
        actor_name=actor.display_name if actor else "Portal",
        team_name=team.name if team else "",
        verb=told["verb"],
        scope=told.get("scope"),
        scope_name=told.get("scope_name", ""),
        kind=told["kind"],
        object_pk=told["object_pk"],
        object_name=told["object_name"],
        before=dict(before) if before is not None else None,
        after=dict(after) if after is not None else None,
        generation=told.get("generation"),
        outcome=Activity.Outcome.PENDING if told.get("synced") else Activity.Outcome.LOCAL,
    )


def record_many(entries: Sequence[Activity]) -> None:
    """Write entries of one change to many objects, inside the transaction of the change."""
    Activity.objects.bulk_create(entries)


def settle(kind: str, pk: int, generation: int, outcome: str, code: str = "", message: str = "") -> None:
    """Say how the sync of `generation` ended. Older entries that still wait went out with it: superseded."""
    now = timezone.now()
    pending = Activity.objects.filter(kind=kind, object_pk=pk, outcome=Activity.Outcome.PENDING)
    pending.filter(generation=generation).update(
        outcome=outcome, outcome_code=code, outcome_message=message, settled_at=now
    )
    pending.filter(generation__lt=generation).update(outcome=Activity.Outcome.SUPERSEDED, settled_at=now)


@dataclass(frozen=True)
class Ending:
    """How the sync of one generation of an object ended."""

    generation: int
    outcome: str
    code: str = ""
    message: str = ""


def settle_many(kind: str, endings: Mapping[int, Ending]) -> None:
    """`settle` for many objects of one kind, by primary key, in as few statements as there are different endings."""
    if not endings:
        return
    now = timezone.now()
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    pending = Activity.objects.filter(kind=kind, object_pk__in=endings, outcome=Activity.Outcome.PENDING)
    rows: Any = pending.filter(generation__isnull=False).values_list("pk", "object_pk", "generation")
    for pk, object_pk, generation in rows:
        ending = endings[object_pk]
        if generation == ending.generation:
            groups[(ending.outcome, ending.code, ending.message)].append(pk)
        elif generation < ending.generation:
            groups[(Activity.Outcome.SUPERSEDED, "", "")].append(pk)
    for (outcome, code, message), pks in groups.items():
        Activity.objects.filter(pk__in=pks).update(
            outcome=outcome, outcome_code=code, outcome_message=message, settled_at=now
        )
