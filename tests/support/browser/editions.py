"""What forms post of the rows that they were opened with."""

from typing import Any

from django.db.models import QuerySet

from sync.models import SyncedModel, editions


def edition(row: SyncedModel) -> dict[str, str]:
    """Return the field of a form that is opened now."""
    row.refresh_from_db(fields=["edited_generation"])
    return {"generation": row.edition}


def edition_of(model: type[SyncedModel], name: str = "") -> dict[str, str]:
    """Return the field of the form of the only row of this model, or of the one with this name."""
    rows: QuerySet[Any] = model._default_manager.all()
    return edition(rows.get(name=name) if name else rows.get())


def editions_of(rows: Any) -> dict[str, str]:
    """Return the field of the question before many rows change: a query or a list of rows."""
    pks = [row.pk for row in rows]
    now: QuerySet[Any] = (rows[0] if isinstance(rows, list) else rows.model)._meta.default_manager.filter(pk__in=pks)
    return {"generations": editions.written(dict(now.values_list("pk", "edited_generation")))}
