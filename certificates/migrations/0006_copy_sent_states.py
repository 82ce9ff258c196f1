"""Rows of every synced type: what was sent and what it replaced is copied from the activity log to the row.

From here on pushes read the row, and never the activity log. Stop web and workers first. Each batch is a transaction of
its own, and a run that broke off can be started again. Backwards there is nothing to do: the activity log is unchanged.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import migrations, transaction
from django.db.models import F, Q

BATCH = 500
MODELS = (
    ("certificates", "CACertificate"),
    ("namespaces", "Client"),
    ("namespaces", "ClientGroup"),
    ("namespaces", "TopicSpace"),
    ("namespaces", "PermissionBinding"),
    ("namespaces", "NamespaceConfiguration"),
)
States = Mapping[int, tuple[Any, Any]]  # before and after by generation


def copy_from_the_activity_log(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    activities = apps.get_model("portal", "Activity").objects.using(alias)
    for app_label, name in MODELS:
        model = apps.get_model(app_label, name)
        rows = model.objects.using(alias)
        for batch in _batches(rows.filter(_may_have_sent())):
            states = _states(activities, model._meta.label_lower, [row.pk for row in batch])
            for row in batch:
                _fill(row, states[row.pk])
            with transaction.atomic(using=alias):
                rows.bulk_update(batch, ["sent_states", "replaced_state"])


def _may_have_sent() -> Q:
    """Pending, claimed, uncertain, or in doubt."""
    pending = ~Q(generation=F("synced_generation"))
    return (
        pending
        | Q(claim_token__isnull=False)
        | Q(uncertain=True)
        | Q(doubtful_from__isnull=False)
        | Q(recheck_at__isnull=False)
    )


def _batches(rows: Any) -> Iterator[list[Any]]:
    columns = ("generation", "synced_generation", "doubtful_from", "claim_token")
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk").only(*columns)[:BATCH]):
        yield batch
        last = batch[-1].pk


def _states(activities: Any, kind: str, pks: list[int]) -> Mapping[int, States]:
    found: dict[int, dict[int, tuple[Any, Any]]] = defaultdict(dict)
    known = activities.filter(kind=kind, object_pk__in=pks, generation__isnull=False).order_by("-at", "-pk")
    for pk, generation, before, after in known.values_list("object_pk", "generation", "before", "after"):
        is_a_retry = after is None and "error" in (before or {})  # it sent what the generation before it was
        if not is_a_retry:
            found[pk][generation] = before, after
    return found


def _fill(row: Any, states: States) -> None:
    since = min(row.synced_generation, row.doubtful_from or row.synced_generation)
    row.sent_states = [
        {"generation": generation, "state": after}
        for generation, (_, after) in sorted(states.items())
        if generation >= since
    ]
    # The next claim of a row that a worker held when it died puts it in doubt from the generation after the last synced.
    doubtful_from = row.doubtful_from or (row.synced_generation + 1 if row.claim_token else None)
    first = max((known for known in states if doubtful_from is not None and known <= doubtful_from), default=None)
    before = states[first][0] if first is not None else None
    row.replaced_state = (before or {}).get("azure", before)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("certificates", "0005_sent_states"),
        ("namespaces", "0010_snake_case_keys"),
    ]

    operations = [migrations.RunPython(copy_from_the_activity_log, migrations.RunPython.noop, elidable=True)]
