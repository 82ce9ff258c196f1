"""What an entry in the activity log says about a person, a team or an invitation."""

from collections.abc import Mapping
from typing import Any

from portal.activity import record
from portal.models import AccessLink, Membership, Team, User
from portal.registry import role_book

PERSON, TEAM, INVITATION = "portal.user", "portal.team", "portal.accesslink"
LONGEST_NAME = 150


def person_facts(user: User) -> dict[str, Any]:
    """Return what administrators may change about a person."""
    return {
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "active": user.is_active,
        "administrator": user.is_superuser,
    }


def membership_facts(held: Membership | None) -> dict[str, Any]:
    return {"member": held is not None, "lead": held is not None and held.is_lead}


def invitation_facts(link: AccessLink) -> dict[str, Any]:
    """Return what an invitation gives. Never its secret."""
    teams = link.invited_teams.select_related("team").order_by("team__name")
    choices = [role_book().choice(key) for key in link.roles]
    return {
        "email": link.email,
        "name": f"{link.first_name} {link.last_name}".strip(),
        "teams": [f"{each.team.name}, lead" if each.is_lead else each.team.name for each in teams],
        "roles": [f"{choice.role} in {choice.place}" for choice in choices if choice is not None],
        "administrator": link.makes_administrator,
        "expires_at": link.expires_at.isoformat(timespec="seconds"),
    }


def note_person(actor: User | None, verb: str, user: User, **changed: Mapping[str, Any] | None) -> None:
    """Record a change of a person; `before` and `after` only with what differs, where both are given."""
    before, after = differing(changed.get("before"), changed.get("after"))
    record(
        actor, verb=verb, kind=PERSON, object_pk=user.pk, object_name=shown(user.username), before=before, after=after
    )


def note_team(
    actor: User | None, verb: str, team: Team, *, name: str = "", **changed: Mapping[str, Any] | None
) -> None:
    """Record a change of a team, or of the membership of the person called `name`."""
    before, after = differing(changed.get("before"), changed.get("after"))
    object_name = f"{name} in {team.name}" if name else team.name
    record(
        actor, verb=verb, kind=TEAM, object_pk=team.pk, object_name=shown(object_name), team=team,
        before=before, after=after,
    )  # fmt: skip


def note_invitation(actor: User | None, verb: str, link: AccessLink, **changed: Mapping[str, Any] | None) -> None:
    before, after = differing(changed.get("before"), changed.get("after"))
    record(
        actor, verb=verb, kind=INVITATION, object_pk=link.pk, object_name=shown(str(link)), before=before, after=after
    )


def differing(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the two without the values that are the same in both."""
    if before is None or after is None:
        return (None if before is None else dict(before)), (None if after is None else dict(after))
    changed = [key for key in after if key not in before or before[key] != after[key]]
    return {key: before[key] for key in changed if key in before}, {key: after[key] for key in changed}


def shown(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
