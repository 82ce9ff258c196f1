"""The roles in namespaces, as the pages about people and teams need them (`portal.registry.RoleBook`)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from namespaces.access import visible_namespaces
from namespaces.actions.roles import grant_in_transaction, need_of
from namespaces.explanations import Person, counts_in, explain, rights_of_people
from namespaces.models import ControlPolicy, Namespace, NamespaceRole, Role
from namespaces.rights import STRONGEST_FIRST, rights_in
from namespaces.rules.errors import RuleError
from portal.listing import whole_number
from portal.models import Membership, Team, User
from portal.people.authority import RefusedError
from portal.registry import RightSection, RoleChoice
from sync import registry
from sync.control import HeldBack


class NamespaceRoles:
    """Registered with the portal when the app is ready."""

    def summaries(self, user_pks: Collection[int]) -> Mapping[int, Sequence[str]]:
        teams: dict[int, list[int]] = defaultdict(list)
        for user, team in Membership.objects.filter(user__in=user_pks).values_list("user", "team"):
            teams[team].append(user)
        found: dict[int, set[Role]] = defaultdict(set)
        held = NamespaceRole.objects.filter(user__in=user_pks) | NamespaceRole.objects.filter(team__in=list(teams))
        for user, team, role in held.values_list("user", "team", "role").distinct():
            for pk in [user] if user is not None else teams[team]:
                found[pk].add(Role(role))
        return {pk: [role.label for role in STRONGEST_FIRST if role in roles] for pk, roles in found.items()}

    def names(self) -> Sequence[tuple[str, str]]:
        return [(role.value, role.label) for role in STRONGEST_FIRST]

    def holders(self, role: str) -> QuerySet[Any, Any]:
        held = NamespaceRole.objects.filter(role=role)
        through_a_team = Membership.objects.filter(team__in=held.exclude(team=None).values("team"))
        direct = held.exclude(user=None).order_by().values("user")
        return User.objects.filter(Q(pk__in=direct) | Q(pk__in=through_a_team.order_by().values("user"))).values("pk")

    def is_among(self, role: str, keys: Collection[str]) -> bool:
        return any(key.partition("-")[2] == role for key in keys)

    def choices(self) -> Sequence[RoleChoice]:
        """Return the roles that are given without approval. The others are given in the namespace itself."""
        policies = {row.pk: row.rules for row in ControlPolicy.objects.filter(enabled=True)}
        return [
            RoleChoice(f"{pk}-{role.value}", name, role.label)
            for pk, name in Namespace.objects.values_list("pk", "name")
            for role in reversed(STRONGEST_FIRST)
            if pk not in policies or not policies[pk].asked([need_of(role)])
        ]

    def choice(self, key: str) -> RoleChoice | None:
        found = _read(key)
        return RoleChoice(key, found[0].name, found[1].label) if found is not None else None

    def grant(self, actor: User, user: User, key: str) -> None:
        found = _read(key)
        if found is None:
            return
        namespace, role = found
        try:
            grant_in_transaction(actor, namespace=namespace, role=role, user=user)
        except RuleError as refusal:
            if refusal.code != "held":
                raise RefusedError("role", refusal.code, refusal.sentence) from None
        except HeldBack as held:
            where = f"Give it in {namespace.name}, under Access control (IAM)."
            raise RefusedError("role", held.code, f"{role.label} of {namespace.name} needs approval. {where}") from None

    def places(self, user: User) -> Sequence[tuple[int, str]]:
        return list(visible_namespaces(user).order_by("name").values_list("pk", "name"))

    def explain(self, user: User, place: int) -> Sequence[RightSection]:
        namespace = Namespace.objects.filter(pk=place).first()
        if namespace is None:
            return ()
        person = Person(user, rights_of_people([user], place)[user.pk])
        return explain([person], counts=counts_in(rights_in(user, namespace.pk).sight(namespace.pk)))[user.pk]


def uses_of_team(team: Team) -> Iterable[str]:
    """Yield what a team owns in namespaces, and its roles there."""
    for model in registry.models():
        number = model._default_manager.filter(team=team).count()
        if number:
            meta = model._meta
            yield f"{number} {meta.verbose_name if number == 1 else meta.verbose_name_plural}"
    roles = NamespaceRole.objects.filter(team=team).count()
    if roles:
        yield "1 role" if roles == 1 else f"{roles} roles"
    policies = ControlPolicy.objects.filter(by_team=team).count()
    if policies:
        yield "1 approval policy" if policies == 1 else f"{policies} approval policies"


def _read(key: str) -> tuple[Namespace, Role] | None:
    """Return the namespace and role of a key such as "3-reader"."""
    digits, _, role = key.partition("-")
    pk = whole_number(digits)
    namespace = Namespace.objects.filter(pk=pk).first() if pk is not None and role in Role.values else None
    return (namespace, Role(role)) if namespace is not None else None
