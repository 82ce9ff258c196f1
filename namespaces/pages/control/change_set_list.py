"""The list of change sets, and those that wait for one person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Page
from django.db.models import Q
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from namespaces.access import visible_namespaces, with_rights
from namespaces.control.cases import waiting_for
from namespaces.control.rules.policy import Need
from namespaces.control.visibility import visible_change_sets
from namespaces.models import ChangeSet, Namespace
from portal.listing import page_of
from portal.models import User
from portal.registry import BellLine

State = ChangeSet.State
MOST_ASKED = 50  # open requests that are looked at for one person
WAITING, MINE = "waiting", "mine"
FILTERS: dict[str, tuple[str, Q | None]] = {
    WAITING: ("Waiting for me", None),
    "open": ("Open", Q(state=State.OPEN)),
    "stale": ("No longer apply", Q(state=State.STALE)),
    "on-the-way": ("On the way", Q(state__in=ChangeSet.UNFINISHED)),
    "applied": ("Applied", Q(state=State.DONE)),
    "declined": ("Declined", Q(state__in=[State.DECLINED, State.WITHDRAWN, State.EXPIRED])),
    MINE: ("Mine", None),
    "all": ("All", Q()),
}


@dataclass(frozen=True)
class ListedChangeSet:
    change_set: ChangeSet
    state: State
    changes: int


@dataclass(frozen=True)
class ChangeSetList:
    """One page of change sets, newest first, narrowed by `chosen`. `waiting` is the number that waits for this person."""

    chosen: str
    page: Page[ChangeSet]
    rows: Sequence[ListedChangeSet]
    waiting: int

    @property
    def choices(self) -> list[tuple[str, str, int | None]]:
        return [(code, label, self.waiting if code == WAITING else None) for code, (label, _) in FILTERS.items()]


def change_set_list(user: User, namespace: Namespace, query: QueryDict, *, at: datetime) -> ChangeSetList:
    """Return the change sets of a namespace that this person sees."""
    rows = visible_change_sets(user, namespace).select_related("requested_by")
    waiting = [each.pk for each in _waiting_in(user, namespace, at)]
    chosen = query.get("show", "")
    if chosen not in FILTERS:
        chosen = WAITING if waiting else "all"
    condition = FILTERS[chosen][1]
    if chosen == WAITING:
        condition = Q(pk__in=waiting)
    elif chosen == MINE:
        condition = Q(requested_by=user)
    page = page_of(rows.filter(condition).order_by("-pk"), query)
    listed = [ListedChangeSet(each, each.state_at(at), each.changes.count()) for each in page]
    return ChangeSetList(chosen, page, listed, len(waiting))


def _waiting_in(user: User, namespace: Namespace, at: datetime) -> list[ChangeSet]:
    rows = visible_change_sets(user, namespace).filter(state=State.OPEN, expires_at__gt=at)
    found = list(rows.select_related("requested_by").order_by("-pk")[:MOST_ASKED])
    for each in found:
        each.namespace = namespace
    return waiting_for(user, found, at)


def waiting_about(user: User, namespace: Namespace, need: Need, *, at: datetime) -> list[ChangeSet]:
    """Return the change sets that wait for approval because of one kind of change, the newest first."""
    rows = visible_change_sets(user, namespace).filter(state=State.OPEN, expires_at__gt=at)
    found = rows.select_related("requested_by").order_by("-pk")[:MOST_ASKED]
    return [each for each in found if need in each.needs]


def bell_line(user: User) -> BellLine | None:
    """Return how many change sets wait for this person, for the top of the notifications; None where none does."""
    busy = ChangeSet.objects.waiting(timezone.now()).order_by().values("namespace")
    seen = visible_namespaces(user).filter(pk__in=busy)
    found = waiting_for_person(user, with_rights(user, seen), at=timezone.now())
    if not found:
        return None
    count = len(found)
    text = f"{count} change {'set waits' if count == 1 else 'sets wait'} for you"
    url = reverse("namespaces:change_set_detail", args=[found[0].namespace_id, found[0].pk])
    return BellLine("change-sets", count, text, url if count == 1 else reverse("home:home"))


def waiting_for_person(user: User, namespaces: Iterable[Namespace], *, at: datetime) -> list[ChangeSet]:
    """Return the change sets in these namespaces that wait for this person, the oldest first."""
    known = {each.pk: each for each in namespaces}
    busy = ChangeSet.objects.waiting(at).filter(namespace__in=known).order_by().values_list("namespace", flat=True)
    found = [each for pk in sorted(set(busy.distinct())) for each in _waiting_in(user, known[pk], at)]
    return sorted(found, key=lambda each: each.pk)
