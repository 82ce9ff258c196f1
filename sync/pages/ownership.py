"""Whose the listed rows and differences are: whether the user of a page may change them, and whom to ask otherwise."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from portal.models import Team
from portal.people.contacts import whom_to_ask_in_each
from sync import registry
from sync.models import Finding, SyncedModel
from sync.registry import RowRights


def mark_changeable(rows: Iterable[SyncedModel], rights: RowRights) -> None:
    """Set `may_change` and `whom_to_ask` of each row."""
    listed = list(rows)
    for row in listed:
        row.may_change = rights.covers(type(row), row.team_id)
    others = {row.team_id for row in listed if row.team_id is not None and not row.may_change}
    sentences = whom_to_ask_in_each(Team.objects.filter(pk__in=others)) if others else {}
    for row in listed:
        row.whom_to_ask = "" if row.may_change else sentences.get(row.team_id or 0, "")


def mark_decidable(findings: Sequence[Finding], rights: RowRights) -> None:
    """Set `may_decide`, `owner_name` and `whom_to_ask` of each difference, with one statement for each kind of row."""
    teams = _teams_of(findings)
    for finding in findings:
        owner = teams.get((finding.kind, finding.object_pk))
        finding.may_decide = rights.covers(registry.model_for(finding.kind), owner)
    owners = {pk: team for pk, team in teams.items() if team is not None}
    named = Team.objects.in_bulk(set(owners.values())) if owners else {}
    sentences = whom_to_ask_in_each(named.values()) if named else {}
    for finding in findings:
        owner = owners.get((finding.kind, finding.object_pk))
        if owner is not None and not finding.may_decide:
            finding.owner_name, finding.whom_to_ask = named[owner].name, sentences[owner]


def _teams_of(findings: Iterable[Finding]) -> dict[tuple[str, int | None], int | None]:
    """Return the primary key of the team that owns the row of a difference, by kind and primary key of the row."""
    wanted: dict[str, list[int]] = defaultdict(list)
    for finding in findings:
        if finding.object_pk is not None:
            wanted[finding.kind].append(finding.object_pk)
    found: dict[tuple[str, int | None], int | None] = {}
    for kind, pks in wanted.items():
        rows: Any = registry.model_for(kind)._default_manager
        found |= {(kind, pk): team for pk, team in rows.filter(pk__in=pks).values_list("pk", "team")}
    return found
