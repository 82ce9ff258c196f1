"""Who enforces the rules of a namespace now: Azure knows none of them, so without this portal's decision they only stand here."""

from django.conf import settings
from django.db import models

from namespaces.actions.decision_points import webhook_findings
from namespaces.models import DecisionPoint, Namespace, NamespaceConfiguration


class Enforcement(models.TextChoices):
    """`PORTAL` only once the namespace has asked about a client that is registered in Azure: no source says which Azure asks first."""

    AZURE = "azure", "not enforced by Azure"
    CHANGED = "changed", "not enforced by Azure"  # the setting was changed or removed there: an alarm on Drift
    NOT_CONFIRMED = "not-confirmed", "not confirmed"
    PORTAL = "portal", "enforced by this portal"

    @property
    def is_none(self) -> bool:
        """Return whether no rule counts for a CONNECT."""
        return self in (Enforcement.AZURE, Enforcement.CHANGED)


def enforcement_of(namespace: Namespace) -> Enforcement:
    """Return who enforces the rules of a namespace that the person may see."""
    rows = NamespaceConfiguration.visible_to(namespace.sight).filter(namespace=namespace.pk)
    url = rows.values_list("webhook_url", flat=True).first() or ""
    base = settings.DECISIONS_URL
    if not url or (base and not url.startswith(f"{base}/decide/")):  # another webhook does not know the rules either
        return Enforcement.AZURE
    if webhook_findings(namespace.pk):
        return Enforcement.CHANGED
    point = DecisionPoint.objects.filter(namespace=namespace.pk, confirmed_at__isnull=False)
    return Enforcement.PORTAL if point.exists() else Enforcement.NOT_CONFIRMED
