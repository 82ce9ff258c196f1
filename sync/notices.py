"""Announce what sync finds, in the transaction that stores it: rejected and parked changes, and differences in Azure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from portal.models import Team
from portal.notifications.announcing import Place, announce
from portal.registry import places
from sync.models import SyncedModel

NAMED = 5  # resources named in a sentence


@dataclass(frozen=True)
class Parked:
    """A change that waits for people: rejected by Azure, or in conflict with a change in Azure."""

    row: SyncedModel
    code: str
    message: str
    is_conflict: bool


@dataclass(frozen=True)
class Found:
    """A new difference in Azure. `alarm`: why clients may have gained access, "" if they have not."""

    model: type[SyncedModel]
    name: str
    what: str  # "Changed in Azure"
    team_pk: int | None
    alarm: str

    @property
    def is_unknown_ca(self) -> bool:
        return bool(self.alarm) and self.model.arm_type == "caCertificates"


def announce_parked(parked: Sequence[Parked]) -> None:
    """Announce changes that were parked, together for each namespace, team and error code."""
    groups: dict[tuple[int, int | None, bool, str], list[Parked]] = defaultdict(list)
    for each in parked:
        groups[each.row.scope_pk(), each.row.team_id, each.is_conflict, each.code].append(each)
    teams = Team.objects.in_bulk({team for _, team, _, _ in groups if team is not None})
    for (scope, team, is_conflict, code), group in groups.items():
        _announce_group(group, Place(scope, group[0].row.scope_name()), teams.get(team or 0), is_conflict, code)


def _announce_group(group: Sequence[Parked], place: Place, team: Team | None, is_conflict: bool, code: str) -> None:
    event = "sync_parked" if is_conflict else "sync_rejected"
    verb = "waits for a decision" if is_conflict else "was rejected by Azure"
    verbs = "changes wait for a decision" if is_conflict else "changes were rejected by Azure"
    first = group[0].row
    advice = (
        "Decide under Drift which of the two counts." if is_conflict else "Correct it and retry, or discard the change."
    )
    announce(
        event,
        to=places().audience(place.pk, team.pk if team else None),
        subject=f"The change to {first} {verb}",
        summary=f"{{count}} {verbs}",
        sentence=f"{_listed([str(each.row) for each in group])}: {group[0].message} {advice}",
        url=reverse("sync:drift_list" if is_conflict else "sync:sync_overview", args=[place.pk]),
        scope=place,
        team=team,
        kind=first.kind,
        object_name=str(first),
        group=f"{event}:{place.pk}:{team.pk if team else ''}:{code}"[:200],
        count=len(group),
    )


def announce_found(found: Sequence[Found], place: Place) -> None:
    """Announce new differences, together for each team. Each unknown CA certificate is announced to the Owners."""
    groups: dict[int | None, list[Found]] = defaultdict(list)
    for each in found:
        if each.is_unknown_ca:
            _announce_unknown_ca(each, place)
        else:
            groups[each.team_pk].append(each)
    teams = Team.objects.in_bulk([pk for pk in groups if pk is not None])
    for team_pk, group in groups.items():
        first = group[0]
        alarm = next((each.alarm for each in group if each.alarm), "")
        announce(
            "drift_found",
            to=places().audience(place.pk, team_pk),
            subject=f"{first.name}: {first.what}",
            summary="{count} differences in Azure",
            sentence=f"{_listed([each.name for each in group])}. {alarm}".strip() + " Decide under Drift what counts.",
            url=reverse("sync:drift_list", args=[place.pk]),
            scope=place,
            team=teams.get(team_pk or 0),
            kind=first.model._meta.label_lower,
            object_name=first.name,
            group=f"drift_found:{place.pk}:{team_pk or ''}",
            count=len(group),
        )


def _announce_unknown_ca(found: Found, place: Place) -> None:
    announce(
        "unknown_ca",
        to=places().audience(place.pk, None, owners=True),
        subject=f"Unknown CA certificate {found.name} in Azure",
        sentence=f"{found.alarm} Delete it in Azure, or take it over, under Drift.",
        url=reverse("sync:drift_list", args=[place.pk]),
        scope=place,
        kind=found.model._meta.label_lower,
        object_name=found.name,
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
