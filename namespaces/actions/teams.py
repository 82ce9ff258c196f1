"""Checks of the team that a new resource belongs to."""

from namespaces.access import teams_of
from namespaces.rules.errors import RuleError
from portal.models import Team, User


def check_team(actor: User, team: Team | None) -> None:
    """Raise RuleError unless the actor may create resources for `team`."""
    if team is not None and not teams_of(actor).filter(pk=team.pk).exists():
        raise RuleError("team", "not-your-team", f"You are not a member of team {team.name}. Choose one of your teams.")
