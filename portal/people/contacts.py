"""Whom to ask about what a team owns."""

from collections.abc import Iterable, Sequence

from portal.models import Membership, Team

NAMED = 5  # people named in a hint whom to ask


def whom_to_ask_in(team: Team | None) -> str:
    """Name the people to ask about what a team owns: its leads, or else its members. "" for no team."""
    return whom_to_ask_in_each([team])[team.pk] if team is not None else ""


def whom_to_ask_in_each(teams: Iterable[Team]) -> dict[int, str]:
    """Return what `whom_to_ask_in` returns, for each of these teams by primary key, in one or two statements."""
    names = {team.pk: team.name for team in teams}
    active = Membership.objects.filter(team__in=names, user__is_active=True).select_related("user").order_by("pk")
    found: dict[int, list[str]] = {}
    for held in active.filter(is_lead=True):
        found.setdefault(held.team_id, []).append(held.user.display_name)
    if len(found) < len(names):
        for held in active.exclude(team__in=list(found)):
            found.setdefault(held.team_id, []).append(held.user.display_name)
    return {pk: _ask_members(name, found.get(pk, [])) for pk, name in names.items()}


def _ask_members(team_name: str, people: Sequence[str]) -> str:
    if not people:
        return f"Team {team_name} has no members."
    listed = ", ".join(people[:NAMED]) + (" or others" if len(people) > NAMED else "")
    return f"Ask {listed} of team {team_name}."
