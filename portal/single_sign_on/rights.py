"""Teams and administration that follow the groups of the identity provider. What was given here by hand stays."""

import logging
from typing import Any

from django.utils import timezone

from portal.activity import record
from portal.models import Membership, Team, User
from portal.single_sign_on.configuration import SingleSignOn

logger = logging.getLogger(__name__)


def follow_groups(user: User, configuration: SingleSignOn, groups: frozenset[str]) -> None:
    """Give the user what their groups grant now, and take away what earlier groups did. Call inside a transaction.

    A team that does not exist here grants nothing; `manage.py check_deployment` names it.
    """
    grants = [grant for group, grant in configuration.groups.items() if group in groups]
    before = _managed(user)
    _follow_teams(user, {name for grant in grants for name in grant.teams})
    _follow_administration(user, any(grant.administrator for grant in grants))
    after = _managed(user)
    if after != before:
        record(
            None,
            verb="Update by single sign-on",
            kind="portal.user",
            object_pk=user.pk,
            object_name=user.username,
            before=before,
            after=after,
        )


def _managed(user: User) -> dict[str, Any]:
    """Return what single sign-on manages of the user, for the activity log."""
    teams = user.memberships.filter(by_sso=True).order_by("team__name").values_list("team__name", flat=True)
    return {"teams": list(teams), "administrator": user.administrator_by_sso}


def _follow_teams(user: User, names: set[str]) -> None:
    Membership.objects.filter(user=user, by_sso=True).exclude(team__name__in=names).leave(timezone.now())
    teams = list(Team.objects.filter(name__in=names))
    if missing := names - {team.name for team in teams}:
        logger.warning("PORTAL_SSO_GROUPS names teams that do not exist: %s.", ", ".join(sorted(missing)))
    held = set(user.memberships.values_list("team_id", flat=True))
    for team in teams:
        if team.pk not in held:
            Membership.objects.create(team=team, user=user, by_sso=True)


def _follow_administration(user: User, is_granted: bool) -> None:
    if is_granted and not user.is_superuser:
        user.is_superuser = user.administrator_by_sso = True
    elif not is_granted and user.administrator_by_sso:
        user.is_superuser = user.administrator_by_sso = False
    else:
        return
    user.save(update_fields=["is_superuser", "administrator_by_sso"])
