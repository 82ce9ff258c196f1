"""Record changes by others that a push finds in Azure as findings, as a scan does."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sync.models import Finding, SyncedModel, same_name
from sync.push.comparison import CONFLICTS, field_differences

Resource = Mapping[str, Any]


def note_conflict(row: SyncedModel, *, code: str, resource: Resource | None, at: datetime) -> Finding:
    """Open a finding for `row`, or update its unresolved one, and return it."""
    fields = field_differences(type(row), base=row.base, ours=row, azure=resource)
    alarm = alarm_of(type(row), base=row.base, azure=resource, fields=fields)
    return upsert_finding(
        kind=row.kind,
        scope=row.scope_pk(),
        name=str(row),
        at=at,
        reopen=True,  # the row has changed here since it was ignored
        object_pk=row.pk,
        drift=CONFLICTS[code][0],
        fields=fields,
        resource=dict(resource) if resource is not None else None,
        is_loud=bool(alarm),
        note=alarm,
    )


def alarm_of(
    model: type[SyncedModel], *, base: Resource | None, azure: Resource | None, fields: Sequence[Mapping[str, Any]]
) -> str:
    """Return why the change in Azure may give new clients access, as a sentence; "" if it does not."""
    if azure is None:
        return ""
    changed = [found["field"] for found in fields if found["base"] != found["azure"]]
    return model.drift_alarm_in(changed if base is not None else None, azure)


def upsert_finding(*, kind: str, scope: int, name: str, at: datetime, reopen: bool = False, **values: Any) -> Finding:
    """Create or update the unresolved finding of a resource, and return it. An ignored one reopens if Azure changed since."""
    unresolved = Finding.objects.filter(same_name("name", name), kind=kind, scope=scope).exclude(
        state=Finding.State.RESOLVED
    )
    finding = unresolved.first()
    if finding is None:
        return Finding.objects.create(kind=kind, scope=scope, name=name, found_at=at, seen_at=at, **values)
    if finding.state == Finding.State.IGNORED and (reopen or finding.resource != values.get("resource")):
        finding.state, finding.found_at = Finding.State.OPEN, at
        finding.resolution, finding.resolved_by, finding.resolved_at = "", None, None
    for name_of, value in values.items():
        setattr(finding, name_of, value)
    finding.seen_at = at
    finding.save()
    return finding
