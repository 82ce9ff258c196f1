"""Give `sync` the namespaces as scopes: all of them, those that a user may see, and one for reading or changing."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Q

from namespaces.access import get_namespace, visible_namespaces, with_rights
from namespaces.models import Namespace
from namespaces.rights import Rights, Verb, rights_now
from portal.models import User
from sync import registry
from sync.models import Sight, SyncedModel
from sync.registry import RowRights, Scope


def _scope(namespace: Namespace) -> Scope:
    sight = Sight() if namespace.rights is None else namespace.sight
    return Scope(namespace.pk, namespace.resource_id, namespace.name, sight)


@dataclass(frozen=True)
class _RowRights:
    """The rights in a namespace, as `sync` asks for them."""

    rights: Rights

    @property
    def may_contribute(self) -> bool:
        return Verb.CONTRIBUTE in self.rights.verbs

    @property
    def may_change_some(self) -> bool:
        return any(self.rights.reach(model) for model in registry.models())

    def condition(self, model: type[SyncedModel]) -> Q:
        reach = self.rights.reach(model)
        return reach.condition if reach else Q(pk__in=())

    def covers(self, model: type[SyncedModel], team_pk: int | None) -> bool:
        return self.rights.reach(model).covers(team_pk)


class NamespaceScopes:
    """Registered with `sync` when the app is ready."""

    def all(self) -> Iterable[Scope]:
        """Return the namespaces that are imported and reachable: others are incomplete and would show drift everywhere."""
        done = Namespace.objects.filter(import_state=Namespace.Import.DONE, unreachable_since__isnull=True)
        return [_scope(namespace) for namespace in done]

    def pks(self) -> Collection[int]:
        return list(Namespace.objects.values_list("pk", flat=True))

    def visible(self, user: User) -> Iterable[Scope]:
        return [_scope(namespace) for namespace in with_rights(user, visible_namespaces(user))]

    def rights(self, user: User, pk: int) -> RowRights:
        return _RowRights(rights_now(user, pk))

    def get(self, user: User, pk: int, *, may_change: bool) -> Scope:
        return _scope(get_namespace(user, pk, Verb.CONTRIBUTE if may_change else Verb.READ))
