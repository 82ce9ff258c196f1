"""The only doors to a namespace and to what is in it. A stranger meets 404, too little right meets 403."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404

from namespaces.models import Client, Namespace, NamespaceConfiguration, NamespaceRole, Role
from namespaces.topic_models import Rule
from portal.models import Team, User


class Verb(StrEnum):
    """What somebody wants to do in a namespace."""

    READ = "read"
    CONTRIBUTE = "contribute"  # create, edit and delete what is in it
    OWN = "own"  # roles, disconnect


_ALLOWED: dict[Role, frozenset[Verb]] = {
    Role.READER: frozenset({Verb.READ}),
    Role.CONTRIBUTOR: frozenset({Verb.READ, Verb.CONTRIBUTE}),
    Role.OWNER: frozenset({Verb.READ, Verb.CONTRIBUTE, Verb.OWN}),
}
_STRONGEST_FIRST = (Role.OWNER, Role.CONTRIBUTOR, Role.READER)


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
    return next((role for role in _STRONGEST_FIRST if role.value in held), None)


def may(user: User, namespace: Namespace, verb: Verb) -> bool:
    role = role_in(user, namespace)
    return role is not None and verb in _ALLOWED[role]


def may_connect(user: User) -> bool:
    """Whether the user may connect further namespaces: the portal's credential may see more than the user should."""
    return user.has_perm("namespaces.add_namespace")


def get_namespace(user: User, pk: int, verb: Verb = Verb.READ) -> Namespace:
    """The namespace, if the user may do `verb` in it. Raises Http404 to strangers, PermissionDenied otherwise."""
    namespace = visible_namespaces(user).filter(pk=pk).first()
    if namespace is None:
        raise Http404("There is no such namespace.")
    if not may(user, namespace, verb):
        raise PermissionDenied(f"Your role in {namespace.name} does not allow this.")
    return namespace


def get_client(user: User, pk: int, name: str, verb: Verb = Verb.READ) -> Client:
    """The client `name` of namespace `pk`, through the namespace's door."""
    namespace = get_namespace(user, pk, verb)
    client: Client | None = (
        Client.objects.with_findings()
        .filter(namespace=namespace, name__iexact=name)
        .select_related("namespace", "team")
        .first()
    )
    if client is None:
        raise Http404("There is no such client.")
    return client


def get_topic_rule(user: User, model: type[Rule], pk: int, name: str, verb: Verb = Verb.READ) -> Rule:
    """The client group, topic space or permission binding `name` of namespace `pk`, through the namespace's door."""
    namespace = get_namespace(user, pk, verb)
    rows: Any = model._default_manager
    row: Rule | None = (
        rows.with_findings()
        .filter(namespace=namespace, name__iexact=name)
        .select_related("namespace", "team", "created_by")
        .first()
    )
    if row is None:
        raise Http404(f"There is no such {model._meta.verbose_name}.")
    return row


def get_configuration(namespace: Namespace) -> NamespaceConfiguration | None:
    """The settings of a namespace that came through its door; None while they have not been read."""
    rows = NamespaceConfiguration.objects.with_findings().select_related("namespace", "team")
    row: NamespaceConfiguration | None = rows.filter(namespace=namespace).first()
    return row


def teams_of(user: User) -> QuerySet[Team]:
    """Teams in whose name the user may add things."""
    if user.is_active and user.is_superuser:
        return Team.objects.order_by("name")
    return Team.objects.filter(members=user).order_by("name")


def visible_scopes(user: User) -> Iterable[int]:
    return visible_namespaces(user).values_list("pk", flat=True)
