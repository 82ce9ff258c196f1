"""Invitations: made by administrators, and by team leads into their own team; accepted once by the person invited."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Lower
from django.utils import timezone

from portal.models import AccessLink, InvitedTeam, Team, User
from portal.people.accounts import check_address_is_free, check_join, join, new_user, save_new
from portal.people.authority import (
    NO_LONGER_ALLOWED,
    RefusedError,
    check_local_accounts,
    check_password_use,
    locked_people,
    manages,
)
from portal.people.links import LinkError, issue, open_link
from portal.people.log import invitation_facts, note_invitation, note_person, person_facts
from portal.registry import role_book, why_not_joined
from portal.sign_in.sessions import end_all_sessions


def invite(
    actor: User,
    *,
    email: str = "",
    first_name: str = "",
    last_name: str = "",
    teams: Sequence[Team] = (),
    leads: bool = False,
    roles: Sequence[str] = (),
    makes_administrator: bool = False,
) -> tuple[AccessLink, str]:
    """Invite a person, and return the invitation with its secret, which is stored as a hash only. Raise RefusedError."""
    check_local_accounts()
    now = timezone.now()
    link = AccessLink(
        purpose=AccessLink.Purpose.JOIN,
        created_by=actor,
        email=email.lower(),
        first_name=first_name,
        last_name=last_name,
        makes_administrator=makes_administrator,
        roles=list(roles),
    )
    if not str(link.shown_name):
        raise RefusedError("email", "required", "Enter an e-mail address or a name.")
    with transaction.atomic(durable=True):
        current = locked_people(actor).get(actor.pk)
        _check_inviter(current, teams, gives_more=bool(roles or makes_administrator or leads))
        check_address_is_free(email)
        if not makes_administrator:
            check_join(teams, None, by=actor, leads=leads)
        _check_not_invited(link.email, now)
        secret = issue(link, now)
        InvitedTeam.objects.bulk_create([InvitedTeam(link=link, team=team, is_lead=leads) for team in teams])
        note_invitation(actor, "Invite person", link, after=invitation_facts(link))
    return link, secret


def renew_invitation(actor: User, *, link: AccessLink) -> tuple[AccessLink, str]:
    """Give an invitation a new link, also when it has expired. The former link stops working."""
    check_local_accounts()
    with transaction.atomic(durable=True):
        row = _waiting(actor, link)
        before = invitation_facts(row)
        check_address_is_free(row.email)
        row.created_by = actor
        secret = issue(row, timezone.now())
        note_invitation(actor, "Renew invitation", row, before=before, after=invitation_facts(row))
    return row, secret


def revoke_invitation(actor: User, *, link: AccessLink) -> None:
    """Withdraw an invitation. Its link stops working at once."""
    with transaction.atomic(durable=True):
        row = _waiting(actor, link)
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        note_invitation(actor, "Revoke invitation", row, before=invitation_facts(row))


def accept_invitation(
    secret_hash: str, *, username: str, password: str, first_name: str, last_name: str, now: datetime
) -> User:
    """Create the account of the person who was invited, with teams and roles of the invitation.

    Raises:
        LinkError: the link does not work, or its sender may no longer invite.
        RefusedError: the user name is taken or invalid.
    """
    link = open_link(secret_hash, now)
    user = new_user(username, password, first_name, last_name, link.email, is_administrator=link.makes_administrator)
    with transaction.atomic(durable=True):
        inviter = locked_people(link.created_by).get(link.created_by_id or 0)
        link = open_link(secret_hash, now, lock=True)
        invited = list(link.invited_teams.select_related("team"))
        check_still_invited(link, inviter)
        check_address_is_free(link.email)
        save_new(user)
        for key in link.roles:
            if inviter is not None:
                _grant(inviter, user, key)
        joined = [each.team for each in invited if not why_not_joined(each.team, user, by=inviter)]
        leading = [each.team for each in invited if each.is_lead]
        leads = {team.pk for team in leading if not why_not_joined(team, user, by=inviter, leads=True)}
        join(user, [(team, team.pk in leads) for team in joined])  # the rest needs approval by now
        link.used_at, link.user = now, user
        link.save(update_fields=["used_at", "user"])
        teams = [team.name for team in joined]
        note_person(user, "Accept invitation", user, after=person_facts(user) | {"teams": teams})
    return user


def _grant(inviter: User, user: User, key: str) -> None:
    """Give a role of the invitation, unless it needs approval by now: then it is given in the namespace itself."""
    try:
        role_book().grant(inviter, user, key)
    except RefusedError as refusal:
        if refusal.code != "needs-approval":
            raise


def check_still_invited(link: AccessLink, inviter: User | None) -> None:
    """Raise LinkError unless the person who sent the invitation may still give what it gives."""
    if link.created_by_id is None:
        return  # made by a command
    teams = [each.team for each in link.invited_teams.select_related("team")]
    try:
        _check_inviter(inviter, teams, gives_more=bool(link.roles or link.makes_administrator) or _leads(link))
    except RefusedError:
        raise LinkError("inviter", link) from None


def choose_password(secret_hash: str, *, password: str, now: datetime) -> User:
    """Set the password of the person whom a password link is for, and end all sessions. Raise LinkError."""
    link = open_link(secret_hash, now)
    assert link.user is not None
    hashed = User()
    hashed.set_password(password)  # before the transaction: hashing takes a while
    with transaction.atomic(durable=True):
        user = locked_people(link.user)[link.user.pk]
        link = open_link(secret_hash, now, lock=True)
        check_password_use(user)
        user.password = hashed.password
        user.save(update_fields=["password"])
        end_all_sessions(user)
        link.used_at = now
        link.save(update_fields=["used_at"])
        note_person(user, "Choose password by link", user)
    return user


def may_manage(user: User, link: AccessLink) -> bool:
    """Return whether the user may renew and revoke an invitation."""
    if user.is_superuser:
        return user.is_active
    gives_more = bool(link.roles) or link.makes_administrator or _leads(link)
    return not gives_more and manages(user, link.invited_teams.values_list("team", flat=True))


def _leads(link: AccessLink) -> bool:
    return link.invited_teams.filter(is_lead=True).exists()


def _waiting(actor: User, link: AccessLink) -> AccessLink:
    """Return the locked row of an invitation that waits and that the actor may manage. Raise RefusedError."""
    current = locked_people(actor).get(actor.pk)
    row = AccessLink.objects.invitations().select_for_update(no_key=True).get(pk=link.pk)
    if current is None or not may_manage(current, row):
        raise RefusedError("", NO_LONGER_ALLOWED, "You may no longer manage this invitation.")
    if row.used_at or row.revoked_at:
        raise RefusedError("", "not-waiting", "This invitation was accepted or withdrawn in the meantime.")
    return row


def _check_inviter(inviter: User | None, teams: Sequence[Team], *, gives_more: bool) -> None:
    """Administrators invite with everything, team leads only into teams that they lead. Raise RefusedError."""
    if inviter is None or not inviter.is_active:
        raise RefusedError("", NO_LONGER_ALLOWED, "You may no longer invite people.")
    if inviter.is_superuser:
        return
    if gives_more or not manages(inviter, [team.pk for team in teams]):
        raise RefusedError("teams", "not-your-team", "You may invite people only as members of teams that you lead.")


def _check_not_invited(email: str, now: datetime) -> None:
    waiting = AccessLink.objects.waiting().filter(expires_at__gt=now).annotate(address=Lower("email"))
    if email and waiting.filter(address=email).exists():
        raise RefusedError("email", "already-invited", "An invitation to this address waits already. Renew that one.")
