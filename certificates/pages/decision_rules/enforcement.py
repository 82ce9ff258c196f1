"""Who enforces the rules of a namespace now: Azure knows none of them, so without this portal's decision they only stand here."""

from django.conf import settings
from django.db import models

from namespaces.models import DecisionPoint, Namespace, NamespaceConfiguration


class Enforcement(models.TextChoices):
    """`PORTAL` only once the namespace has asked about a client that is registered in Azure: no source says which Azure asks first."""

    AZURE = "azure", "not enforced by Azure"
    NOT_CONFIRMED = "not-confirmed", "not confirmed"
    PORTAL = "portal", "enforced by this portal"


def enforcement_of(namespace: Namespace) -> Enforcement:
    """Return who enforces the rules of a namespace that the person may see."""
    rows = NamespaceConfiguration.visible_to(namespace.sight).filter(namespace=namespace.pk)
    url = rows.values_list("webhook_url", flat=True).first() or ""
    base = settings.DECISIONS_URL
    if not url or (base and not url.startswith(f"{base}/decide/")):  # another webhook does not know the rules either
        return Enforcement.AZURE
    point = DecisionPoint.objects.filter(namespace=namespace.pk, confirmed_at__isnull=False)
    return Enforcement.PORTAL if point.exists() else Enforcement.NOT_CONFIRMED
