"""What every page of a namespace shows."""

from typing import Any

from namespaces.access import Verb, allowed_verbs
from namespaces.models import Namespace
from portal.web.responses import PageRequest


def namespace_context(request: PageRequest, namespace: Namespace, **more: Any) -> dict[str, Any]:
    """Return the template context of a page in `namespace`: the namespace and what the user may do in it."""
    allowed = allowed_verbs(request.user, namespace)
    return {
        "namespace": namespace,
        "may_contribute": Verb.CONTRIBUTE in allowed,
        "may_own": Verb.OWN in allowed,
        **more,
    }
