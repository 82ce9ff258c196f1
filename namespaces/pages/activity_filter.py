"""Which entries of the activity log a query asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from portal.listing import asked_text
from portal.models import Activity
from portal.pages.reader_zone import zone_named

_NOT_A_DATE = "Write the date as 2026-12-31."
FIELDS = ("q", "person", "action", "result", "within", "since", "until", "zone")
WITHIN = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}


@dataclass(frozen=True)
class ActivityFilter:
    """What the user typed, and the errors by field. A field with an error does not narrow anything."""

    search: str = ""
    person: str = ""
    action: str = ""
    result: str = ""
    within: str = ""  # a key of `WITHIN`
    since: str = ""
    until: str = ""
    zone: str = ""  # in which the days begin, as in `reader_zone`
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_query(cls, query: QueryDict) -> "ActivityFilter":
        typed = {name: asked_text(query, name) for name in FIELDS}
        errors = {name: _NOT_A_DATE for name in ("since", "until") if typed[name] and _day(typed[name], UTC) is None}
        if typed["result"] and typed["result"] not in Activity.Outcome.values:
            errors["result"] = "Choose one of the results."
        if typed["within"] and typed["within"] not in WITHIN:
            errors["within"] = "Choose one of the periods."
        return cls(search=typed.pop("q"), **typed, errors=errors)

    @property
    def is_set(self) -> bool:
        return any((self.search, self.person, self.action, self.result, self.within, self.since, self.until))

    @property
    def zone_shown(self) -> str:
        """Return the zone of the days that are chosen; "" where none is, so that the page fills in the reader's."""
        return self.zone or ("UTC" if self.since or self.until else "")

    @property
    def results(self) -> list[tuple[str, str]]:
        return list(Activity.Outcome.choices)

    @property
    def periods(self) -> list[tuple[str, str]]:
        return [(code, label) for code, (label, _) in WITHIN.items()]

    def narrow(self, rows: QuerySet[Activity]) -> QuerySet[Activity]:
        """Return the entries that match. Days are those of the zone, the last one included."""
        if self.search:
            found = Q(object_name__icontains=self.search) | Q(reason__icontains=self.search)
            rows = rows.filter(found | Q(scope_name=self.search) | Q(request_id=self.search) | Q(address=self.search))
        if self.person:
            rows = rows.filter(Q(actor_name__icontains=self.person) | Q(actor__username=self.person))
        if self.action:
            rows = rows.filter(verb__icontains=self.action)
        if self.result and "result" not in self.errors:
            rows = rows.filter(outcome=self.result)
        if self.within in WITHIN:
            rows = rows.filter(at__gte=timezone.now() - WITHIN[self.within][1])
        zone = zone_named(self.zone)
        if (first := _day(self.since, zone)) is not None:
            rows = rows.filter(at__gte=first)
        if (last := _day(self.until, zone)) is not None:
            rows = rows.filter(
                at__lt=last + timedelta(days=1)
            )  # the next midnight on the clock, also of a day of 23 hours
        return rows


def _day(text: str, zone: tzinfo) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day, time(), tzinfo=zone) if 1900 < day.year < 9000 else None
