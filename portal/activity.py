"""The activity log: every change with its actor, the values before and after, and the result of its sync."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict, Unpack

from django.utils import timezone

from portal.evidence import origin
from portal.models import Activity, Team, User

SESSIONS = "portal.session"  # the kind of entries about sign-ins and accounts
DOWNLOADS, DENIED = "portal.download", "portal.denied"
ACCESS_REQUESTS = "namespaces.accessrequest"  # about roles that people ask for: those concerned get a notice
CHANGE_SETS = "namespaces.changeset"  # what people decide about them: the same
NO_NEWS = (SESSIONS, DOWNLOADS, DENIED, ACCESS_REQUESTS, CHANGE_SETS)  # kinds of entries that are no news for others

_reason: ContextVar[str] = ContextVar("reason", default="")


@contextmanager
def because(reason: str) -> Iterator[None]:
    """Give this reason to the entries of a larger change, such as a change set, that have none of their own."""
    token = _reason.set(reason)
    try:
        yield
    finally:
        _reason.reset(token)


class EntryValues(TypedDict):
    """The values of an entry.

    `kind` is a model label such as "namespaces.client"; `scope` is the primary key of the namespace. If `synced`,
    the change still has to reach Azure: the entry stays pending until `settle` is called with the same `generation`.
    `reason` is what the actor gave for it, or why something was denied.
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
    reason: NotRequired[str]


def record(actor: User | None, **values: Unpack[EntryValues]) -> Activity:
    """Save one entry in the transaction of the change, and return it. `actor` is None for the portal itself."""
    entry = entry_of(actor, **values)
    entry.save(force_insert=True)
    return entry


def entry_of(actor: User | None, **values: Unpack[EntryValues]) -> Activity:
    """Return an unsaved entry, for `record_many`."""
    team, before, after = values.get("team"), values.get("before"), values.get("after")
    came_from = origin.current()
    return Activity(
        at=timezone.now(),
        actor=actor,
        actor_name=actor.display_name if actor else "Portal",
        team_name=team.name if team else "",
        verb=values["verb"],
        scope=values.get("scope"),
        scope_name=values.get("scope_name", ""),
        kind=values["kind"],
        object_pk=values["object_pk"],
        object_name=values["object_name"],
        before=dict(before) if before is not None else None,
        after=dict(after) if after is not None else None,
        generation=values.get("generation"),
        address=came_from.address,
        request_id=came_from.request_id,
        reason=values.get("reason") or _reason.get(),
        outcome=Activity.Outcome.PENDING if values.get("synced") else Activity.Outcome.LOCAL,
    )


def record_many(entries: Sequence[Activity]) -> None:
    """Save the entries of one change to many objects, in the transaction of the change."""
    Activity.objects.bulk_create(entries)


def settle(kind: str, pk: int, generation: int, outcome: str, code: str = "", message: str = "") -> None:
    """Set the result of the sync of `generation`. Older pending entries were sent with it: superseded."""
    now = timezone.now()
    pending = Activity.objects.filter(kind=kind, object_pk=pk, outcome=Activity.Outcome.PENDING)
    pending.filter(generation=generation).update(
        outcome=outcome, outcome_code=code, outcome_message=message, settled_at=now
    )
    pending.filter(generation__lt=generation).update(outcome=Activity.Outcome.SUPERSEDED, settled_at=now)


@dataclass(frozen=True)
class Ending:
    """The outcome of the sync of one generation of an object."""

    generation: int
    outcome: str
    code: str = ""
    message: str = ""


def settle_many(kind: str, endings: Mapping[int, Ending]) -> None:
    """Call `settle` for many objects of one kind, by primary key, with one statement per distinct outcome."""
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
        pending.filter(pk__in=pks).update(  # some may have been settled meanwhile
            outcome=outcome, outcome_code=code, outcome_message=message, settled_at=now
        )


def seen_until(user: User) -> datetime:
    """Return until when the user has read everything: at least until the account was created."""
    return user.activity_seen_at or user.date_joined


def mark_seen(user: User, until: datetime | None = None) -> None:
    """Mark everything up to `until` as read. Later entries, which arrived while the list was open, stay unread."""
    moment = min(until or timezone.now(), timezone.now())
    if moment > seen_until(user):
        user.activity_seen_at = moment
        user.save(update_fields=["activity_seen_at"])


def mark_first_sign_in(user: User) -> None:
    """Mark everything as read for a user who signs in for the first time."""
    if user.last_login is None:
        mark_seen(user)
