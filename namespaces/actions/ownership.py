"""Whose the rows of a namespace are: assign a team, and show or hide the rows of other teams."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from namespaces.actions.teams import NO_LONGER_ALLOWED, check_verb
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft, is_registered, row_kind_of
from namespaces.control.rules.policy import Need
from namespaces.control.standing import policy_read_once
from namespaces.models import Namespace
from namespaces.rights import Rights, Verb, rights_now
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import Activity, Team, User
from sync import registry
from sync.control import HeldBack, one_transaction
from sync.models import SyncedModel

AT_ONCE = 100  # rows in one transaction: others can write in between


def assignable(rights: Rights, model: type[SyncedModel], team_pk: int | None) -> Q:
    """Return the condition for the rows that may be given to a team, or to none.

    Owners give every row to every team or to none. Contributors take what no team owns for a team of theirs.
    """
    if Verb.OWN in rights.verbs:
        return Q()
    reach = rights.reach(model)
    return Q(team=None) if reach.without_team and team_pk is not None and team_pk in reach.teams else Q(pk__in=())


def assign_team(actor: User, *, row: SyncedModel, team: Team | None) -> bool:
    """Make a team, or no team, the owner of a row. Return False where it is so already. Raise RuleError."""
    done = assign_team_to_many(actor, model=type(row), scope_pk=row.scope_pk(), pks=[row.pk], team=team)
    if done:
        return True
    current = type(row)._default_manager.filter(pk=row.pk, deleted_at=None).first()
    if current is None:
        raise RuleError("", "gone", f"{row} has been deleted.")
    if current.team_id == (team.pk if team else None):
        return False
    raise RuleError("", NO_LONGER_ALLOWED, f"You may not change the team of {row}. Ask an Owner of the namespace.")


def assign_team_to_many(
    actor: User, *, model: type[SyncedModel], scope_pk: int, pks: Sequence[int], team: Team | None
) -> int:
    """Make a team, or no team, the owner of those rows that the actor may give to it. Return the number that changed.

    Each hundred is a durable transaction of its own, in which the rights are read again. Nothing is sent to Azure: it knows no teams.
    """
    done = 0
    held: list[HeldBack] = []
    for first in range(0, len(pks), AT_ONCE):
        with one_transaction(), policy_read_once():
            allowed = assignable(rights_now(actor, scope_pk), model, team.pk if team else None)
            chosen = model._default_manager.filter(pk__in=pks[first : first + AT_ONCE], deleted_at=None)
            rows = chosen.filter(allowed, **{model.scope_field: scope_pk}).exclude(team=team)
            locked = rows.select_for_update(of=("self",)).select_related(*model.scope_relations, "team").order_by("pk")
            changed = _approved(actor, list(locked), team, held)
            activity.record_many([_entry(actor, row, team) for row in changed])
            model._default_manager.filter(pk__in=[row.pk for row in changed]).update(team=team)
            registry.note_changes(changed)
            done += len(changed)
    if held:
        raise HeldBack.of_all(held, done=f"{done:,} of {len(pks):,} were changed." if done else "")
    return done


def _approved(actor: User, rows: Sequence[SyncedModel], team: Team | None, held: list[HeldBack]) -> list[SyncedModel]:
    """Return the rows whose team may change now, and add the others to `held`."""
    found = []
    for row in rows:
        try:
            kind = row_kind_of(type(row))
            if kind is not None and is_registered(team_kind(kind.code)):
                check_other(actor, row.scope_pk(), [Need.TEAM_CHANGE], _draft(row, team, team_kind(kind.code)))
        except HeldBack as each:
            held.append(each)
        else:
            found.append(row)
    return found


def team_kind(code: str) -> str:
    """Return the kind, in change sets, of a change of the team of a row of this kind."""
    return f"{code}_team"


def _draft(row: SyncedModel, team: Team | None, code: str) -> Draft:
    return Draft(
        code,
        "assign",
        str(row),
        team=row.team,
        before={"team": row.team_id, "team_name": row.team.name if row.team else ""},
        values={"team": team.pk if team else None, "team_name": team.name if team else ""},
    )


def _entry(actor: User, row: SyncedModel, team: Team | None) -> Activity:
    values = row.in_activity() | {"team": team}
    before, after = {"team": row.team.name if row.team else ""}, {"team": team.name if team else ""}
    return activity.entry_of(actor, verb="Assign team", before=before, after=after, **values)


def set_other_teams(actor: User, *, namespace: Namespace, hidden: bool) -> bool:
    """Hide CA certificates and clients of other teams, or show them. Return False where it is so already. Raise RuleError."""
    with transaction.atomic(durable=True):
        row = Namespace.objects.select_for_update().get(pk=namespace.pk)
        check_verb(actor, row, Verb.OWN)
        if row.hides_other_teams == hidden:
            return False
        Namespace.objects.filter(pk=row.pk).update(hides_other_teams=hidden)
        activity.record(
            actor,
            verb="Hide other teams' rows" if hidden else "Show other teams' rows",
            kind="namespaces.namespace",
            object_pk=row.pk,
            object_name=row.name,
            scope=row.pk,
            scope_name=row.name,
            before={"other_teams": "shown" if hidden else "hidden"},
            after={"other_teams": "hidden" if hidden else "shown"},
        )
    return True
