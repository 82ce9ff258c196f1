"""What every page of a namespace shows."""

from typing import Any

from namespaces.access import Verb, may
from namespaces.models import Namespace
from portal.web.responses import PageRequest


def namespace_context(request: PageRequest, namespace: Namespace, **more: Any) -> dict[str, Any]:
    """Return the template context of a page in `namespace`: the namespace and what the user may do in it."""
    return {
        "namespace": namespace,
        "may_contribute": may(request.user, namespace, Verb.CONTRIBUTE),
        "may_own": may(request.user, namespace, Verb.OWN),
        **more,
    }
