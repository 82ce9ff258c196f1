"""Access checks: the only way to a namespace and its resources. 404 without a role, 403 when the role is too weak.

What a role allows is decided in `namespaces.rights`.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.http import Http404
from django.urls import reverse

from namespaces.models import Client, Namespace, NamespaceConfiguration, NamespaceRole, Role
from namespaces.rights import MANAGED, Rights, Verb, held_roles_of, rights_in
from portal.evidence import origin
from portal.models import Membership, Team, User
from portal.people.contacts import NAMED, whom_to_ask_in
from portal.registry import HeldRole, VisibleScopes
from portal.web.access_denied import Denied
from sync.models import Sight, SyncedModel
from sync.models.sight import hidden_activities

Resource = TypeVar("Resource", bound=SyncedModel)

# Roles in use: of an active user, or of a team that has one.
HOLDS = Q(user__is_active=True) | Q(team__members__is_active=True)


def visible_namespaces(user: User) -> QuerySet[Namespace]:
    """Namespaces in which the user has any role; all of them for an administrator."""
    if user.is_active and user.is_superuser:
        return Namespace.objects.all()
    return Namespace.objects.filter(pk__in=held_roles_of(user).values("namespace"))


def sight_of(user: User) -> Sight:
    """Return what the user sees in all namespaces, as conditions of a query: for searches, which ask once each."""
    if user.is_active and user.is_superuser:
        return Sight(everywhere=True)
    held = held_roles_of(user)
    mine = Namespace.objects.filter(pk__in=held.values("namespace"))
    owned = Q(pk__in=held.filter(role=Role.OWNER).values("namespace"))
    return Sight(
        whole=mine.filter(owned | Q(hides_other_teams=False)).order_by().values("pk"),
        partly=mine.filter(hides_other_teams=True).exclude(owned).order_by().values("pk"),
        teams=Team.objects.filter(members=user).order_by().values("pk"),
    )


def with_rights(user: User, namespaces: Iterable[Namespace]) -> list[Namespace]:
    """Return the namespaces, each with the user's rights as `rights`, read in two statements for all of them."""
    found = list(namespaces)
    if user.is_active and user.is_superuser:
        grants: dict[int, list[tuple[Role, int | None]]] = {each.pk: [(Role.OWNER, None)] for each in found}
    else:
        grants = {each.pk: [] for each in found}
        held = held_roles_of(user).filter(namespace__in=grants)
        for pk, role, team in held.values_list("namespace_id", "role", "team").distinct():
            grants[pk].append((Role(role), team))
    teams = frozenset(Team.objects.filter(members=user).values_list("pk", flat=True)) if found else frozenset()
    for each in found:
        each.rights = Rights(tuple(grants[each.pk]), teams, each.hides_other_teams)
    return found


def may(user: User, namespace: Namespace, verb: Verb) -> bool:
    return verb in rights_in(user, namespace.pk).verbs


def may_connect(user: User) -> bool:
    """Whether the user may connect further namespaces: the portal's credential may see more than the user should."""
    return user.has_perm("namespaces.add_namespace")


def get_namespace(user: User, pk: int, verb: Verb = Verb.READ, *, model: type[SyncedModel] | None = None) -> Namespace:
    """Return the namespace, with the user's rights as `rights`.

    With `model`, `verb` CONTRIBUTE asks only whether the user may change some resource of this type.

    Raise Http404 without any role in it, PermissionDenied when no role allows `verb`.
    """
    namespace = visible_namespaces(user).filter(pk=pk).first()
    if namespace is None:
        hidden = Namespace.objects.filter(pk=pk).first()
        if hidden is not None:
            origin.note_place(pk, hidden.name, hides=True)
        raise Http404("There is no such namespace.")
    origin.note_place(pk, namespace.name)
    rights = rights_in(user, namespace.pk)
    is_allowed = rights.reach(model) if model is not None and verb is Verb.CONTRIBUTE else verb in rights.verbs
    if not is_allowed:
        raise _too_weak(user, rights, namespace, verb, model)
    namespace.rights = rights
    return namespace


def rights_of(user: User, namespace: Namespace) -> Rights:
    """Return the user's rights in a namespace; those that `get_namespace` read, where it did."""
    read: Rights | None = namespace.rights
    return rights_in(user, namespace.pk) if read is None else read


def _too_weak(user: User, rights: Rights, namespace: Namespace, verb: Verb, model: type[SyncedModel] | None) -> Denied:
    held = " and ".join(role.label for role in rights.roles) or "none"
    managing = next((role.label for role, managed in MANAGED.items() if model and managed == model.arm_type), "")
    needed = Role.OWNER.label if verb is Verb.OWN else Role.CONTRIBUTOR.label
    takes = f"{needed} or {managing}" if managing else str(needed)
    if any(MANAGED[role] == model.arm_type for role in rights.roles if role in MANAGED and model):
        sentence = (
            f"Your role in {namespace.name} is {held}, and you are a member of no team whose resources it covers."
        )
    else:
        sentence = f"Your role in {namespace.name} is {held}; this takes {takes}."
    wanted = Role.OWNER if verb is Verb.OWN else Role.CONTRIBUTOR
    if managing and Membership.objects.filter(user=user).exists():  # without a team, such a role would cover nothing
        wanted = next(role for role, managed in MANAGED.items() if model and managed == model.arm_type)
    return _denied(
        namespace, sentence, lambda: f"{whom_to_ask(namespace)} Roles are given under Access control (IAM).", wanted
    )


def _denied(namespace: Namespace, sentence: str, next_step: Callable[[], str], wanted: Role) -> Denied:
    ask_url = f"{reverse('namespaces:access_ask', args=[namespace.pk])}?role={wanted}"
    return Denied(sentence, next_step, ask_url=ask_url)


def _of_another_team(namespace: Namespace, row: SyncedModel) -> Denied:
    return _denied(
        namespace, not_yours(row), lambda: f"{whom_to_ask_in(row.team)} {whom_to_ask(namespace)}".strip(), Role.OWNER
    )


def not_assignable(namespace: Namespace, row: SyncedModel) -> Denied:
    sentence = (
        f"You may not change the team of {row}. Owners do; Contributors take what no team owns for their own team."
    )
    return _denied(namespace, sentence, lambda: whom_to_ask(namespace), Role.OWNER)


def not_yours(row: SyncedModel) -> str:
    """Say why a resource may not be changed."""
    if row.team is None:
        return f"{row} belongs to no team. Contributors and Owners change it."
    return f"{row} belongs to team {row.team.name}. Its members and Owners of the namespace change it."


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
    """Return the row `name` of a synced model in namespace `pk`.

    Raise Http404 when the user cannot see it, PermissionDenied when `verb` is CONTRIBUTE and it is another team's.
    """
    namespace = get_namespace(user, pk, verb, model=model)
    seen = model.visible_to(namespace.sight).with_findings().named(name)
    row: Resource | None = seen.select_related("namespace", "team", "created_by").first()
    if row is None:
        note_if_hidden(model, namespace, name)
        raise Http404(f"There is no such {model._meta.verbose_name}.")
    row.namespace = namespace  # type: ignore[attr-defined]  # every resource has one
    if verb is Verb.CONTRIBUTE and not namespace.rights.covers(row):
        raise _of_another_team(namespace, row)
    return row


def note_if_hidden(model: type[SyncedModel], namespace: Namespace, name: str) -> None:
    """Note that a row exists which the user may not know of, so that an attempt to change it is recorded."""
    everything = Sight(whole=(namespace.pk,))
    if namespace.hides_other_teams and model.visible_to(everything).named(name).exists():
        origin.note_place(namespace.pk, namespace.name, hides=True)


def get_client(user: User, pk: int, name: str, verb: Verb = Verb.READ) -> Client:
    """Return the client `name` of namespace `pk`. Raise Http404 when the user cannot see it."""
    return get_resource(user, Client, pk, name, verb)


def get_configuration(namespace: Namespace) -> NamespaceConfiguration | None:
    """Return the settings of a namespace that the user may read; None while they have not been read from Azure."""
    rows = NamespaceConfiguration.visible_to(namespace.sight).with_findings()
    row: NamespaceConfiguration | None = rows.select_related("namespace", "team").first()
    if row is not None:
        row.namespace = namespace
    return row


def teams_of(user: User) -> QuerySet[Team]:
    """Return the teams of a user; all of them for an administrator."""
    if user.is_active and user.is_superuser:
        return Team.objects.order_by("name")
    return Team.objects.filter(members=user).order_by("name")


def teams_for_new(user: User, namespace: Namespace, model: type[SyncedModel]) -> QuerySet[Team]:
    """Return the teams for which the user may create a resource of this type."""
    reach = rights_of(user, namespace).reach(model)
    mine = teams_of(user)
    return mine if reach.everything else mine.filter(pk__in=sorted(reach.teams))


def visible_scopes(user: User) -> VisibleScopes:
    """Return the namespaces that the user may see, each with the start of access; None where that is not known."""
    if user.is_active and user.is_superuser:
        return VisibleScopes(dict.fromkeys(visible_namespaces(user).values_list("pk", flat=True)))
    found, hiding, owned = VisibleScopes(), set(), set()
    held = held_roles_of(user).values_list("namespace_id", "since", "role", "namespace__hides_other_teams")
    for pk, since, role, is_hiding in held:
        before = found.get(pk, since)
        found[pk] = None if since is None or before is None else min(since, before)
        hiding |= {pk} if is_hiding else set()
        owned |= {pk} if role == Role.OWNER else set()
    if hiding - owned:
        found.hidden = hidden_activities(sight_of(user))
    return found


def held_roles(user: User) -> Iterable[HeldRole]:
    """Yield every role of the user, own and through teams, for the account page."""
    for row in (
        held_roles_of(user).select_related("namespace", "user", "team").order_by("namespace__name", "pk").distinct()
    ):
        through = f"team {row.team}" if row.team else "yourself"
        url = reverse("namespaces:namespace_overview", args=[row.namespace_id])
        yield HeldRole(row.namespace.name, Role(row.role).label, through, url, row.since)
