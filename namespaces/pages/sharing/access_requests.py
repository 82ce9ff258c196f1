"""Requests for access: those that wait for the Owners of a namespace, and one's own."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from namespaces.models import AccessRequest, Namespace
from namespaces.rights import Verb
from portal.models import User

SHOWN = 50


@dataclass(frozen=True)
class OwnRequest:
    """What a person asked for. `state` and `is_open` are the same whether or not there is such a namespace."""

    row: AccessRequest
    state: str
    is_open: bool


def waiting_requests(namespace: Namespace) -> Sequence[AccessRequest]:
    """Return the requests that wait for the person for whom the namespace was read, the oldest first; only Owners have any."""
    if Verb.OWN not in namespace.rights.verbs:
        return []
    rows = AccessRequest.objects.waiting(timezone.now()).filter(namespace=namespace)
    return list(rows.select_related("user").order_by("asked_at", "pk")[:SHOWN])


def requests_of(user: User, *, namespace: Namespace | None = None) -> list[OwnRequest]:
    """Return what a person asked for, the newest first: in one namespace that they see, or everywhere.

    Several namespaces may have the name that was typed, and are one request to the person.
    """
    now = timezone.now()
    rows = AccessRequest.objects.filter(user=user)
    if namespace is not None:
        rows = rows.filter(namespace=namespace, state=AccessRequest.State.OPEN, expires_at__gt=now)
    found: dict[object, OwnRequest] = {}
    for row in rows.order_by("-asked_at", "-pk")[:SHOWN]:
        state = row.state_at(now)
        key = (row.namespace_name.lower(), row.role, row.asked_at)
        found.setdefault(key, OwnRequest(row, state.label, state is AccessRequest.State.OPEN))
    return list(found.values())
