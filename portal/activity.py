"""The activity log: every change, by whom, what before and after, and how its sync ended."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from portal.models import Activity, Team, User


def record(
    actor: User | None,
    *,
    verb: str,
    kind: str,
    object_pk: int | None,
    object_name: str,
    scope: int | None = None,
    scope_name: str = "",
    team: Team | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    generation: int | None = None,
    synced: bool = False,
) -> Activity:
    """Write one entry, inside the transaction of the change it tells of.

    `actor` is None for what the portal itself did (an import). `kind` is a model label such as "namespaces.client".
    `scope` is the primary key of the namespace. `synced` says that the change still has to reach Azure: the entry
    stays pending until `settle` is called with the same `generation`.
    """
    return Activity.objects.create(
        at=timezone.now(),
        actor=actor,
        actor_name=actor.display_name if actor else "Portal",
        team_name=team.name if team else "",
        verb=verb,
        scope=scope,
        scope_name=scope_name,
        kind=kind,
        object_pk=object_pk,
        object_name=object_name,
        before=dict(before) if before is not None else None,
        after=dict(after) if after is not None else None,
        generation=generation,
        outcome=Activity.Outcome.PENDING if synced else Activity.Outcome.LOCAL,
    )


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
