"""Checks of what clients did, by the connection log and the live state of the broker."""

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from lab.checks.situation import Situation, check
from namespaces.models import ConnectionAttempt
from sync.arm.gateway import AzureNotFound, AzureRefused, AzureUnreachable
from sync.capabilities.live_state import live_state
from sync.models import same_name


def attempts_of(situation: Situation) -> "QuerySet[ConnectionAttempt]":
    """Return the attempts since the exercise began, newest first."""
    rows = ConnectionAttempt.objects.visible_to(situation.namespace.sight).defer("record")
    return rows.filter(namespace=situation.namespace, at__gte=situation.progress.started_at).order_by("-cursor")


@check()
def refused(situation: Situation, *, code: str, client: str = "", file: str = "") -> bool:
    """The endpoint refused an attempt for this reason."""
    rows = attempts_of(situation).filter(accepted=False, code=code)
    if client:
        rows = rows.filter(same_name("client_name", client) | same_name("user_name", client))
    if file:
        rows = rows.filter(thumbprint=situation.thumbprint(file))
    return rows.exists()


@check()
def connected(situation: Situation, *, client: str, file: str = "", through: str = "") -> bool:
    """The endpoint accepted the client. `file`: with this certificate; `through`: by this CA certificate."""
    rows = attempts_of(situation).filter(same_name("client_name", client), accepted=True)
    if file:
        rows = rows.filter(thumbprint=situation.thumbprint(file))
    if through:
        names = situation.cas().filter(thumbprint=situation.thumbprint(through)).values("name")
        rows = rows.filter(ca_name__in=names)
    return rows.exists()


@check(is_costly=True)
def published(situation: Situation, *, client: str) -> bool:
    """The broker counts a message that the client published. Asks the broker."""
    gateway = live_state()
    if gateway is None:
        return False
    try:
        found = gateway.read(situation.namespace.resource_id, client)
    except (AzureNotFound, AzureRefused, AzureUnreachable):
        return False
    newest = (found.get("messages") or {}).get("lastReceived") or {}
    at = parse_datetime(str(newest.get("time") or ""))
    return at is not None and at >= situation.progress.started_at


@check()
def ca_gone_too_early(situation: Situation, *, file: str, client: str, through: str) -> bool:
    """The CA certificate is deleted, and the client has not connected by the other one."""
    gone = not situation.cas().filter(thumbprint=situation.thumbprint(file)).exists()
    return gone and not connected(situation, client=client, through=through)
