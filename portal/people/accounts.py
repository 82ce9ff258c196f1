"""Accounts of people: created, edited, disabled and enabled. Nobody is deleted."""

from collections.abc import Sequence

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from portal.deployment.passwords import generate_password
from portal.models import AccessLink, Membership, Team, User
from portal.people.authority import (
    RefusedError,
    administrator_and,
    check_local_accounts,
    check_password_use,
    is_administrator_by_sso,
    is_by_sso,
)
from portal.people.links import issue, revoke_open
from portal.people.log import note_person, person_facts
from portal.registry import end_for_person, role_book, why_not_joined
from portal.sign_in.second_step import remove_second_step
from portal.sign_in.sessions import end_all_sessions

ADMINISTRATOR_BY_SSO = "This administrator comes from single sign-on. Change the groups in the identity provider."


def create_person(
    actor: User,
    *,
    username: str,
    first_name: str = "",
    last_name: str = "",
    email: str = "",
    teams: Sequence[Team] = (),
    roles: Sequence[str] = (),
    makes_administrator: bool = False,
) -> tuple[User, str]:
    """Create an account, and return it with its generated password, which is stored as a hash only."""
    check_local_accounts()
    password = generate_password()
    user = new_user(username, password, first_name, last_name, email, is_administrator=makes_administrator)
    with transaction.atomic(durable=True):
        administrator_and(actor)
        check_address_is_free(email)
        save_new(user)
        check_join(teams, user, by=actor)
        join(user, [(team, False) for team in teams])
        for key in roles:
            role_book().grant(actor, user, key)
        after = person_facts(user) | {"teams": [team.name for team in teams]}
        note_person(actor, "Create person", user, after=after)
    return user, password


def new_user(
    username: str, password: str | None, first_name: str, last_name: str, email: str, *, is_administrator: bool = False
) -> User:
    """Return an unsaved user. Raise RefusedError where a value is invalid."""
    user = User(username=username, first_name=first_name, last_name=last_name, email=email.lower())
    user.is_superuser = user.is_staff = is_administrator
    user.set_password(password)  # before the transaction: hashing takes a while
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as fault:
        field, errors = next(iter(fault.error_dict.items()))
        raise RefusedError(field, "invalid", " ".join(errors[0].messages)) from None
    return user


def save_new(user: User) -> None:
    """Save a new user. Raise RefusedError where another one has the name, in whatever case."""
    if User.objects.filter(username__iexact=user.username).exists():
        raise RefusedError("username", "taken", "Another person has this user name. Choose another one.")
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        raise RefusedError("username", "taken", "Another person has this user name. Choose another one.") from None
    set_primary_address(user)


def join(user: User, teams: Sequence[tuple[Team, bool]]) -> None:
    Membership.objects.bulk_create([Membership(user=user, team=team, is_lead=is_lead) for team, is_lead in teams])


def check_join(teams: Sequence[Team], user: User | None, *, by: User | None, leads: bool = False) -> None:
    """Raise RefusedError where others must approve that a person joins one of the teams, or leads it."""
    why = next((why for team in teams if (why := why_not_joined(team, user, by=by, leads=leads))), "")
    if why:
        raise RefusedError("teams", "needs-approval", why)


def check_address_is_free(email: str, *, of: User | None = None) -> None:
    """Raise RefusedError where another active person has this address."""
    if not email:
        return
    others = User.objects.annotate(address=Lower("email")).filter(address=email.lower(), is_active=True)
    if of is not None:
        others = others.exclude(pk=of.pk)
    if others.exists():
        raise RefusedError("email", "address-taken", "Another person has this e-mail address.")


def set_primary_address(user: User) -> None:
    """Let django-allauth know the address of the user, as one that nobody has verified yet."""
    rows = EmailAddress.objects.filter(user=user)
    rows.filter(primary=True).exclude(email=user.email).delete()
    if user.email:
        EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"primary": True})


def update_person(actor: User, *, person: User, first_name: str, last_name: str, email: str) -> User:
    """Change name and address."""
    with transaction.atomic(durable=True):
        user = administrator_and(actor, person)[person.pk]
        before = person_facts(user)
        if is_by_sso(user):
            raise RefusedError("", "by-sso", "Name and address come from single sign-on. Change them there.")
        user.first_name, user.last_name, user.email = first_name, last_name, email.lower()
        if user.email != before["email"].lower():
            check_address_is_free(user.email, of=user)
        if person_facts(user) != before:
            user.save(update_fields=["first_name", "last_name", "email"])
            set_primary_address(user)
            note_person(actor, "Update person", user, before=before, after=person_facts(user))
    return user


def set_administrator(actor: User, *, person: User, is_administrator: bool) -> None:
    """Make a person an administrator, or no longer one: never oneself, and never the last active one."""
    with transaction.atomic(durable=True):
        rows = administrator_and(actor, person, all_administrators=True)
        user = rows[person.pk]
        if user.is_superuser == is_administrator:
            return
        if is_administrator and not user.is_active:
            raise RefusedError("", "disabled", f"{user.display_name} is disabled. Enable the account first.")
        if not is_administrator:
            _keep_administrators(rows, user, actor)
        if is_administrator_by_sso(user):
            raise RefusedError("", "by-sso", ADMINISTRATOR_BY_SSO)
        before = person_facts(user)
        user.is_superuser = user.is_staff = is_administrator
        user.administrator_by_sso = False
        user.save(update_fields=["is_superuser", "is_staff", "administrator_by_sso"])
        verb = "Make administrator" if is_administrator else "Remove administrator"
        note_person(actor, verb, user, before=before, after=person_facts(user))


def disable_person(actor: User, *, person: User) -> dict[str, int]:
    """Disable an account and end what acts in its name, at once. Return what ended, with numbers."""
    with transaction.atomic(durable=True):
        rows = administrator_and(actor, person, all_administrators=True)
        user = rows[person.pk]
        if not user.is_active:
            raise RefusedError("", "disabled", f"{user.display_name} is disabled already.")
        _keep_administrators(rows, user, actor)
        before = person_facts(user)
        user.is_active, user.disabled_at = False, timezone.now()
        user.save(update_fields=["is_active", "disabled_at"])
        end_all_sessions(user)
        links = AccessLink.objects.filter(user=user) | AccessLink.objects.filter(created_by=user)
        ended = {"links": revoke_open(links)} | end_for_person(user)
        note_person(actor, "Disable person", user, before=before, after=person_facts(user) | {"ended": ended})
    return ended


def enable_person(actor: User, *, person: User) -> None:
    """Enable an account again. Sessions, links and calendar addresses that ended stay ended."""
    with transaction.atomic(durable=True):
        user = administrator_and(actor, person)[person.pk]
        if user.is_active:
            raise RefusedError("", "enabled", f"{user.display_name} is active already.")
        check_address_is_free(user.email, of=user)
        before = person_facts(user)
        user.is_active = True
        user.save(update_fields=["is_active"])
        note_person(actor, "Enable person", user, before=before, after=person_facts(user))


def sign_out_person(actor: User, *, person: User) -> None:
    """End all sessions of a person."""
    with transaction.atomic(durable=True):
        user = administrator_and(actor, person)[person.pk]
        end_all_sessions(user)
        note_person(actor, "Sign out person everywhere", user)


def reset_second_step(actor: User, *, person: User) -> bool:
    """Delete app and recovery codes of a person who has lost them, and return whether there were any."""
    with transaction.atomic(durable=True):
        user = administrator_and(actor, person)[person.pk]
        was_on = remove_second_step(user)
        if was_on:
            end_all_sessions(user)
            note_person(actor, "Reset two-step sign-in", user, before={"two_step": True}, after={"two_step": False})
    return was_on


def make_password_link(actor: User | None, *, person: User) -> str:
    """Return the secret of a link with which a person chooses a password. Earlier ones stop working.

    `actor` is None for a command of the operator.
    """
    with transaction.atomic(durable=True):
        user = person if actor is None else administrator_and(actor, person)[person.pk]
        if not user.is_active:
            raise RefusedError("", "disabled", f"{user.display_name} is disabled. Enable the account first.")
        check_password_use(user)
        revoke_open(AccessLink.objects.filter(user=user, purpose=AccessLink.Purpose.PASSWORD))
        secret = issue(AccessLink(purpose=AccessLink.Purpose.PASSWORD, user=user, created_by=actor), timezone.now())
        note_person(actor, "Create password link", user)
    return secret


def give_role(actor: User, *, person: User, key: str) -> None:
    """Give a person one of the roles of `portal.registry.RoleBook`."""
    with transaction.atomic(durable=True):
        user = administrator_and(actor, person)[person.pk]
        if not user.is_active:
            raise RefusedError("", "disabled", f"{user.display_name} is disabled. Enable the account first.")
        if role_book().choice(key) is None:
            raise RefusedError("role", "unknown", "Choose a role in one of the namespaces.")
        role_book().grant(actor, user, key)


def _keep_administrators(rows: dict[int, User], leaving: User, actor: User) -> None:
    """Refuse to take rights from oneself, and from the last active administrator. `rows` are all administrators."""
    if leaving.pk == actor.pk:
        raise RefusedError("", "yourself", "You cannot do this to your own account. Ask another administrator.")
    remaining = [row for row in rows.values() if row.is_superuser and row.is_active and row.pk != leaving.pk]
    if leaving.is_superuser and not remaining:
        raise RefusedError("", "last-administrator", "This is the last active administrator.")
