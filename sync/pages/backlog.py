"""Changes that have not reached Azure: figures for every namespace at once, and rejected changes by error code.

Pages poll while something waits, so each query here is one statement for all models and namespaces.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, F, Min, Q, QuerySet, Value, Window
from django.db.models.functions import RowNumber

from portal.short_cache import kept
from sync import registry
from sync.models import Lane, Sight, SyncedModel, may_go

SHOWN_OF_EACH_REASON = 20
DELAYS_SHOWN = 10
EVERY_ROW = Sight(everywhere=True)  # for sums over a subscription, which name no row


@dataclass(frozen=True)
class Figures:
    """Numbers of rows of one namespace, or of several, by state."""

    due: int = 0  # may be sent now
    in_flight: int = 0
    waiting: int = 0  # those two, and rows that wait for a retry, for another row or for Azure
    urgent: int = 0
    deletions: int = 0
    parked_count: int = 0
    oldest_due_at: datetime | None = None

    @property
    def later(self) -> int:
        return self.waiting - self.due - self.in_flight

    def __add__(self, other: "Figures") -> "Figures":
        oldest = [at for at in (self.oldest_due_at, other.oldest_due_at) if at is not None]
        return Figures(
            self.due + other.due,
            self.in_flight + other.in_flight,
            self.waiting + other.waiting,
            self.urgent + other.urgent,
            self.deletions + other.deletions,
            self.parked_count + other.parked_count,
            min(oldest, default=None),
        )


@dataclass(frozen=True)
class ScopeFigures:
    scope_pk: int
    resource_id: str
    figures: Figures


@dataclass(frozen=True)
class ParkedGroup:
    """Rows that Azure rejected with the same error code."""

    code: str
    message: str  # of the first of them
    rows: tuple[SyncedModel, ...]  # the first ones
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.rows)


def figures_by_scope(at: datetime, sight: Sight = EVERY_ROW) -> dict[int, ScopeFigures]:
    """Return the figures of every namespace with changes that have not reached Azure. Pages share them for a moment.

    `sight` leaves out what is hidden from a person; a caller that shows a namespace's own figures passes it.
    """
    return kept(f"figures:{sight.key}", lambda: _figures_by_scope(at, sight))


def _figures_by_scope(at: datetime, sight: Sight) -> dict[int, ScopeFigures]:
    on_its_way = Q(parked_code="")
    parts = [
        _unsettled(model)
        .filter(sight.outside_hiding(model.scope_field, is_hideable=model.is_hideable))
        .values(scope=F(model.scope_field), resource_id=F(model.scope_id_path))
        .annotate(
            due=Count("pk", filter=may_go(at)),
            in_flight=Count("pk", filter=on_its_way & Q(claimed_until__gt=at)),
            waiting=Count("pk", filter=on_its_way),
            urgent=Count("pk", filter=on_its_way & Q(lane__in=(Lane.URGENT, Lane.URGENT_BULK))),
            deletions=Count("pk", filter=on_its_way & Q(deleted_at__isnull=False)),
            parked_count=Count("pk", filter=~on_its_way),
            oldest_due_at=Min("due_at", filter=on_its_way),
        )
        for model in registry.models()
    ]
    found: dict[int, ScopeFigures] = {}
    for row in in_one_statement(parts):
        scope, resource_id = row.pop("scope"), row.pop("resource_id")
        before = found[scope].figures if scope in found else Figures()
        found[scope] = ScopeFigures(scope, resource_id, before + Figures(**row))
    return found


def total(found: Iterable[ScopeFigures]) -> Figures:
    """Return the sum of the figures."""
    return sum((each.figures for each in found), Figures())


def delays(sight: Sight) -> tuple[tuple[str, int], ...]:
    """Return the reasons why rows that are seen wait, with counts; the most frequent first."""
    return kept(f"delays:{sight.everywhere}:{sight.whole}:{sight.key}", lambda: _delays(sight))


def _delays(sight: Sight) -> tuple[tuple[str, int], ...]:
    parts = [
        _unsettled(model, sight)
        .filter(parked_code="")
        .exclude(last_error="", waits_for="")
        .values("last_error", "waits_for")
        .annotate(count=Count("pk"))
        for model in registry.models()
    ]
    counts: dict[str, int] = defaultdict(int)
    for row in in_one_statement(parts):
        counts[f"Waits for {row['waits_for']}" if row["waits_for"] else row["last_error"]] += row["count"]
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:DELAYS_SHOWN])


def parked_count(sight: Sight) -> int:
    """Return the number of changes that Azure rejected, of those that are seen. The menu of every page shows it."""
    parts = [_unsettled(model, sight).exclude(parked_code="").values("pk") for model in registry.models()]
    found: int = parts[0].union(*parts[1:], all=True).count()
    return found


def parked_groups(sight: Sight) -> tuple[ParkedGroup, ...]:
    """Return rejected rows by error code, each with its full count and first rows; the most frequent first."""
    parts = [
        _unsettled(model, sight)
        .exclude(parked_code="")
        .values("parked_code")
        .annotate(kind=_label(model), count=Count("pk"))
        for model in registry.models()
    ]
    counts: dict[str, int] = defaultdict(int)
    kinds: set[str] = set()
    for row in in_one_statement(parts):
        counts[row["parked_code"]] += row["count"]
        kinds.add(row["kind"])
    rows: dict[str, list[SyncedModel]] = defaultdict(list)
    for model in registry.models():
        if model._meta.label_lower in kinds:
            for parked in _first_of_each_reason(model, sight):
                rows[parked.parked_code].append(parked)
    groups = [
        ParkedGroup(code, rows[code][0].parked_message, tuple(rows[code][:SHOWN_OF_EACH_REASON]), count)
        for code, count in counts.items()
        if rows[code]  # none left between the two queries
    ]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.code)))


def parked_keys(sight: Sight, code: str = "") -> list[tuple[type[SyncedModel], int]]:
    """Return model and primary key of every rejected row that is seen, of one error code or of all."""
    keys = []
    for model in registry.models():
        rows = _unsettled(model, sight).exclude(parked_code="")
        chosen = rows.filter(parked_code=code) if code else rows
        keys += [(model, pk) for pk in chosen.order_by("parked_code", "pk").values_list("pk", flat=True)]
    return keys


def rows_of(keys: Iterable[tuple[type[SyncedModel], int]], sight: Sight) -> list[SyncedModel]:
    """Return the rows of `keys` that still exist, in that order."""
    keys = list(keys)
    found: dict[tuple[type[SyncedModel], int], SyncedModel] = {}
    for model in {model for model, _ in keys}:
        rows = model.visible_to(sight).with_findings().filter(pk__in=[pk for other, pk in keys if other is model])
        found |= {(model, row.pk): row for row in rows.select_related(*model.scope_relations)}
    return [found[key] for key in keys if key in found]


def _first_of_each_reason(model: type[SyncedModel], sight: Sight) -> Iterator[SyncedModel]:
    place = Window(RowNumber(), partition_by="parked_code", order_by="pk")
    rows = _unsettled(model, sight).exclude(parked_code="").with_findings().annotate(place=place)
    first: Iterator[SyncedModel] = (
        rows.filter(place__lte=SHOWN_OF_EACH_REASON).select_related(*model.scope_relations).order_by("pk").iterator()
    )
    return first


def _unsettled(model: type[SyncedModel], sight: Sight = EVERY_ROW) -> Any:
    # Naming every lane makes the database use the small index of due rows.
    return model.visible_to(sight).unsettled().filter(lane__in=Lane.values).order_by()


def _label(model: type[SyncedModel]) -> Value:
    return Value(model._meta.label_lower, output_field=CharField())


def in_one_statement(parts: list[QuerySet[Any, dict[str, Any]]]) -> Iterable[dict[str, Any]]:
    """Return the rows of all parts, one part for each model, all with the same columns."""
    if len(parts) < 2:
        return [row for part in parts for row in part]
    return parts[0].union(*parts[1:], all=True).order_by()  # Django 6.1 would order by the first model's Meta.ordering
