"""What every page of a namespace shows."""

from typing import Any

from namespaces.access import rights_of
from namespaces.models import Client, Namespace
from namespaces.rights import Verb
from portal.web.responses import PageRequest


def namespace_context(request: PageRequest, namespace: Namespace, **more: Any) -> dict[str, Any]:
    """Return the template context of a page in `namespace`: the namespace and what the user may do in it."""
    namespace.rights = rights_of(request.user, namespace)
    allowed = namespace.rights.verbs
    return {
        "namespace": namespace,
        "may_contribute": Verb.CONTRIBUTE in allowed,
        "may_register": bool(namespace.rights.reach(Client)),
        "may_own": Verb.OWN in allowed,
        **more,
    }
