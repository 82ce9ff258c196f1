"""Stored keys of the activity log and of findings: labels become snake_case keys.

Stop web and workers first. Each batch is a transaction of its own, and a run that broke off can be started again.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import migrations, transaction

BATCH = 500
IN_AZURE = "azure"  # a decision keeps the state in Azure under this key

LABELS: dict[str, dict[str, str]] = {
    "namespaces.client": {
        "authentication name": "authentication_name",
        "validation scheme": "validation_scheme",
    },
    "namespaces.topicspace": {"topic templates": "templates"},
    "namespaces.permissionbinding": {"client group": "client_group_name", "topic space": "topic_space_name"},
    "namespaces.namespaceconfiguration": {
        "MQTT broker": "state",
        "alternative authentication name sources": "sources",
        "maximum client sessions per authentication name": "max_sessions",
        "maximum session expiry interval in hours": "max_expiry_hours",
    },
    "namespaces.namespace": {"resource id": "resource_id", "brought in": "imported", "left out": "left_out"},
}


def to_keys(apps: Any, schema_editor: Any) -> None:
    _rename(apps, schema_editor, LABELS)


def to_labels(apps: Any, schema_editor: Any) -> None:
    _rename(apps, schema_editor, {kind: {new: old for old, new in names.items()} for kind, names in LABELS.items()})


def _rename(apps: Any, schema_editor: Any, names: Mapping[str, Mapping[str, str]]) -> None:
    alias = schema_editor.connection.alias
    activities = apps.get_model("portal", "Activity").objects.using(alias)
    findings = apps.get_model("sync", "Finding").objects.using(alias)
    for batch in _batches(activities.filter(kind__in=names).only("kind", "before", "after")):
        with transaction.atomic(using=alias):
            changed = [each for each in batch if _rename_states(each, names[each.kind])]
            activities.bulk_update(changed, ["before", "after"])
    for batch in _batches(findings.filter(kind__in=names).only("kind", "fields")):
        with transaction.atomic(using=alias):
            changed = [each for each in batch if _rename_fields(each, names[each.kind])]
            findings.bulk_update(changed, ["fields"])


def _batches(rows: Any) -> Iterator[list[Any]]:
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield batch
        last = batch[-1].pk


def _rename_states(activity: Any, names: Mapping[str, str]) -> bool:
    former = activity.before, activity.after
    activity.before, activity.after = (_renamed(state, names) for state in former)
    return (activity.before, activity.after) != former


def _renamed(state: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(state, dict):
        return state
    return {
        names.get(key, key): _renamed(value, names) if key == IN_AZURE else value for key, value in state.items()
    }


def _rename_fields(finding: Any, names: Mapping[str, str]) -> bool:
    former = finding.fields
    finding.fields = [{**each, "field": names.get(each["field"], each["field"])} for each in former]
    return bool(finding.fields != former)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("namespaces", "0009_sent_states"),
        ("portal", "0003_activity_by_outcome"),
        ("sync", "0005_former_states"),
    ]
    run_before = [("portal", "0009_activity_triggers")]  # which refuse to change entries

    operations = [migrations.RunPython(to_keys, to_labels, elidable=True)]
