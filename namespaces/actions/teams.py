"""Checks inside an action: may the actor, as they are now, make this change?"""

from namespaces.access import not_yours
from namespaces.models import Namespace
from namespaces.rights import Verb, rights_now
from namespaces.rules.errors import RuleError
from portal.models import Team, User
from sync.control import is_applying
from sync.models import SyncedModel

NO_LONGER_ALLOWED = "no-longer-allowed"


def check_new(actor: User, namespace: Namespace, model: type[SyncedModel], team: Team | None) -> None:
    """Check, inside the transaction, that the actor may create a resource of this type for `team`. Raise RuleError."""
    reach = rights_now(actor, namespace.pk).reach(model)
    if not reach:
        raise RuleError("", NO_LONGER_ALLOWED, f"You may no longer add anything of this type to {namespace.name}.")
    if team is None:
        if not (reach.everything or reach.without_team):
            raise RuleError("team", "needs-a-team", "Choose the team that owns it. Your role covers your teams only.")
        return
    is_member = actor.is_superuser or team.members.filter(pk=actor.pk).exists()
    if not is_member and not (reach.everything and is_applying()):  # an Owner undoes the deletion of other teams' rows
        raise RuleError("team", "not-your-team", f"You are not a member of team {team.name}. Choose one of your teams.")
    if not reach.covers(team.pk):
        raise RuleError(
            "team", "not-this-team", f"Your role here does not cover team {team.name}. Choose another team."
        )


def check_change(actor: User, row: SyncedModel) -> None:
    """Check, inside the transaction, that the actor may change this resource. Raise RuleError."""
    if not rights_now(actor, row.scope_pk()).covers(row):
        raise RuleError("", NO_LONGER_ALLOWED, not_yours(row))


def check_verb(actor: User, namespace: Namespace, verb: Verb) -> None:
    """Check, inside the transaction, that the actor may do this in the namespace. Raise RuleError."""
    if verb not in rights_now(actor, namespace.pk).verbs:
        raise RuleError("", NO_LONGER_ALLOWED, f"You may no longer do this in {namespace.name}. Your role has changed.")
