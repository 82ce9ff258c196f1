"""Give `sync` the namespaces as scopes: all of them, those that a user may see, and one for reading or changing."""

from collections.abc import Collection, Iterable

from namespaces.access import Verb, get_namespace, visible_namespaces
from namespaces.models import Namespace
from portal.models import User
from sync.registry import Scope


def _scope(namespace: Namespace) -> Scope:
    return Scope(namespace.pk, namespace.resource_id, namespace.name)


class NamespaceScopes:
    """Registered with `sync` when the app is ready."""

    def all(self) -> Iterable[Scope]:
        """Return the namespaces that are imported and reachable: others are incomplete and would show drift everywhere."""
        done = Namespace.objects.filter(import_state=Namespace.Import.DONE, unreachable_since__isnull=True)
        return [_scope(namespace) for namespace in done]

    def pks(self) -> Collection[int]:
        return list(Namespace.objects.values_list("pk", flat=True))

    def visible(self, user: User) -> Iterable[Scope]:
        return [_scope(namespace) for namespace in visible_namespaces(user)]

    def get(self, user: User, pk: int, *, may_change: bool) -> Scope:
        return _scope(get_namespace(user, pk, Verb.CONTRIBUTE if may_change else Verb.READ))
