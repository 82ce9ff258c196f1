"""Who may give which row to which team."""

from django.db.models import QuerySet

from namespaces.access import teams_of
from namespaces.models import Namespace
from namespaces.rights import Verb, assignable_by
from portal.models import Team, User
from sync.models import SyncedModel


def may_assign(namespace: Namespace, row: SyncedModel) -> bool:
    """Return whether the person for whom the namespace was read may change the team of a row."""
    return assignable_by(namespace.rights, type(row), row.team_id)


def teams_to_assign(user: User, namespace: Namespace, model: type[SyncedModel]) -> QuerySet[Team]:
    """Return the teams that the user may make the owner of a row: all for Owners, a Contributor's own."""
    if Verb.OWN in namespace.rights.verbs:
        return Team.objects.order_by("name")
    reach = namespace.rights.reach(model)
    return teams_of(user).filter(pk__in=sorted(reach.teams)) if reach.without_team else Team.objects.none()
