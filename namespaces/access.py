"""Access checks: the only way to a namespace and its resources. 404 without a role, 403 when the role is too weak."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from django.db.models import Q, QuerySet
from django.http import Http404
from django.urls import reverse

from namespaces.models import Client, Namespace, NamespaceConfiguration, NamespaceRole, Role
from portal.models import Team, User
from portal.registry import HeldRole
from portal.web.access_denied import Denied
from sync.models import SyncedModel

Resource = TypeVar("Resource", bound=SyncedModel)


class Verb(StrEnum):
    """What a user wants to do in a namespace."""

    READ = "read"
    CONTRIBUTE = "contribute"  # create, edit and delete what is in it
    OWN = "own"  # roles, disconnect


_ALLOWED: dict[Role, frozenset[Verb]] = {
    Role.READER: frozenset({Verb.READ}),
    Role.CONTRIBUTOR: frozenset({Verb.READ, Verb.CONTRIBUTE}),
    Role.OWNER: frozenset({Verb.READ, Verb.CONTRIBUTE, Verb.OWN}),
}
STRONGEST_FIRST = (Role.OWNER, Role.CONTRIBUTOR, Role.READER)
NAMED = 5  # owners named in the hint whom to ask


# Roles in use: of an active user, or of a team that has one.
HOLDS = Q(user__is_active=True) | Q(team__members__is_active=True)


def _roles_of(user: User) -> QuerySet[NamespaceRole]:
    if not user.is_authenticated or not user.is_active:
        return NamespaceRole.objects.none()
    return NamespaceRole.objects.filter(Q(user=user) | Q(team__members=user))


def visible_namespaces(user: User) -> QuerySet[Namespace]:
    """Namespaces in which the user has any role; all of them for an administrator."""
    if user.is_active and user.is_superuser:
        return Namespace.objects.all()
    return Namespace.objects.filter(pk__in=_roles_of(user).values("namespace"))


def role_in(user: User, namespace: Namespace) -> Role | None:
    """The strongest role of the user in the namespace, own or through a team."""
    if user.is_active and user.is_superuser:
        return Role.OWNER
    held = set(_roles_of(user).filter(namespace=namespace).values_list("role", flat=True))
    return next((role for role in STRONGEST_FIRST if role.value in held), None)


def may(user: User, namespace: Namespace, verb: Verb) -> bool:
    return verb in allowed_verbs(user, namespace)


def allowed_verbs(user: User, namespace: Namespace) -> frozenset[Verb]:
    """Return all that the user may do in the namespace."""
    role = role_in(user, namespace)
    return frozenset() if role is None else _ALLOWED[role]


def may_connect(user: User) -> bool:
    """Whether the user may connect further namespaces: the portal's credential may see more than the user should."""
    return user.has_perm("namespaces.add_namespace")


def get_namespace(user: User, pk: int, verb: Verb = Verb.READ) -> Namespace:
    """Return the namespace. Raise Http404 without any role in it, PermissionDenied when the role does not allow `verb`."""
    namespace = visible_namespaces(user).filter(pk=pk).first()
    if namespace is None:
        raise Http404("There is no such namespace.")
    if not may(user, namespace, verb):
        raise _too_weak(user, namespace, verb)
    return namespace


def _too_weak(user: User, namespace: Namespace, verb: Verb) -> Denied:
    held = role_in(user, namespace)
    needed = Role.OWNER if verb is Verb.OWN else Role.CONTRIBUTOR
    sentence = f"Your role in {namespace.name} is {held.label if held else 'none'}; this takes {needed.label}."
    return Denied(sentence, lambda: f"{whom_to_ask(namespace)} Roles are given under Access control (IAM).")


def not_an_administrator() -> Denied:
    return Denied("Only an administrator connects namespaces.", lambda: _ask("an administrator", administrators()))


def whom_to_ask(namespace: Namespace) -> str:
    """Name the users who can give roles in the namespace: its owners, or else the administrators."""
    held = NamespaceRole.objects.filter(HOLDS, namespace=namespace, role=Role.OWNER).distinct()
    owners = held.select_related("user", "team").order_by("pk")
    if owners:
        return _ask("an Owner", owners)
    return _ask("an administrator", administrators())


def administrators() -> QuerySet[User]:
    """Users who own every namespace without having a role in it."""
    return User.objects.filter(is_superuser=True, is_active=True).order_by("username")


def _ask(kind: str, who: QuerySet[User] | QuerySet[NamespaceRole]) -> str:
    names = [each.display_name if isinstance(each, User) else each.holder_name for each in who[: NAMED + 1]]
    listed = ", ".join(names[:NAMED]) + (" or others" if len(names) > NAMED else "")
    return f"Ask {kind}: {listed}." if names else f"Ask {kind} of the portal."


def get_resource(user: User, model: type[Resource], pk: int, name: str, verb: Verb = Verb.READ) -> Resource:
    """Return the row `name` of a synced model in namespace `pk`. Raise Http404 when the user cannot see it."""
    namespace = get_namespace(user, pk, verb)
    rows: Any = model._default_manager
    row: Resource | None = (
        rows.with_findings()
        .named(name)
        .filter(namespace=namespace)
        .select_related("namespace", "team", "created_by")
        .first()
    )
    if row is None:
        raise Http404(f"There is no such {model._meta.verbose_name}.")
    return row


def get_client(user: User, pk: int, name: str, verb: Verb = Verb.READ) -> Client:
    """Return the client `name` of namespace `pk`. Raise Http404 when the user cannot see it."""
    return get_resource(user, Client, pk, name, verb)


def get_configuration(namespace: Namespace) -> NamespaceConfiguration | None:
    """Return the settings of a namespace that the user may read; None while they have not been read from Azure."""
    rows = NamespaceConfiguration.objects.with_findings().select_related("namespace", "team")
    row: NamespaceConfiguration | None = rows.filter(namespace=namespace).first()
    return row


def teams_of(user: User) -> QuerySet[Team]:
    """Teams for which the user may create resources."""
    if user.is_active and user.is_superuser:
        return Team.objects.order_by("name")
    return Team.objects.filter(members=user).order_by("name")


def visible_scopes(user: User) -> Mapping[int, datetime | None]:
    """Return the namespaces that the user may see, each with the start of access; None where that is not known."""
    if user.is_active and user.is_superuser:
        return dict.fromkeys(visible_namespaces(user).values_list("pk", flat=True))
    found: dict[int, datetime | None] = {}
    for pk, since in _roles_of(user).values_list("namespace_id", "since"):
        before = found.get(pk, since)
        found[pk] = None if since is None or before is None else min(since, before)
    return found


def held_roles(user: User) -> Iterable[HeldRole]:
    """Yield every role of the user, own and through teams, for the account page."""
    for row in _roles_of(user).select_related("namespace", "user", "team").order_by("namespace__name", "pk").distinct():
        through = f"team {row.team}" if row.team else "yourself"
        url = reverse("namespaces:namespace_overview", args=[row.namespace_id])
        yield HeldRole(row.namespace.name, Role(row.role).label, through, url, row.since)
