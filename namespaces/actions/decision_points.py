"""Where this portal decides about CONNECTs: keep what ARM reports of the caller, and when Azure confirmed the setting."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from namespaces.decision_changes import decisions_changed
from namespaces.models import DecisionPoint, Namespace, NamespaceConfiguration
from namespaces.models.configuration import WEBHOOK_FIELDS
from namespaces.rules.configuration import SYSTEM_ASSIGNED, USER_ASSIGNED, Webhook
from sync.models import Finding

_OF_CALLER = ("principals", "switched_at", "asked_at", "confirmed_at")


def endpoint_url(point: DecisionPoint) -> str:
    """Return the address that Azure asks for this namespace; "" where the portal's decision service has no address."""
    base = str(settings.DECISIONS_URL).rstrip("/")
    return f"{base}/decide/{point.key}" if base else ""


def is_decided_here(configuration: NamespaceConfiguration | None, point: DecisionPoint | None) -> bool:
    """Return whether the wanted setting names this portal's endpoint of the namespace."""
    if configuration is None or point is None or not configuration.webhook_url:
        return False
    return configuration.webhook_url == endpoint_url(point)


def principals_in(resource: Mapping[str, Any] | None, webhook: Webhook) -> list[str]:
    """Return the principal ids of the identity with which a namespace calls its webhook, as ARM reports them."""
    identity = (resource or {}).get("identity") or {}
    if webhook.identity == SYSTEM_ASSIGNED:
        found = identity.get("principalId")
    elif webhook.identity == USER_ASSIGNED:
        every = {str(key).lower(): value for key, value in (identity.get("userAssignedIdentities") or {}).items()}
        found = (every.get(webhook.user_identity.lower()) or {}).get("principalId")
    else:
        found = None
    return [str(found)] if found else []


def webhook_findings(namespace_pk: int) -> list[Finding]:
    """Return what was found changed in Azure about who decides, and is not resolved yet."""
    kind = NamespaceConfiguration._meta.label_lower
    found = Finding.objects.filter(kind=kind, scope=namespace_pk).exclude(state=Finding.State.RESOLVED)
    return [each for each in found if any(field["field"] in WEBHOOK_FIELDS for field in each.fields)]


def note_identity(configuration: NamespaceConfiguration) -> DecisionPoint:
    """Keep the principal of the identity that the setting names, inside the caller's transaction."""
    point, _ = DecisionPoint.objects.get_or_create(namespace=configuration.namespace)
    point.principals = principals_in(configuration.namespace.resource, configuration.webhook)
    point.switched_at = point.asked_at = point.confirmed_at = None
    point.save(update_fields=_OF_CALLER)
    return point


def refresh_decision_point(
    namespace: Namespace, resource: Mapping[str, Any], *, at: datetime, is_in_azure: bool = True
) -> None:
    """Keep what ARM reports of a namespace: whose token its calls carry, and since when Azure has the portal's setting.

    What its endpoint has seen belongs to one switch, and is forgotten when Azure has another webhook or none: `is_in_azure` is
    false where somebody changed the setting there.
    """
    with transaction.atomic():
        point, _ = DecisionPoint.objects.select_for_update(of=("self",)).get_or_create(namespace=namespace)
        row: NamespaceConfiguration | None = NamespaceConfiguration.objects.filter(namespace=namespace).first()
        if row is None:
            return
        before = (point.principals, point.switched_at, point.asked_at, point.confirmed_at)
        point.principals = principals_in(resource, row.webhook)
        if not (row.webhook_url and is_in_azure):
            point.switched_at = point.asked_at = point.confirmed_at = None
        elif point.switched_at is None and row.is_settled and is_decided_here(row, point):
            point.switched_at = at
        if before != (point.principals, point.switched_at, point.asked_at, point.confirmed_at):
            point.save(update_fields=_OF_CALLER)
            decisions_changed(namespace.pk)
