"""The account here of an identity at the provider. Only issuer and subject link the two; a name or an e-mail address never do."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from portal.activity import record
from portal.models import User
from portal.single_sign_on.configuration import SingleSignOn
from portal.single_sign_on.refusals import Refusal
from portal.single_sign_on.rights import follow_groups

LONGEST_UID = 191  # characters that the table has; a longer subject is kept as its hash
_NOT_IN_NAMES = re.compile(r"[^\w.@+-]")  # of Django's rule for user names
SHOWN = ("preferred_username", "email", "name")  # claims that are kept, for the account page


@dataclass(frozen=True)
class Identity:
    """An identity at the provider, for the account page. `label` is how the provider calls the user."""

    provider: str
    label: str


def uid_of(subject: str) -> str:
    """Return what the table of identities calls a subject."""
    return subject if len(subject) <= LONGEST_UID else f"sha256:{hashlib.sha256(subject.encode()).hexdigest()}"


def identity_of(user: User) -> Identity | None:
    """Return the user's identity at the configured provider, None without one."""
    configuration: SingleSignOn | None = settings.SINGLE_SIGN_ON
    if configuration is None:
        return None
    found = SocialAccount.objects.filter(user=user, provider=configuration.issuer).first()
    if found is None:
        return None
    label = next((found.extra_data[name] for name in SHOWN if found.extra_data.get(name)), "")
    return Identity(configuration.name, str(label))


def admit(configuration: SingleSignOn, claims: dict[str, Any], groups: frozenset[str]) -> User:
    """Return the account of a verified identity, created if it is new, with what its groups grant now.

    Raises:
        Refusal: the account is disabled, or a new one cannot have its name.
    """
    try:
        return _admit(configuration, claims, groups)
    except IntegrityError:  # another browser of the same user was quicker: now the account exists
        return _admit(configuration, claims, groups)


def _admit(configuration: SingleSignOn, claims: dict[str, Any], groups: frozenset[str]) -> User:
    with transaction.atomic(durable=True):
        identity = SocialAccount.objects.filter(provider=configuration.issuer, uid=uid_of(claims["sub"])).first()
        pk = identity.user_id if identity else _create(configuration, claims).pk
        user: User = User.objects.select_for_update().get(pk=pk)
        if not user.is_active:
            raise Refusal("disabled", user=user, subject=claims["sub"])
        _follow_profile(user, claims, is_new=identity is None)
        follow_groups(user, configuration, groups)
    return user


def link(configuration: SingleSignOn, user: User, subject: str) -> None:
    """Link an existing account to an identity, as an administrator decided. Call inside a transaction."""
    SocialAccount.objects.create(user=user, provider=configuration.issuer, uid=uid_of(subject))
    record(
        None,
        verb="Link to identity provider",
        kind="portal.user",
        object_pk=user.pk,
        object_name=user.username,
        after={"provider": configuration.issuer, "subject": subject},
    )


def _create(configuration: SingleSignOn, claims: dict[str, Any]) -> User:
    username = _username(claims)
    if User.objects.filter(username__iexact=username).exists():
        raise Refusal("name_taken", username, subject=claims["sub"])
    user = User(username=username)
    user.set_unusable_password()
    user.save(force_insert=True)
    SocialAccount.objects.create(user=user, provider=configuration.issuer, uid=uid_of(claims["sub"]))
    record(
        None,
        verb="Create account by single sign-on",
        kind="portal.user",
        object_pk=user.pk,
        object_name=username,
        after={"provider": configuration.issuer, "subject": claims["sub"]},
    )
    return user


def _username(claims: dict[str, Any]) -> str:
    """Return the name of a new account: as the provider spells it, in the characters that user names may have."""
    given = _text(claims, "preferred_username") or _text(claims, "upn") or _text(claims, "email")
    name = _NOT_IN_NAMES.sub("_", given)[:150].strip("_")
    return name or f"user-{hashlib.sha256(claims['sub'].encode()).hexdigest()[:12]}"


def _follow_profile(user: User, claims: dict[str, Any], *, is_new: bool) -> None:
    """Take over name and e-mail address. Addresses that the user has added and verified here are left alone."""
    first, last = _text(claims, "given_name"), _text(claims, "family_name")
    if not first and not last:
        first, _, last = _text(claims, "name").partition(" ")
    wanted = {"first_name": first[:150], "last_name": last[:150]} if first or last else {}
    email = _text(claims, "email")
    if _is_address(email) and not EmailAddress.objects.filter(user=user, verified=True).exists():
        wanted["email"] = email
    changed = {name: value for name, value in wanted.items() if getattr(user, name) != value}
    before = {name: getattr(user, name) for name in changed}
    for name, value in changed.items():
        setattr(user, name, value)
    if changed:
        user.save(update_fields=list(changed))
    if changed and not is_new:
        record(
            None,
            verb="Update profile by single sign-on",
            kind="portal.user",
            object_pk=user.pk,
            object_name=user.username,
            before=before,
            after=changed,
        )


def _is_address(email: str) -> bool:
    try:
        validate_email(email)
    except ValidationError:
        return False
    return len(email) <= 254


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return " ".join(value.split())[:500] if isinstance(value, str) and value.isprintable() else ""
