"""Who gets to know what happens in a namespace, and who may see it."""

from collections.abc import Mapping, Sequence
from typing import cast

from django.db.models import Q, QuerySet

from namespaces.access import administrators, visible_namespaces
from namespaces.models import Client, Namespace, NamespaceRole, Role
from namespaces.rights import Verb, rights_now
from portal.models import Notice, User
from sync.models import Sight, SyncedModel
from sync.models.sight import hideable_models

# Notices that only those get who can act on them.
FOR_OWNERS = {"access_asked"}
FOR_REGISTRARS = {"devices_waiting"}  # those who may create clients of the team


class NamespacePlaces:
    """Registered with the portal when the app is ready."""

    def audience(self, pk: int, team_pk: int | None, *, owners: bool = False) -> Sequence[User]:
        """Return the people who look after something in a namespace.

        What a team owns: its members who have a role here. What no team owns: Owners and Contributors. `owners`: Owners, also for
        what a team owns. Where there is nobody, the Owners, and without those the administrators.
        """
        held = NamespaceRole.objects.filter(namespace=pk)
        own = _holders(held.filter(role=Role.OWNER))
        if owners:
            found = own
        elif team_pk is not None:
            found = _holders(held).filter(teams=team_pk)
        else:
            found = _holders(held.filter(role__in=(Role.OWNER, Role.CONTRIBUTOR)))
        return list(found) or list(own) or list(administrators())

    def may_see(self, user: User, notice: Notice) -> bool:
        if notice.scope is None:
            return True
        rights = rights_now(user, notice.scope)
        if (Verb.OWN if notice.event in FOR_OWNERS else Verb.READ) not in rights.verbs:
            return False
        if notice.event in FOR_REGISTRARS and not rights.reach(Client).covers(notice.team_id):
            return False
        return not _is_hidden(notice, rights.sight(notice.scope))

    def owned(self, user: User) -> Mapping[int, str]:
        if not user.is_active:
            return {}
        mine = visible_namespaces(user)
        if not user.is_superuser:
            held = Q(roles__role=Role.OWNER) & (Q(roles__user=user) | Q(roles__team__members=user))
            mine = Namespace.objects.filter(held)
        return dict(mine.order_by("name").values_list("pk", "name").distinct())


def _holders(held: QuerySet[NamespaceRole]) -> QuerySet[User]:
    """Return the active users who hold one of these roles, own or through a team."""
    pks = Q(pk__in=held.values("user")) | Q(teams__in=held.values("team"))
    return User.objects.filter(pks, is_active=True).order_by("pk").distinct()


def _is_hidden(notice: Notice, sight: Sight) -> bool:
    """Return whether a notice is about a resource that is hidden from the person."""
    model = next((model for model in hideable_models() if model._meta.label_lower == notice.kind), None)
    if model is None or sight.partly is None or notice.team_id in sight.teams:
        return False
    return not cast(type[SyncedModel], model).visible_to(sight).named(notice.object_name).exists()
