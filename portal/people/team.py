"""What the page of one team shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from portal.models import AccessLink, Membership, Team, User
from portal.people.authority import is_membership_by_sso
from portal.people.invitations import may_manage
from portal.people.lists import PersonRow, invited_row
from portal.people.states import State, locked_people, state_of


@dataclass(frozen=True)
class Member:
    membership: Membership
    state: State
    by_sso: bool
    may_remove: bool


@dataclass(frozen=True)
class TeamPage:
    team: Team
    members: Sequence[Member]
    invited: Sequence[tuple[PersonRow, bool]]  # and whether the reader may manage the invitation
    is_administrator: bool


def team_page(team: Team, reader: User) -> TeamPage:
    held = list(
        Membership.objects.filter(team=team)
        .select_related("user")
        .order_by("-is_lead", "user__first_name", "user__last_name", "user__username")
    )
    failures = locked_people([each.user_id for each in held])
    members = [
        Member(
            each,
            state_of(each.user, failures),
            by_sso=is_membership_by_sso(each),
            may_remove=not is_membership_by_sso(each) and (reader.is_superuser or not each.is_lead),
        )
        for each in held
    ]
    links = AccessLink.objects.waiting().filter(teams=team, expires_at__gt=timezone.now()).order_by("email", "pk")
    invited = [(invited_row(link), may_manage(reader, link)) for link in links]
    return TeamPage(team, members, invited, reader.is_superuser)
