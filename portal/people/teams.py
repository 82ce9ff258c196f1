"""Teams and their members. Leads manage the members of their own team, and nothing else."""

from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from portal.models import Membership, Team, User
from portal.people.authority import RefusedError, administrator_and, is_membership_by_sso, leader_and
from portal.people.log import membership_facts, note_team
from portal.registry import check_lead, uses_of_team, why_not_joined

LONGEST_NAME = 80


def create_team(actor: User, *, name: str) -> Team:
    with transaction.atomic(durable=True):
        administrator_and(actor)
        team = Team(name=_free_name(name))
        _save(team)
        note_team(actor, "Create team", team, after={"name": team.name})
    return team


def rename_team(actor: User, *, team: Team, name: str) -> Team:
    with transaction.atomic(durable=True):
        administrator_and(actor)
        row = _locked(team)
        before = row.name
        row.name = _free_name(name, of=row)
        if row.name != before:
            _save(row)
            note_team(actor, "Rename team", row, before={"name": before}, after={"name": row.name})
    return row


def delete_team(actor: User, *, team: Team) -> None:
    """Delete a team that owns nothing and has no roles. Raise RefusedError with what keeps it."""
    with transaction.atomic(durable=True):
        administrator_and(actor)
        row = _locked(team)
        uses = uses_of_team(row)
        if uses:
            raise RefusedError("", "in-use", f"{row.name} has {', '.join(uses)}. Give them to another team first.")
        names = list(row.members.order_by("username").values_list("username", flat=True))
        note_team(actor, "Delete team", row, before={"name": row.name, "members": names})
        row.delete()


def add_member(actor: User, *, team: Team, person: User) -> Membership:
    """Add an existing, active person to a team."""
    with transaction.atomic(durable=True):
        user = leader_and(actor, team, person)[person.pk]
        if not user.is_active:
            raise RefusedError("who", "disabled", f"{user.display_name} is disabled.")
        row = _locked(team)
        why = why_not_joined(row, user, by=actor)
        if why:
            raise RefusedError("who", "needs-approval", why)
        held, is_new = Membership.objects.get_or_create(team=row, user=user)
        if not is_new:
            raise RefusedError("who", "member", f"{user.display_name} is in {row.name} already.")
        facts = {"before": membership_facts(None), "after": membership_facts(held)}
        note_team(actor, "Add team member", row, name=user.username, **facts)
    return held


def remove_member(actor: User, *, team: Team, person: User) -> None:
    """Remove a member; a lead only by an administrator."""
    with transaction.atomic(durable=True):
        rows = leader_and(actor, team, person)
        held = _editable(team, rows[person.pk])
        if held.is_lead and not rows[actor.pk].is_superuser:
            raise RefusedError("", "lead", "Only administrators remove the lead of a team.")
        facts = {"before": membership_facts(held), "after": membership_facts(None)}
        Membership.objects.filter(pk=held.pk).leave(timezone.now())
        note_team(actor, "Remove team member", team, name=rows[person.pk].username, **facts)


def set_lead(actor: User, *, team: Team, person: User, is_lead: bool) -> None:
    """Make a member lead of the team, or no longer. Only administrators do."""
    with transaction.atomic(durable=True):
        set_lead_in_transaction(actor, team=team, person=person, is_lead=is_lead)


def set_lead_in_transaction(actor: User, *, team: Team, person: User, is_lead: bool) -> None:
    """Make a member lead of the team, or no longer, as part of a larger change. Raise RefusedError, and what the apps raise."""
    user = administrator_and(actor, person)[person.pk]
    held = _editable(team, user)
    if held.is_lead == is_lead:
        return
    if is_lead:
        check_lead(actor, team, user)
    before = membership_facts(held)
    held.is_lead, held.lead_since = is_lead, timezone.now() if is_lead else None
    held.save(update_fields=["is_lead", "lead_since"])
    verb = "Make team lead" if is_lead else "Remove team lead"
    note_team(actor, verb, team, name=user.username, before=before, after=membership_facts(held))


def _editable(team: Team, user: User) -> Membership:
    held = Membership.objects.select_for_update().filter(team=team, user=user).first()
    if held is None:
        raise RefusedError("", "no-member", f"{user.display_name} is no longer in {team.name}.")
    if is_membership_by_sso(held):
        raise RefusedError(
            "",
            "by-sso",
            f"{user.display_name} is in {team.name} by single sign-on. Change it in the identity provider.",
        )
    return held


def _locked(team: Team) -> Team:
    row = Team.objects.select_for_update().filter(pk=team.pk).first()
    if row is None:
        raise RefusedError("", "gone", "This team was deleted in the meantime.")
    return row


def _free_name(name: str, *, of: Team | None = None) -> str:
    """Return the name without blanks at its ends. Raise RefusedError where it is empty, too long or taken."""
    name = " ".join(name.split())
    if not name:
        raise RefusedError("name", "required", "Enter a name.")
    if len(name) > LONGEST_NAME:
        raise RefusedError("name", "too-long", f"A name has at most {LONGEST_NAME} characters.")
    others = Team.objects.annotate(lowered=Lower("name")).filter(lowered=name.lower())
    if of is not None:
        others = others.exclude(pk=of.pk)
    if others.exists():
        raise RefusedError("name", "taken", "Another team has this name.")
    return name


def _save(team: Team) -> None:
    try:
        with transaction.atomic():
            team.save()
    except IntegrityError:
        raise RefusedError("name", "taken", "Another team has this name.") from None
