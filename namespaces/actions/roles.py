"""Who may do what in a namespace, given and taken away. Each change is one durable transaction that is logged."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone

from namespaces.access import HOLDS
from namespaces.actions.teams import check_verb
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft
from namespaces.control.rules.policy import Need
from namespaces.models import AccessRequest, Namespace, NamespaceRole, Role
from namespaces.rights import MANAGED, Verb
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import Activity, Team, User
from sync.control import one_transaction

KIND = "namespaces.namespacerole"
ROLE_KIND = "role"  # in change sets
LONGEST_NAME = 120  # of a person or team in the activity log


class RolesChanged(RuleError):  # noqa: N818 - reads as a sentence
    """The roles of the holder were changed after the form was opened. `entry`: the last change of them."""

    def __init__(self, holder: str, entry: Activity) -> None:
        what = f"{entry.actor_name}: {entry.verb}, {entry.object_name}"
        sentence = f"The roles of {holder} were changed after you opened this form ({what}). Select Add again to go on."
        super().__init__("role", "changed-meanwhile", sentence)
        self.entry = entry


def grant_role(
    actor: User,
    *,
    namespace: Namespace,
    role: Role,
    user: User | None = None,
    team: Team | None = None,
    opened: int | None = None,
) -> NamespaceRole:
    """Give one person or one team a role in the namespace, replacing the one held before. Raise RuleError.

    The roles that manage one type are held side by side. `opened`: the edition of the roles that the actor was shown; raise
    RolesChanged when others changed the holder's roles since.
    """
    if (user is None) == (team is None):
        raise RuleError("", "one-holder", "Give the role to one person or to one team.")
    with one_transaction():
        return grant_in_transaction(actor, namespace=namespace, role=role, user=user, team=team, opened=opened)


def grant_in_transaction(
    actor: User,
    *,
    namespace: Namespace,
    role: Role,
    user: User | None = None,
    team: Team | None = None,
    opened: int | None = None,
) -> NamespaceRole:
    """Give the role as part of a larger change, in whose transaction it is saved. Raise RuleError."""
    edition = _next_edition(namespace)
    check_verb(actor, namespace, Verb.OWN)
    granted = NamespaceRole(namespace=namespace, user=user, team=team, role=role)
    _check_edition(granted, opened)
    every = list(NamespaceRole.objects.filter(namespace=namespace, user=user, team=team))
    if any(each.role == role for each in every):
        raise RuleError("role", "held", f"{every[0].holder_name} is {role.label} here already.")
    replaced = [each for each in every if role not in MANAGED or each.role not in MANAGED]
    for each in replaced:
        _keep_an_owner(each)
    check_other(actor, namespace.pk, [need_of(role)], role_draft(granted, every))
    before = {"role": ", ".join(map(_label, replaced))} if replaced else None
    since = min((each.since for each in every if each.since), default=timezone.now())
    granted.since = since if all(each.since for each in every) else None
    NamespaceRole.objects.filter(pk__in=[each.pk for each in replaced]).delete()
    granted.save()
    _record(actor, granted, edition, verb="Grant role", before=before, after={"role": _label(granted)})
    _settle_requests(actor, namespace, role, user)
    return granted


def need_of(role: Role) -> Need:
    """Return for what giving this role may need approval."""
    return Need.POWERFUL_ROLE if role == Role.OWNER else Need.OTHER_ROLE


def role_draft(granted: NamespaceRole, held: Sequence[NamespaceRole]) -> Draft:
    """Return the change that gives this role to a holder who has those."""
    holder = {"user": granted.user_id, "team": granted.team_id}
    name = granted.holder_name
    if granted.user is not None and len(name) > LONGEST_NAME:  # a long name must not push the user name out of sight
        name = granted.user.username
    return Draft(
        ROLE_KIND,
        "grant",
        f"{_shortened(name)}: {_label(granted)}",
        before=holder | {"roles": sorted(each.role for each in held)},
        values=holder | {"role": str(granted.role)},
    )


def _settle_requests(actor: User, namespace: Namespace, role: Role, user: User | None) -> None:
    """Settle what the person asked for: an Owner has just given it without looking at the request."""
    asked = AccessRequest.objects.filter(namespace=namespace, role=role, user=user, state=AccessRequest.State.OPEN)
    asked.update(state=AccessRequest.State.GRANTED, decided_at=timezone.now(), decided_by=actor)


def revoke_role(actor: User, *, role: NamespaceRole) -> None:
    """Take a role away. The last owner's cannot be taken. Raises RuleError."""
    with one_transaction():
        edition = _next_edition(role.namespace)
        check_verb(actor, role.namespace, Verb.OWN)
        _keep_an_owner(role)
        _record(actor, role, edition, verb="Revoke role", before={"role": _label(role)})
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


def _next_edition(namespace: Namespace) -> int:
    """Lock the roles of the namespace and return the edition that this change makes.

    One change at a time: two owners that leave at once would each see the other stay.
    """
    row = Namespace.objects.filter(pk=namespace.pk)
    row.update(roles_edition=F("roles_edition") + 1)
    return row.values_list("roles_edition", flat=True).first() or 0


def _check_edition(granted: NamespaceRole, opened: int | None) -> None:
    if opened is not None:
        changes = changes_of_holder(granted.namespace_id, granted.holder_name).filter(generation__gt=opened)
        entry = changes.order_by("-generation").first()
        if entry is not None:
            raise RolesChanged(granted.holder_name, entry)


def changes_of_holder(namespace_pk: int, holder: str) -> QuerySet[Activity]:
    """Return the entries of the activity log about the roles of a person or team, by `holder_name`."""
    return Activity.objects.of_scope(namespace_pk).filter(kind=KIND, object_name__startswith=f"{_shortened(holder)}: ")


def _label(held: NamespaceRole) -> str:
    return str(Role(held.role).label)


def _shortened(holder: str) -> str:
    return holder if len(holder) <= LONGEST_NAME else f"{holder[: LONGEST_NAME - 1]}…"


def _record(
    actor: User,
    held: NamespaceRole,
    edition: int,
    *,
    verb: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    activity.record(
        actor,
        verb=verb,
        kind=KIND,
        object_pk=held.pk,
        object_name=f"{_shortened(held.holder_name)}: {_label(held)}",
        scope=held.namespace_id,
        scope_name=held.namespace.name,
        before=before,
        after=after,
        generation=edition,
    )
