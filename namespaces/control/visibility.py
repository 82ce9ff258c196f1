"""Which change sets a person sees: they may name what a namespace hides from other teams."""

from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from namespaces.models import ChangeSet, Namespace
from portal.models import User
from sync.models import Sight


def visible_change_sets(user: User, namespace: Namespace) -> QuerySet[ChangeSet]:
    """Return the requests of a namespace that this person sees, and the person's own drafts.

    Where other teams' rows are hidden, those are seen that the person requested, that concern one of the person's teams, and that
    concern no team.
    """
    rows: QuerySet[ChangeSet] = ChangeSet.objects.filter(namespace=namespace.pk)
    rows = rows.exclude(~Q(requested_by=user), state=ChangeSet.State.DRAFT)
    if not namespace.sight.is_partial:
        return rows
    seen: QuerySet[ChangeSet] = _with_teams(rows).filter(Q(requested_by=user) | _concerning(namespace.sight))
    return seen


def open_count(sight: Sight) -> int:
    """Return the number of requests that wait for a decision, for the menu of one namespace."""
    rows: Any = ChangeSet.objects.waiting(timezone.now()).filter(sight.condition("namespace", is_hideable=False))
    if sight.is_partial:
        rows = _with_teams(rows).filter(_concerning(sight))
    return int(rows.count())


def _with_teams(rows: Any) -> Any:
    return rows.annotate(team_list=Cast("teams", TextField()))


def _concerning(sight: Sight) -> Q:
    """Return the condition on the list of teams, which the databases write with different blanks."""
    no_team = Q(team_list__regex=r"^\[ *0? *\]$")
    own = "|".join(str(pk) for pk in sorted(_keys(sight)))
    return no_team | Q(team_list__regex=rf"[\[, ]({own})[\], ]") if own else no_team


def _keys(sight: Sight) -> list[int]:
    return [int(each) if isinstance(each, int) else int(each["pk"]) for each in sight.teams]
