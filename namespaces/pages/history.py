"""Activity entries for pages: who, when, what changed, and how the sync ended."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import QueryDict
from django.utils.text import capfirst

from namespaces.access import sight_of
from namespaces.models import Namespace
from namespaces.pages.activity_filter import ActivityFilter
from portal.activity import DENIED, DOWNLOADS, NO_NEWS
from portal.listing import page_of
from portal.models import Activity, ActivityLink, Part, User
from sync.models import Sight, SyncedModel, visible_activities
from sync.registry import models


@dataclass(frozen=True)
class Difference:
    """One field of a change. Empty text where the field was not there."""

    field: str  # the key as it is stored
    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Entry:
    activity: Activity
    differences: list[Difference]
    url: str = ""  # of the object's page, while there is one
    place: int | None = None  # in the chain of the log; None until it is sealed

    @property
    def is_denied(self) -> bool:
        return self.activity.kind == DENIED

    @property
    def is_download(self) -> bool:
        return self.activity.kind == DOWNLOADS


@dataclass(frozen=True)
class History:
    """One page of entries, newest first."""

    page: Page[Activity]
    entries: list[Entry]
    filter: ActivityFilter


def history_of(activities: QuerySet[Activity], query: QueryDict, sight: Sight) -> History:
    page = page_of(_asked_for(activities, query), query)
    urls = _urls_of(page, sight)
    places = _places_of(page)
    entries = [
        Entry(each, differences(each), urls.get((each.kind, each.object_pk), ""), places.get(each.pk)) for each in page
    ]
    return History(page, entries, ActivityFilter.from_query(query))


def _asked_for(activities: QuerySet[Activity], query: QueryDict) -> QuerySet[Activity]:
    return ActivityFilter.from_query(query).narrow(activities).order_by("-at", "-pk")


def _places_of(activities: Iterable[Activity]) -> dict[int, int]:
    links = ActivityLink.objects.filter(entry__in=[each.pk for each in activities], part=Part.ENTRY)
    return dict(links.values_list("entry", "place"))


def listed_activities(namespace: Namespace, query: QueryDict) -> QuerySet[Activity]:
    """Return the entries of the namespace that match the query, newest first."""
    return with_places(_asked_for(visible_activities(namespace.sight), query))


def listed_everywhere(query: QueryDict) -> QuerySet[Activity]:
    """Return the entries of the whole portal that match the query, newest first."""
    return with_places(_asked_for(Activity.objects.all(), query))


def with_places(activities: QuerySet[Activity]) -> QuerySet[Activity]:
    """Add the place of each entry in the chain, and that of its outcome."""
    links = ActivityLink.objects.filter(entry=OuterRef("pk")).values("place")
    return activities.annotate(
        place=Subquery(links.filter(part=Part.ENTRY)), outcome_place=Subquery(links.filter(part=Part.OUTCOME))
    )


def _urls_of(activities: Iterable[Activity], sight: Sight) -> dict[tuple[str, int | None], str]:
    """Return the page URLs of the objects that still exist, with one statement for each kind."""
    synced = {model._meta.label_lower: model for model in models()}
    wanted: dict[str, set[int]] = {}
    for activity in activities:
        if activity.kind in synced and activity.object_pk is not None:
            wanted.setdefault(activity.kind, set()).add(activity.object_pk)
    found: dict[tuple[str, int | None], str] = {}
    for kind, pks in wanted.items():
        rows = synced[kind].visible_to(sight)
        for pk, namespace_pk, name in rows.filter(pk__in=pks).values_list("pk", "namespace_id", "name"):
            found[kind, pk] = synced[kind].page_of(namespace_pk, name)
    return found


def pages_of(user: User, activities: Iterable[Activity]) -> Mapping[tuple[str, int | None], str]:
    """Return the addresses of the pages of what was changed, by kind and primary key, where the user may see it."""
    return _urls_of(activities, sight_of(user))


def namespace_history(namespace: Namespace, query: QueryDict) -> History:
    return history_of(visible_activities(namespace.sight), query, namespace.sight)


def portal_history(query: QueryDict) -> History:
    return history_of(Activity.objects.all(), query, Sight(everywhere=True))


def recent_history(namespace: Namespace, most: int = 5) -> list[Entry]:
    """Return the newest entries of a namespace that are news."""
    return recent_in(namespace.sight, most)


def recent_in(sight: Sight, most: int = 5) -> list[Entry]:
    """Return the newest entries that are news: no downloads and nothing that was denied."""
    news = visible_activities(sight).exclude(kind__in=NO_NEWS)
    newest = list(news.order_by("-at", "-pk")[:most])
    urls = _urls_of(newest, sight)
    return [Entry(each, [], urls.get((each.kind, each.object_pk), "")) for each in newest]


def object_history(row: SyncedModel, query: QueryDict, sight: Sight) -> History:
    """Return the entries about a row that the user sees."""
    return history_of(visible_activities(sight).of_object(row.kind, row.pk), query, sight)


def differences(activity: Activity) -> list[Difference]:
    """Return the fields that differ between before and after."""
    before, after = activity.before or {}, activity.after or {}
    fields = [*after, *(name for name in before if name not in after)]
    return [
        Difference(
            name, _label(activity.kind, name), _text(activity.kind, name, before), _text(activity.kind, name, after)
        )
        for name in fields
        if _text(activity.kind, name, before)
        != _text(activity.kind, name, after)  # nothing and an empty text look the same
    ]


_IN_AZURE = "azure"  # the key under which a decision keeps what Azure held
_LABELS = {_IN_AZURE: "In Azure"}  # of what is not a field of a synced model


def _label(kind: str, field: str) -> str:
    synced = {model._meta.label_lower: model for model in models()}
    if kind in synced and field in synced[kind].field_labels:
        return synced[kind].label_of(field)
    return _LABELS.get(field, capfirst(field.replace("_", " ")))


def _text(kind: str, field: str, state: Mapping[str, Any]) -> str:
    value = state.get(field)
    if field == _IN_AZURE and isinstance(value, dict):
        value = {_label(kind, name): each for name, each in value.items()}
    if value in (None, "", [], {}):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
