"""Who may do what in a namespace, given and taken away. Each change is one durable transaction that is logged."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from namespaces.access import HOLDS
from namespaces.actions.teams import check_verb
from namespaces.models import Namespace, NamespaceRole, Role
from namespaces.rights import MANAGED, Verb
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import Team, User

LONGEST_NAME = 120  # of a person or team in the activity log


def grant_role(
    actor: User, *, namespace: Namespace, role: Role, user: User | None = None, team: Team | None = None
) -> NamespaceRole:
    """Give one person or one team a role in the namespace, replacing the one held before. Raise RuleError.

    The roles that manage one type are held side by side.
    """
    if (user is None) == (team is None):
        raise RuleError("", "one-holder", "Give the role to one person or to one team.")
    with transaction.atomic(durable=True):
        return grant_in_transaction(actor, namespace=namespace, role=role, user=user, team=team)


def grant_in_transaction(
    actor: User, *, namespace: Namespace, role: Role, user: User | None = None, team: Team | None = None
) -> NamespaceRole:
    """Give the role as part of a larger change, in whose transaction it is saved. Raise RuleError."""
    _one_at_a_time(namespace)
    check_verb(actor, namespace, Verb.OWN)
    every = list(NamespaceRole.objects.filter(namespace=namespace, user=user, team=team))
    if any(each.role == role for each in every):
        raise RuleError("role", "held", f"{every[0].holder_name} is {role.label} here already.")
    replaced = [each for each in every if role not in MANAGED or each.role not in MANAGED]
    for each in replaced:
        _keep_an_owner(each)
    before = {"role": ", ".join(map(_label, replaced))} if replaced else None
    since = min((each.since for each in every if each.since), default=timezone.now())
    granted = NamespaceRole(namespace=namespace, user=user, team=team, role=role)
    granted.since = since if all(each.since for each in every) else None
    NamespaceRole.objects.filter(pk__in=[each.pk for each in replaced]).delete()
    granted.save()
    _record(actor, granted, verb="Grant role", before=before, after={"role": _label(granted)})
    return granted


def revoke_role(actor: User, *, role: NamespaceRole) -> None:
    """Take a role away. The last owner's cannot be taken. Raises RuleError."""
    with transaction.atomic(durable=True):
        _one_at_a_time(role.namespace)
        check_verb(actor, role.namespace, Verb.OWN)
        _keep_an_owner(role)
        _record(actor, role, verb="Revoke role", before={"role": _label(role)})
        role.delete()


def is_last_owner(held: NamespaceRole) -> bool:
    """Return whether only administrators would own the namespace without this role."""
    if held.pk is None:
        return False
    owners = NamespaceRole.objects.filter(HOLDS, namespace=held.namespace_id, role=Role.OWNER)
    return owners.filter(pk=held.pk).exists() and not owners.exclude(pk=held.pk).exists()


def _keep_an_owner(held: NamespaceRole) -> None:
    if is_last_owner(held):
        raise RuleError("role", "last-owner", "A namespace needs an owner. Assign another owner first.")


def _one_at_a_time(namespace: Namespace) -> None:
    """Two owners that leave at once would each see the other stay."""
    Namespace.objects.select_for_update().filter(pk=namespace.pk).first()


def _label(held: NamespaceRole) -> str:
    return str(Role(held.role).label)


def _record(
    actor: User,
    held: NamespaceRole,
    *,
    verb: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    holder = held.holder_name
    holder = holder if len(holder) <= LONGEST_NAME else f"{holder[: LONGEST_NAME - 1]}…"
    activity.record(
        actor,
        verb=verb,
        kind="namespaces.namespacerole",
        object_pk=held.pk,
        object_name=f"{holder}: {_label(held)}",
        scope=held.namespace_id,
        scope_name=held.namespace.name,
        before=before,
        after=after,
    )
