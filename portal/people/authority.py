"""Checks inside an action: is the actor, as they are now, allowed to make this change?"""

from collections.abc import Iterable

from allauth.socialaccount.models import SocialAccount
from django.conf import settings

from portal.models import Membership, Team, User
from portal.sign_in.backend import may_use_password


class RefusedError(ValueError):
    """A change that a rule refuses.

    Attributes: `field` (the form field, "" for the whole form), `code` (stable), `sentence` (shown to the user).
    """

    def __init__(self, field: str, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field, self.code, self.sentence = field, code, sentence


NO_LONGER_ALLOWED = "no-longer-allowed"


def locked_people(*people: User | None, administrators: bool = False) -> dict[int, User]:
    """Read people again and lock their rows, by primary key in one order so that no two actions wait for each other."""
    pks = {person.pk for person in people if person is not None}
    if administrators:
        pks |= set(User.objects.filter(is_superuser=True).values_list("pk", flat=True))
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk")
    return {row.pk: row for row in rows}


def administrator_and(actor: User, person: User | None = None, *, all_administrators: bool = False) -> dict[int, User]:
    """Return the locked rows of the actor, who must be an active administrator, and of others. Raise RefusedError."""
    rows = locked_people(actor, person, administrators=all_administrators)
    current = rows.get(actor.pk)
    if current is None or not current.is_active or not current.is_superuser:
        raise RefusedError("", NO_LONGER_ALLOWED, "Only an active administrator may do this.")
    return rows


def leader_and(actor: User, team: Team, person: User | None = None) -> dict[int, User]:
    """Return the locked rows of the actor, who must be an administrator or lead the team, and of a person."""
    rows = locked_people(actor, person)
    if not manages(rows.get(actor.pk), [team.pk]):
        raise RefusedError("", NO_LONGER_ALLOWED, f"Only administrators and the leads of {team.name} may do this.")
    return rows


def manages(user: User | None, team_pks: Iterable[int]) -> bool:
    """Return whether the user may manage the members of each of these teams, of at least one."""
    if user is None or not user.is_active:
        return False
    if user.is_superuser:
        return True
    wanted = set(team_pks)
    led = set(Membership.objects.filter(user=user, is_lead=True, team__in=wanted).values_list("team", flat=True))
    return bool(wanted) and led == wanted


def led_teams(user: User) -> list[Team]:
    """Return the teams that the user leads."""
    return list(Team.objects.filter(memberships__user=user, memberships__is_lead=True).order_by("name"))


def check_local_accounts() -> None:
    """Raise RefusedError where people come by single sign-on only."""
    if not settings.LOCAL_ACCOUNTS:
        raise RefusedError(
            "", "local-accounts-off", "Passwords are turned off in this portal: people come by single sign-on."
        )


def is_by_sso(person: User) -> bool:
    """Return whether the person signs in by single sign-on, which then manages name, address and password.

    Without a configured provider nothing is managed there: administrators change everything here.
    """
    configuration = settings.SINGLE_SIGN_ON
    return (
        configuration is not None and SocialAccount.objects.filter(user=person, provider=configuration.issuer).exists()
    )


def is_membership_by_sso(held: Membership) -> bool:
    return held.by_sso and settings.SINGLE_SIGN_ON is not None


def is_administrator_by_sso(person: User) -> bool:
    return person.administrator_by_sso and settings.SINGLE_SIGN_ON is not None


def uses_password(person: User) -> bool:
    return may_use_password(person) and (person.has_usable_password() or not is_by_sso(person))


def check_password_use(person: User) -> None:
    """Raise RefusedError where a password would let in somebody whom the identity provider manages."""
    if not uses_password(person):
        raise RefusedError("", "no-password", f"{person.display_name} signs in without a password.")
