"""What pages say about the revocation of one certificate."""

from typing import Any

from certificates.models import CACertificate, RevokedCertificate
from certificates.pages.decision_rules.enforcement import enforcement_of
from namespaces.models import Namespace


def revocation_of(row: CACertificate) -> dict[str, Any]:
    """Return the revocation of a CA certificate, None where it is not revoked, and who enforces it."""
    return {"revoked": _found(row.namespace, row.thumbprint), "enforcement": enforcement_of(row.namespace)}


def revocation_pk(namespace: Namespace, thumbprint: str) -> int | None:
    """Return the primary key of the revocation of a certificate, None where it is not revoked, or not seen."""
    found = _found(namespace, thumbprint)
    return found.pk if found is not None else None


def _found(namespace: Namespace, thumbprint: str) -> RevokedCertificate | None:
    if not thumbprint:
        return None
    in_force = RevokedCertificate.objects.visible_to(namespace.sight).in_force()
    return in_force.filter(namespace=namespace.pk, thumbprint=thumbprint).select_related("revoked_by").first()
