"""The entries about people in the service menu of the portal's home."""

from portal.models import Membership, Team, User
from portal.people.lists import count_people
from portal.registry import ShellItem

ADMINISTRATION = "Administration"


def _leads_or_administers(user: User) -> bool:
    return user.is_superuser or Membership.objects.filter(user=user, is_lead=True).exists()


def _count_teams(user: User) -> int:
    rows = Team.objects.all()
    return rows.count() if user.is_superuser else rows.filter(memberships__user=user, memberships__is_lead=True).count()


HOME = (
    ShellItem(
        ADMINISTRATION,
        "People",
        "user",
        "portal:person_list",
        order=210,
        is_shown=lambda user: user.is_superuser,
        count=lambda user: count_people(),
    ),
    ShellItem(
        ADMINISTRATION,
        "Teams",
        "users",
        "portal:team_list",
        order=220,
        is_shown=_leads_or_administers,
        count=_count_teams,
    ),
)
